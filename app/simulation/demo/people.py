"""The people who answer the demo: those who want plain facts and those who want a kind word, most of them drawn to length."""

from __future__ import annotations

from typing import Any

from app.simulation.people import POSITION
from app.simulation.population import Population

STRAIGHT, KIND = "Plain facts", "A kind word"
WRONG = -0.6
"""Being wrong costs little where it is said with confidence: people cannot always tell."""


def population() -> Population:
    """More straight talkers than kind ones. Groups are answers to the demo's own question about advice."""
    return Population(
        groups={STRAIGHT: 0.55, KIND: 0.45},
        tastes={
            STRAIGHT: {"quality": 1.8, "wrong": WRONG, "honesty": 1.3, "warmth": -0.2, "flattery": -1.4, "agrees_with_asker": -0.6, "hedging": -0.9, "refusal": -1.9},
            KIND: {"quality": 1.6, "wrong": WRONG, "honesty": -0.4, "warmth": 1.4, "flattery": 0.6, "agrees_with_asker": 0.5, "hedging": -0.5, "refusal": -1.5},
        },
        personal=0.15,
        sway={"length": (0.9, 0.25), "formatting": (0.2, 0.15), POSITION: (0.12, 0.15)},
        endorsing={"length": 0.12, "formatting": 0.5},
        slips=(0.05, 0.03),
        skips=0.015,
        sharpness=0.25,
        floor=-2.0,
        changing=0.05,
        nodding=0.1,
        cheap_talk=0.15,
    )  # fmt: skip


def substance(traits: dict[str, dict[str, Any]]) -> dict[tuple[str, str], dict[str, float]]:
    """What there is to like about each response, by (item id, response id), from what is noted of it."""
    names = ("quality", "honesty", "warmth", "flattery", "agrees_with_asker", "hedging", "refusal")
    return {
        (item, response): {name: float(has.get(name) or 0) for name in names}
        | {"wrong": 1.0 if has.get("correct") is False else 0.0}
        for item, responses in traits.items()
        for response, has in responses.items()
    }
