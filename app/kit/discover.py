"""Seams are folders: every module in one is imported, and offers one entry that bears the module's name."""

from __future__ import annotations

import importlib
import importlib.util
import pkgutil
from types import ModuleType
from typing import Any


class SeamError(RuntimeError):
    """A file in a seam folder does not offer what the seam asks for; the start is refused."""


def discover(package: ModuleType | str, attribute: str) -> dict[str, Any]:
    """Every entry of a seam by name, in the order of the names.

    Args:
        package: The seam's folder, as a module or its dotted name.
        attribute: What each module must define, such as ``KIND``; it must have a ``name`` equal to the module's.

    Raises:
        SeamError: A module lacks the attribute, or its name is not the file's.
    """
    folder = importlib.import_module(package) if isinstance(package, str) else package
    found: dict[str, Any] = {}
    for info in sorted(pkgutil.iter_modules(folder.__path__), key=lambda i: i.name):
        if info.name.startswith("_"):
            continue
        module = importlib.import_module(f"{folder.__name__}.{info.name}")
        entry = getattr(module, attribute, None)
        if entry is None:
            raise SeamError(f"{module.__name__} defines no {attribute}")
        if entry.name != info.name:
            raise SeamError(
                f"{module.__name__}.{attribute}.name is {entry.name!r}; it must be the file's name"
            )
        found[info.name] = entry
    return found


def import_tables(package: str) -> None:
    """Import every ``tables`` module of the rooms in ``package``, so that the schema is complete."""
    root = importlib.import_module(package)
    for info in sorted(pkgutil.iter_modules(root.__path__), key=lambda i: i.name):
        if info.ispkg and importlib.util.find_spec(f"{package}.{info.name}.tables"):
            importlib.import_module(f"{package}.{info.name}.tables")
