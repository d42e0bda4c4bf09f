"""judgments import: votes collected elsewhere."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

from app.cli.setting import Rooms, check_study, find_study, opened
from app.judgments.importing import files
from app.judgments.importing.store import bring_in
from app.kit.clock import utc_now
from app.kit.settings import Settings


def add_commands(commands: Any) -> None:
    judgments = commands.add_parser("judgments", help="judgments").add_subparsers(dest="verb", required=True)
    bring = judgments.add_parser("import", help="bring votes collected elsewhere; all or nothing")
    bring.add_argument("slug")
    bring.add_argument("file", type=Path)
    bring.add_argument(
        "--annotators", type=Path, metavar="FILE", help="annotator_id and any attribute columns"
    )
    bring.add_argument("--format", default="auto", choices=files.FORMAT_NAMES)
    bring.set_defaults(do=_import)


def _import(options: argparse.Namespace, settings: Settings, rooms: Rooms) -> int:
    check_study(settings, rooms, options.slug, options.file)
    votes = files.read_path(options.file, format=options.format).all_or_nothing()
    told = files.read_annotators(options.annotators) if options.annotators else []
    with opened(settings, rooms) as database, database.write() as session:
        study = find_study(session, options.slug)
        brought = bring_in(session, study, votes, annotators=told, by=None, now=utc_now())
    print(f"{brought.added:,} judgments added, {brought.unchanged:,} unchanged.")
    return 0
