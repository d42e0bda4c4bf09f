"""From a request to a directory: one read transaction, files, manifest, sums, card, and only then its place."""

from __future__ import annotations

import secrets
import shutil
import time
from collections.abc import Callable
from dataclasses import asdict
from datetime import datetime
from pathlib import Path
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from app.db.session import Database
from app.exports import card, croissant, manifest, reads, registry, splits, writes
from app.exports.errors import FolderInUse
from app.exports.figures import Lengths, figures
from app.exports.manifest import Written
from app.exports.options import ExportOptions
from app.exports.protocol import Format
from app.exports.snapshot import Snapshot
from app.exports.splits import SplitReport
from app.exports.state import State, take
from app.exports.tables import Export
from app.exports.writes import request_export
from app.exports.writing import Files
from app.kit.clock import iso
from app.kit.errors import AppError
from app.people.tables import Annotator
from app.studies.tables import Study

__all__ = ["build", "request_export"]

Progress = Callable[[float], None]
BESIDE = "export.json"
"""Number, clock and predecessor: beside the sums, because they differ between two exports of the same state."""


def build(
    database: Database,
    export_id: str,
    folder: Path,
    *,
    now: datetime,
    progress: Progress | None = None,
) -> Export:
    """Write an export into ``folder`` and note that it is done. Building again gives the same bytes in the same place.

    Everything is written beside the folder first and renamed at the end, so a folder that is there is complete.

    Raises:
        NotFound: There is no such export.
        FolderInUse: The folder holds something that is not an export.
        EmptyGroup, NoGroups: A rule needs groups that the study does not have; the export is then marked as failed.
    """
    report = _Reporter(database, export_id, progress)
    _check_free(folder)
    with database.write() as session:
        writes.mark_running(session, export_id)
        export = reads.get_export(session, export_id)
        study = session.get_one(Study, export.study_id)
        previous = reads.find_previous(session, export)
    beside = folder.with_name(f".{folder.name}.{secrets.token_hex(4)}.partial")
    try:
        given = _give_splits(database, study, export, now=now)
        beside.mkdir(parents=True)
        with database.read() as session:
            state = take(session, study, ExportOptions.model_validate(export.options), as_of=export.as_of)
            counts, files = _write(state, beside, report)
            included = state.people.ids[_given(state)].tolist()
        counts["splits"] = asdict(given)
        _note_beside(beside, export, previous, counts, files)
        _put_in_place(beside, folder)
    except Exception as error:
        shutil.rmtree(beside, ignore_errors=True)
        sentence = (
            error.detail if isinstance(error, AppError) else "The export could not be written; try again."
        )
        with database.write() as session:
            writes.mark_failed(session, export_id, sentence, now=now)
        raise
    with database.write() as session:
        writes.mark_done(
            session,
            export_id,
            counts=counts,
            files=files,
            fingerprint=_fingerprint(files),
            holds_withdrawn=_withdrawn_since(session, included),
            now=now,
        )
        return reads.get_export(session, export_id)


def _give_splits(database: Database, study: Study, export: Export, *, now: datetime) -> SplitReport:
    options = ExportOptions.model_validate(export.options)
    return splits.ensure(
        database, study, scheme=options.split, shares=options.shares, as_of=export.as_of, now=now
    )


def _write(state: State, folder: Path, report: Progress) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    """Every file of the export; returns the counts and the list of files."""
    lengths = Lengths()
    formats = registry.named(state.options.formats)
    written = []
    for done, one in enumerate(formats):
        share = _Share(report, done, len(formats), max(1, state.collected.reason.size))
        written.append(write_format(state, one, folder, lengths, share))
        report(0.95 * (done + 1) / len(formats))
    told = {**figures(state), "lengths": lengths.as_dict()}
    rows = {
        f"{w.format.name}/{split}.{state.options.file_type}": n
        for w in written
        for split, n in w.rows.items()
    }
    for name, schema in manifest.schemas(written).items():
        (folder / name).parent.mkdir(exist_ok=True)
        (folder / name).write_bytes(manifest.readable(schema))
    entry = manifest.llama_factory(state.study.slug, written, state.options.file_type)
    if entry is not None:
        (folder / "dataset_info.json").write_bytes(manifest.readable(entry))
    (folder / "README.md").write_text(card.card(state, written, told, folder), encoding="utf-8", newline="\n")
    files = manifest.describe(folder, rows)
    document = croissant.croissant(state, written, told, files)
    (folder / "croissant.json").write_bytes(manifest.readable(document))
    files = manifest.describe(folder, rows, files)
    made = manifest.manifest(state, written, told, files)
    (folder / "manifest.json").write_bytes(manifest.readable(made))
    files = manifest.describe(folder, rows, files)
    (folder / "SHA256SUMS").write_text(manifest.sums(files), encoding="utf-8", newline="\n")
    files = manifest.describe(folder, rows, files)
    counts = {
        "rows": {w.format.name: w.rows for w in written},
        "left_out": {w.format.name: w.left_out for w in written if w.left_out},
        **made["subtraction"],
    }
    return counts, files


