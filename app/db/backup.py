"""A consistent copy of everything in the database, as one file that either kind of database can be restored from.

The file is a zip with one JSON-lines member a table and a manifest with the schema's revision and row counts. It is read in
one snapshot, so it can be taken while the server runs; people who answer meanwhile are neither waited for nor half in it.
"""

from __future__ import annotations

import base64
import os
import zipfile
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import Any

import orjson
import sqlalchemy as sa
from sqlalchemy.orm import Session

from app.db import migrate
from app.db.session import Database
from app.kit.clock import iso
from app.kit.errors import AppError, Conflict

FORMAT = 1
BATCH = 2000


class NotABackup(AppError):
    status, code, title = 422, "not_a_backup", "This file is not a backup of Soundings"


class NotEmpty(Conflict):
    code, title = "not_empty", "The database already holds data; restore into an empty one"


def backup(database: Database, file: Path, *, now: datetime) -> dict[str, int]:
    """Write ``file``, replacing one of that name only when the copy is whole. Returns rows by table."""
    metadata = migrate.TARGET()
    counts: dict[str, int] = {}
    part = file.with_name(file.name + ".part")
    try:
        with (
            database.read() as session,
            zipfile.ZipFile(part, "w", zipfile.ZIP_DEFLATED, compresslevel=3) as archive,
        ):
            revision = migrate.current(session.connection())
            for table in metadata.sorted_tables:
                with archive.open(f"{table.name}.jsonl", "w", force_zip64=True) as member:
                    counts[str(table.name)] = 0
                    for line in _lines(session, table):
                        member.write(line)
                        counts[str(table.name)] += 1
            about = {"format": FORMAT, "revision": revision, "made_at": iso(now), "rows": counts}
            archive.writestr("manifest.json", orjson.dumps(about, option=orjson.OPT_INDENT_2))
        with part.open("rb") as handle:
            os.fsync(handle.fileno())
        part.replace(file)
    finally:
        part.unlink(missing_ok=True)
    return counts


def restore(url: str, file: Path) -> dict[str, int]:
    """Fill the empty database at ``url`` from ``file``, all or nothing, and bring it up to date.

    Raises:
        NotABackup: The file cannot be read, or a table's rows are not as many as the manifest says.
        NotEmpty: The database holds studies or accounts.
    """
    try:
        archive = zipfile.ZipFile(file)
        about = orjson.loads(archive.read("manifest.json"))
        revision, counts = about["revision"], about["rows"]
    except (zipfile.BadZipFile, KeyError, orjson.JSONDecodeError, OSError) as error:
        raise NotABackup(f"{file} is not a backup of Soundings: {error}") from None
    migrate.upgrade(url, revision)
    engine = migrate.engine_for_migration(url)
    with archive, engine.begin() as connection:
        metadata = sa.MetaData()
        metadata.reflect(connection)
        for name in ("study", "researcher"):
            if connection.execute(sa.select(sa.func.count()).select_from(metadata.tables[name])).scalar_one():
                raise NotEmpty
        declared = migrate.TARGET()
        for table in metadata.sorted_tables:
            if table.name in counts:
                read = _fill(connection, declared.tables.get(table.name, table), archive, table.name)
                if read != counts[table.name]:
                    raise NotABackup(
                        f"{file}: {table.name} has {read} rows, the manifest says {counts[table.name]}"
                    )
        _restart_numbering(connection, metadata)
    engine.dispose()
    migrate.upgrade(url)
    return {k: int(v) for k, v in counts.items()}


def _lines(session: Session, table: sa.Table) -> Iterator[bytes]:
    order = [table.c.revision] if "revision" in table.c and "supersedes" in table.c else []
    query = sa.select(table).order_by(*order, *table.primary_key.columns)
    for row in session.execute(query.execution_options(yield_per=BATCH)).mappings():
        yield orjson.dumps({str(k): _plain(v) for k, v in row.items()}) + b"\n"


def _plain(value: Any) -> Any:
    if isinstance(value, bytes):
        return {"base64": base64.b64encode(value).decode()}
    return value


def _fill(connection: sa.Connection, table: sa.Table, archive: zipfile.ZipFile, name: str) -> int:
    moments = {
        c.name for c in table.columns if isinstance(c.type.dialect_impl(connection.dialect), sa.DateTime)
    } | {c.name for c in table.columns if type(c.type).__name__ == "Moment"}
    binary = {c.name for c in table.columns if isinstance(c.type, sa.LargeBinary)}
    read, batch = 0, []
    with archive.open(f"{name}.jsonl") as member:
        for line in member:
            row = orjson.loads(line)
            for key in moments & row.keys():
                if row[key] is not None:
                    row[key] = datetime.fromisoformat(row[key])
            for key in binary & row.keys():
                if row[key] is not None:
                    row[key] = base64.b64decode(row[key]["base64"])
            batch.append(row)
            if len(batch) == BATCH:
                connection.execute(table.insert(), batch)
                read, batch = read + len(batch), []
    if batch:
        connection.execute(table.insert(), batch)
    return read + len(batch)


def _restart_numbering(connection: sa.Connection, metadata: sa.MetaData) -> None:
    """On PostgreSQL, let each sequence go on behind the largest key."""
    if connection.dialect.name != "postgresql":
        return
    for table in metadata.sorted_tables:
        keys = list(table.primary_key.columns)
        if len(keys) == 1 and isinstance(keys[0].type, sa.Integer):
            sequence = connection.execute(
                sa.text("SELECT pg_get_serial_sequence(:t, :c)"), {"t": table.name, "c": keys[0].name}
            ).scalar()
            if sequence:
                connection.execute(
                    sa.text(
                        f"SELECT setval(:s, COALESCE((SELECT max({keys[0].name}) FROM {table.name}), 0) + 1, false)"
                    ),
                    {"s": sequence},
                )
