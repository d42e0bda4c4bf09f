"""Which of a study's topics a person's words name. Pure."""

from __future__ import annotations

from collections.abc import Iterable

_MARKS = {ord(c): " " for c in ".,;:!?\"'()“”"}


def named_topics(text: str, topics: Iterable[str]) -> list[str]:
    """Topics that the words name, whole and in any case.

    Example:
        >>> named_topics("Only for recipes, and letters.", ["Recipes", "letters", "let"])
        ['Recipes', 'letters']
    """
    said = f" {' '.join(text.translate(_MARKS).casefold().split())} "
    return [t for t in topics if t and f" {t.casefold()} " in said]
