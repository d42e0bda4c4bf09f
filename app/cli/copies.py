"""backup and restore."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

from app.cli.setting import Rooms, naming, opened
from app.db import backup
from app.kit.clock import utc_now
from app.kit.settings import Settings


def add_commands(commands: Any) -> None:
    save = commands.add_parser("backup", help="a consistent copy, also while the server runs")
    save.add_argument("file", type=Path)
    save.set_defaults(do=_backup)
    load = commands.add_parser("restore", help="fill an empty database from a backup")
    load.add_argument("file", type=Path)
    load.set_defaults(do=_restore)


def _backup(options: argparse.Namespace, settings: Settings, rooms: Rooms) -> int:
    with opened(settings, rooms) as database, naming(options.file):
        counts = backup.backup(database, options.file, now=utc_now())
    print(f"{sum(counts.values())} rows are in {options.file}.")
    return 0


def _restore(options: argparse.Namespace, settings: Settings, _rooms: Rooms) -> int:
    settings.data_dir.mkdir(parents=True, exist_ok=True)
    counts = backup.restore(settings.resolved_database_url(), options.file)
    print(
        f"{sum(counts.values())} rows were restored. Files of exports are made again when they are asked for."
    )
    return 0