class _Reporter:
    """Notes how far the build is, at most once a second, and tells whoever asked to hear of it."""

    def __init__(self, database: Database, export_id: str, progress: Progress | None) -> None:
        self._database, self._export_id, self._progress = database, export_id, progress
        self._last = time.monotonic()

    def __call__(self, share: float) -> None:
        if self._progress is not None:
            self._progress(share)
        if time.monotonic() - self._last >= 1.0:
            self._last = time.monotonic()
            with self._database.write() as session:
                writes.note_progress(session, self._export_id, share)


class _Share:
    """Turns rows of one format among several into a share of the whole: how many rows there will be is only guessed."""

    def __init__(self, report: Progress, done: int, of: int, expected: int) -> None:
        self._report, self._done, self._of, self._expected = report, done, of, expected
        self._rows = 0

    def __call__(self, rows: int) -> None:
        self._rows += rows
        self._report(0.95 * (self._done + self._rows / (self._rows + self._expected)) / self._of)


def write_format(
    state: State, one: Format, folder: Path, lengths: Lengths, written: Callable[[int], None] | None = None
) -> Written:
    """One format's files, and what it left out. The first format that reads pairs also notes their lengths."""
    view = Snapshot(state, lengths=lengths if not lengths.characters else None)
    schema = one.schema(view.facts)
    rows = Files(folder / one.name, schema, state.options.file_type).write_all(one.rows(view), written)
    return Written(
        one, schema, _in_order(rows), {r: view.left_out[r] for r in one.leaves_out if view.left_out[r]}
    )


def _in_order(rows: dict[str, int]) -> dict[str, int]:
    usual = ("train", "validation", "test")
    return {s: rows[s] for s in [*(u for u in usual if u in rows), *sorted(rows.keys() - set(usual))]}


def _given(state: State) -> Any:
    import numpy as np

    return np.unique(state.collected.person)


def _note_beside(
    folder: Path, export: Export, previous: Export | None, counts: dict[str, Any], files: list[dict[str, Any]]
) -> None:
    note = {
        "export": export.id,
        "number": export.number,
        "as_of": iso(export.as_of),
        "requested_at": iso(export.created_at),
        "fingerprint": _fingerprint(files),
        "splits": counts["splits"],
        "previous": None
        if previous is None
        else {"number": previous.number, "fingerprint": previous.fingerprint, "counts": previous.counts},
    }
    (folder / BESIDE).write_bytes(manifest.readable(note))


def _fingerprint(files: list[dict[str, Any]]) -> str:
    return str(next(f["sha256"] for f in files if f["path"] == "SHA256SUMS"))


def _withdrawn_since(session: Session, included: list[int]) -> bool:
    """Whether somebody whose answers were written has withdrawn while they were being written."""
    for start in range(0, len(included), 500):
        part = included[start : start + 500]
        query = select(Annotator.id).where(Annotator.id.in_(part), Annotator.withdrawn_at.is_not(None))
        if session.scalar(query.limit(1)) is not None:
            return True
    return False


def _check_free(folder: Path) -> None:
    if (
        folder.exists()
        and (not folder.is_dir() or any(folder.iterdir()))
        and not (folder / "manifest.json").exists()
    ):
        raise FolderInUse(f"{folder} holds something other than an export; name another folder or empty it.")


def _put_in_place(beside: Path, folder: Path) -> None:
    """The new folder takes the place of the old one; a reader finds one or the other."""
    if folder.exists():
        old = folder.with_name(f".{folder.name}.{secrets.token_hex(4)}.old")
        folder.rename(old)
        beside.rename(folder)
        shutil.rmtree(old, ignore_errors=True)
    else:
        beside.rename(folder)
