"""``python -m app`` and the console script ``soundings``."""

from __future__ import annotations

import sys

from app import cli
from app import main as rooms


def main(argv: list[str] | None = None) -> int:
    """Run one command and return its exit status."""
    return cli.run(
        sys.argv[1:] if argv is None else argv,
        cli.Rooms("app.main:from_environment", rooms.handlers, rooms.readiness),
    )


if __name__ == "__main__":
    sys.exit(main())
