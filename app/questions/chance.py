"""Draws about meta-questions that must come out alike again: option orders, forms, which question of several."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from random import Random

from app.kit.rng import generator
from app.questions.asking import LAST


def of_person(side_seed: int, *parts: str) -> Random:
    """A generator that is the same for one person and one question whenever it is asked for, and another for other people."""
    digest = hashlib.sha256("\x1f".join((str(side_seed), *parts)).encode()).digest()
    return generator(int.from_bytes(digest[:7], "big"))


def shuffled(values: Sequence[str], rng: Random) -> list[str]:
    """In random order, "not sure" and "rather not" last."""
    first = [v for v in values if v not in LAST]
    rng.shuffle(first)
    return [*first, *(v for v in LAST if v in values)]


def form_of(forms: Sequence[str], rng: Random) -> str:
    """Plain and mirrored alike often, one in ten reversed, where a kind has them."""
    rare = [f for f in forms if f == "reversed"]
    usual = [f for f in forms if f != "reversed"]
    if rare and rng.random() < 0.1:
        return rare[0]
    return rng.choice(usual)
