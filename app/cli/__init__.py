"""The command line. Exit status 0 done, 1 refused or failed with one sentence on standard error, 2 wrong usage."""

from __future__ import annotations

import argparse
import importlib
import pkgutil
import sys
from typing import Any

import pydantic
from sqlalchemy.exc import SQLAlchemyError

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
    except (OSError, ValueError, ModuleNotFoundError, SQLAlchemyError) as error:
        return _refuse(_sentence(error), [])
    except KeyboardInterrupt:
        return 130


def _sentence(error: Exception) -> str:
    """What is wrong, in one sentence without a number of the operating system's or a driver's words around it."""
    if isinstance(error, UnicodeDecodeError):
        return "The file is not UTF-8 text; save it as UTF-8."
    if isinstance(error, pydantic.ValidationError):
        return _setting(error)
    if isinstance(error, ModuleNotFoundError):
        return f"This needs {error.name}, which is not installed."
    if isinstance(error, SQLAlchemyError):
        reason = str(getattr(error, "orig", None) or error).strip().splitlines()[0]
        return f"The database of SOUNDINGS_DATABASE_URL cannot be used: {reason}"
    if isinstance(error, OSError) and error.filename:
        return f"{error.filename}: {error.strerror}"
    return str(error)


def _setting(error: pydantic.ValidationError) -> str:
    """One sentence that names each setting that cannot be read, without its value: it may be a secret."""
    wrong = (f"{'_'.join(map(str, one['loc']))}: {one['msg']}" for one in error.errors(include_url=False))
    return "; ".join(f"SOUNDINGS_{line[0].upper()}: {line[1]}" for line in (w.split(": ", 1) for w in wrong))


def _refuse(sentence: str, errors: list[Any]) -> int:
    print(sentence, file=sys.stderr)
    for one in errors[:20] if len(errors) > 1 else []:
        print(f"  {one['where']}: {one['message']}", file=sys.stderr)
    return 1
