"""The command line. Exit status 0 done, 1 refused or failed with one sentence on standard error, 2 wrong usage."""

from __future__ import annotations

import argparse
import importlib
import pkgutil
import sys
from typing import Any

from app.cli.setting import Rooms
from app.kit.errors import AppError
from app.kit.settings import Settings

__all__ = ["Rooms", "run"]


def run(argv: list[str], rooms: Rooms) -> int:
    """Parse ``argv`` and do the command."""
    parser = argparse.ArgumentParser(prog="soundings", description="Ask people which AI answers they prefer.")
    commands = parser.add_subparsers(dest="command", metavar="COMMAND", required=True)
    for info in sorted(pkgutil.iter_modules(__path__, prefix=f"{__name__}."), key=lambda i: i.name):
        add = getattr(importlib.import_module(info.name), "add_commands", None)
        if add is not None:
            add(commands)
    options = parser.parse_args(argv)
    try:
        return int(options.do(options, Settings(), rooms) or 0)
    except AppError as error:
        return _refuse(error.detail, error.errors)
    except (OSError, ValueError) as error:
        return _refuse(str(error), [])
    except KeyboardInterrupt:
        return 130


def _refuse(sentence: str, errors: list[Any]) -> int:
    print(sentence, file=sys.stderr)
    for one in errors[:20] if len(errors) > 1 else []:
        print(f"  {one['where']}: {one['message']}", file=sys.stderr)
    return 1
