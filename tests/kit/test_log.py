"""What a log line says of a failure: where it happened, never what the exception quotes."""

from __future__ import annotations

import logging

import orjson

from app.kit import log


def test_a_failure_is_told_with_its_place_wherever_it_is_logged():
    """Handlers of errors may run after the exception was caught, in another thread."""
    try:
        raise ValueError("what somebody wrote")
    except ValueError as error:
        caught = error
    seen: list[logging.LogRecord] = []
    watching = logging.Handler()
    watching.emit = seen.append
    logger = logging.getLogger("soundings")
    logger.addHandler(watching)
    try:
        log.failure("it_broke", caught, job_id=7)
    finally:
        logger.removeHandler(watching)
    line = log._JsonLines().format(seen[0])
    told = orjson.loads(line)
    assert told["event"] == "it_broke" and told["job_id"] == 7
    assert told["traceback"][-1] == "ValueError" and "test_a_failure" in told["traceback"][0]
    assert "somebody wrote" not in line
