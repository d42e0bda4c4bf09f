"""Structured logs: one JSON object a line, with ids, durations and decisions, never an answer, a name or an address."""

from __future__ import annotations

import logging
import sys
from typing import Any

import orjson

_LOGGER = logging.getLogger("soundings")
_FORBIDDEN = frozenset(
    {"answer", "choice", "rationale", "better", "email", "name", "text", "password", "token", "address", "ip"}
)


class _JsonLines(logging.Formatter):
    def format(self, record: logging.LogRecord) -> str:
        fields: dict[str, Any] = {
            "at": self.formatTime(record, "%Y-%m-%dT%H:%M:%S%z"),
            "level": record.levelname.lower(),
            "event": record.getMessage(),
        }
        fields.update(getattr(record, "fields", {}))
        if record.exc_info:
            fields["traceback"] = self._frames(record)
        return orjson.dumps(fields, default=str).decode()

    @staticmethod
    def _frames(record: logging.LogRecord) -> list[str]:
        """Where it happened, without the values that an exception's message might quote."""
        import traceback

        kind, _, trace = record.exc_info or (None, None, None)
        frames = [
            f"{f.filename.rsplit('/app/', 1)[-1]}:{f.lineno} {f.name}" for f in traceback.extract_tb(trace)
        ]
        return [*frames[-12:], kind.__name__ if kind else ""]


def configure(level: str = "INFO") -> None:
    """Send the project's events to standard error as JSON lines. Calling it again changes the level only."""
    if not _LOGGER.handlers:
        handler = logging.StreamHandler(sys.stderr)
        handler.setFormatter(_JsonLines())
        _LOGGER.addHandler(handler)
        _LOGGER.propagate = False
    _LOGGER.setLevel(level.upper())


def event(name: str, *, level: int = logging.INFO, **fields: Any) -> None:
    """Log one event. Fields that could hold what a person said or who they are are refused."""
    bad = _FORBIDDEN & fields.keys()
    if bad:
        raise ValueError(f"a log line may not carry {sorted(bad)}")
    _LOGGER.log(level, name, extra={"fields": fields})


def failure(name: str, error: BaseException, **fields: Any) -> None:
    """Log an unexpected exception with where it happened, without its message."""
    _LOGGER.error(name, exc_info=error, extra={"fields": fields})
