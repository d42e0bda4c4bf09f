"""export: an export directory, made now and in this process; compare: what differs between two of them."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

from app.cli.setting import Rooms, find_study, naming, opened, print_json, progress_bar
from app.exports import options as export_options
from app.exports import writes
from app.exports.build import build
from app.exports.changes import between
from app.exports.preview import preview
from app.kit.clock import utc_now
from app.kit.settings import Settings


def add_commands(commands: Any) -> None:
    export = commands.add_parser("export", help="write an export directory")
    export.add_argument("slug")
    export.add_argument("--out", type=Path, required=True, metavar="DIR")
    export.add_argument("--format", default="preference", metavar="F[,F...]|all")
    export.add_argument("--rule", default="majority", metavar="R[,R...]")
    export.add_argument("--split", default=None, metavar="90/5/5")
    export.add_argument("--seed", type=int, default=0)
    export.add_argument("--file-type", choices=("jsonl", "parquet"), default=None)
    export.add_argument("--exclude", default="", metavar="REASON[,REASON...]")
    export.add_argument(
        "--copies", type=int, default=None, metavar="K", help="rows a pair becomes in preference_expanded (8)"
    )
    export.add_argument(
        "--include-text", action="store_true", help="what people wrote, without addresses and long numbers"
    )
    export.add_argument(
        "--dry-run", action="store_true", help="say what would be in it and why, write nothing"
    )
    export.set_defaults(do=_export)
    compare = commands.add_parser("compare", help="what differs between two export directories")
    compare.add_argument("before", type=Path, metavar="DIR")
    compare.add_argument("after", type=Path, metavar="DIR")
    compare.add_argument("--json", action="store_true")
    compare.set_defaults(do=_compare)


def _compare(options: argparse.Namespace, _settings: Settings, _rooms: Rooms) -> int:
    found = between(options.before, options.after)
    if options.json:
        print_json(found.as_dict())
        return 0
    if found.same:
        print("The same, byte for byte.")
    for name, before, after in found.settings:
        print(f"{name}: {before} -> {after}")
    for name, before, after in (*found.counts, *found.configs):
        if before != after:
            print(f"{name}: {'-' if before is None else before} -> {'-' if after is None else after}")
    if found.labels is not None:
        print(", ".join(f"{n} pairs {what}" for what, n in found.labels.items()))
    return 0


def _export(options: argparse.Namespace, settings: Settings, rooms: Rooms) -> int:
    wanted = export_options.read(
        format=options.format,
        rule=options.rule,
        split=options.split,
        seed=options.seed,
        file_type=options.file_type,
        exclude=options.exclude,
        copies=options.copies,
        include_text=options.include_text,
    )
    with opened(settings, rooms) as database:
        if options.dry_run:
            with database.read() as session:
                seen = preview(session, find_study(session, options.slug), wanted, now=utc_now())
            print_json(seen.as_dict())
            return 0
        with database.write() as session:
            study = find_study(session, options.slug)
            export = writes.request_export(session, study, wanted, by=None, now=utc_now())
        with naming(options.out):
            build(database, export.id, options.out, now=utc_now(), progress=progress_bar("Exporting"))
    print(f"Export {export.number} is in {options.out}.")
    return 0
