"""What made an export, for machines: manifest, checksums, schemas, and the entry that LLaMA-Factory asks for.

Nothing here knows the export's number, the clock or the export before it, so that the same state gives the same bytes.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import orjson

from app import __version__
from app.aggregation import registry as pooling
from app.exports.people import FEWEST_HOLDERS, FEWEST_IN_GROUP
from app.exports.protocol import Format
from app.exports.schema import Schema, json_schema
from app.exports.splits import FOLDS
from app.exports.state import State
from app.exports.subtraction import Subtraction
from app.exports.writing import digest

FORMAT, VERSION = "soundings-export", 1


@dataclass(frozen=True)
class Written:
    """One format as it was written: rows of each split, and what it left out, with the reasons' words."""

    format: Format
    schema: Schema
    rows: dict[str, int]
    left_out: dict[str, int] = field(default_factory=dict)
    subtraction: Subtraction | None = None

    @property
    def empty(self) -> bool:
        return not self.rows

    @property
    def total(self) -> int:
        return sum(self.rows.values())


def manifest(
    state: State, written: list[Written], figures: dict[str, Any], files: list[dict[str, Any]]
) -> dict[str, Any]:
    """Everything that the content follows from, and what came of it."""
    options = state.options
    return {
        "format": FORMAT,
        "version": VERSION,
        "made_by": {"name": "soundings", "version": __version__},
        "study": {
            "slug": state.study.slug,
            "title": state.study.title,
            "version": state.version,
            "simulated": state.study.simulated,
            "licence": state.spec.release.licence,
            "config_sha256": hashlib.sha256(canonical(state.spec.model_dump(mode="json"))).hexdigest(),
        },
        "answers": {"first_day": state.survey.first_day, "last_day": state.survey.last_day},
        "state": hashlib.sha256(state.salt.encode()).hexdigest()[:16],
        "options": options.model_dump(mode="json"),
        "labels": [_rule(state, index) for index in range(len(options.rules))],
        "subtraction": {"judgments": state.judgments.as_dict(), "pairs": state.pairs.as_dict()},
        "figures": figures,
        "split": {
            "scheme": options.split,
            "salt": state.placer.salt,
            "how": "HMAC-SHA256(salt, normalised request); stored once given, the same in every later export",
            "folds": FOLDS,
        },
        "privacy": {
            "ids": "people and answers bear ids of this export alone",
            "times": "to the minute; joining to the week",
            "fewest_holders_of_an_attribute": FEWEST_HOLDERS,
            "fewest_people_of_a_named_group": FEWEST_IN_GROUP,
            "free_text": options.include_text,
            "consent_scope": "release",
        },
        "configs": [
            {
                "name": w.format.name,
                "rows": w.rows,
                "left_out": [
                    {"reason": r, "words": w.format.leaves_out[r], "count": n} for r, n in w.left_out.items()
                ],
                **({"not_written": "no rows"} if w.empty else {}),
            }
            for w in written
        ],
        "files": files,
    }


def _rule(state: State, index: int) -> dict[str, Any]:
    pooled = state.pooled[index]
    rule = pooling.find(pooled.rule)
    return {
        "rule": rule.name,
        "decides": index == 0,
        "formula": rule.formula,
        "source": rule.source,
        "parameters": dict(pooled.parameters),
        "cautions": list(pooled.cautions),
    }


def schemas(written: list[Written]) -> dict[str, dict[str, Any]]:
    """The JSON Schema of each config that was written, by file name."""
    return {
        f"schema/{w.format.name}.json": json_schema(w.format.name, w.format.title, w.schema)
        for w in written
        if not w.empty
    }


def llama_factory(slug: str, written: list[Written], file_type: str) -> dict[str, Any] | None:
    """The ``dataset_info.json`` entry; only the text config can be read there (messages are dropped without a word)."""
    for one in written:
        if one.format.name == "preference_text" and "train" in one.rows:
            return {
                slug: {
                    "file_name": f"preference_text/train.{file_type}",
                    "ranking": True,
                    "columns": {"prompt": "prompt", "chosen": "chosen", "rejected": "rejected"},
                }
            }
    return None


def describe(
    folder: Path, rows: dict[str, int], known: Iterable[dict[str, Any]] = ()
) -> list[dict[str, Any]]:
    """Path, size, sum and rows of every file in the folder, in the order of their paths. Those ``known`` are not read again."""
    there = {entry["path"]: entry for entry in known}
    found = []
    for path in sorted(folder.rglob("*")):
        if path.is_file():
            name = path.relative_to(folder).as_posix()
            found.append(there.get(name) or _described(path, name, rows.get(name)))
    return found


def _described(path: Path, name: str, rows: int | None) -> dict[str, Any]:
    return {"path": name, "bytes": path.stat().st_size, "sha256": digest(path), "rows": rows}


def sums(files: list[dict[str, Any]]) -> str:
    """The files' sums as ``sha256sum -c`` reads them."""
    return "".join(f"{f['sha256']}  {f['path']}\n" for f in files)


def canonical(value: Any) -> bytes:
    """One JSON form of a value: sorted keys, no spaces."""
    return orjson.dumps(value, option=orjson.OPT_SORT_KEYS)


def readable(value: Any) -> bytes:
    """JSON for a file that people open too."""
    return orjson.dumps(value, option=orjson.OPT_INDENT_2 | orjson.OPT_APPEND_NEWLINE)
