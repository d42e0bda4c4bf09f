"""Figures of speed as tables: ``python -m tests.benchmarks [NAME ...]``, by default those of voting; NAME is a module here."""

from __future__ import annotations

import importlib
import pkgutil
import sys

import tests.benchmarks as here

DEFAULT = "vote_speed"


def main() -> None:
    """Run the benchmark that is named first, with the words that follow."""
    names = sorted(m.name for m in pkgutil.iter_modules(here.__path__))
    words = sys.argv[1:]
    name = words.pop(0) if words and not words[0].startswith("-") else DEFAULT
    if name not in names or not hasattr(module := importlib.import_module(f"{here.__name__}.{name}"), "main"):
        sys.exit(
            f"There is no benchmark {name!r}; there are: {', '.join(n for n in names if n not in SUPPORT)}."
        )
    sys.argv = [name, *words]
    module.main()


SUPPORT = {"__main__", "floor", "loading"}

if __name__ == "__main__":
    main()
