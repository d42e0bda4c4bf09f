"""The entries of the two question seams, found by folder."""

from __future__ import annotations

from functools import cache

from app.kit.discover import discover
from app.questions.protocol import MetaKind, QuestionKind


@cache
def kinds() -> dict[str, QuestionKind]:
    """Ways to compare, by name."""
    return discover("app.questions.kinds", "KIND")


@cache
def meta_kinds() -> dict[str, MetaKind]:
    """Meta-question kinds, by file name."""
    return discover("app.questions.meta", "KIND")


@cache
def by_code() -> dict[str, MetaKind]:
    """Meta-question kinds, by stored kind."""
    return {kind.code: kind for kind in meta_kinds().values()}
