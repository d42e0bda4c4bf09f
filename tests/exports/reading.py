"""Making an export in a test, and reading its files back."""

from __future__ import annotations

import json
from datetime import datetime
from pathlib import Path
from typing import Any

from app.db.session import Database
from app.exports import options
from app.exports.build import build, request_export
from app.exports.tables import Export
from app.studies.tables import Study


def ask(database: Database, study_id: int, *, now: datetime, **given: Any) -> str:
    """Request an export and return its id."""
    with database.write() as session:
        study = session.get_one(Study, study_id)
        return request_export(session, study, options.read(**given), by=None, now=now).id


def make(database: Database, study_id: int, folder: Path, *, now: datetime, **given: Any) -> Export:
    """Request and build; JSONL unless told otherwise."""
    given.setdefault("file_type", "jsonl")
    return build(database, ask(database, study_id, now=now, **given), folder, now=now)


def rows(folder: Path, config: str, split: str | None = None) -> list[dict[str, Any]]:
    """Rows of a config, of every split unless one is named."""
    found: list[dict[str, Any]] = []
    for path in sorted((folder / config).glob(f"{split or '*'}.*")):
        if path.suffix == ".parquet":
            import pyarrow.parquet as pq

            found += pq.read_table(path).to_pylist()
        else:
            found += [json.loads(line) for line in path.read_bytes().split(b"\n")[:-1]]
    return found


def manifest(folder: Path) -> dict[str, Any]:
    return json.loads((folder / "manifest.json").read_text(encoding="utf-8"))


def hashed(folder: Path) -> dict[str, bytes]:
    """Every file but the note beside them, by path."""
    return {
        p.relative_to(folder).as_posix(): p.read_bytes()
        for p in sorted(folder.rglob("*"))
        if p.is_file() and p.name != "export.json"
    }
