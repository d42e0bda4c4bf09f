"""The rules that are there, found by folder, and the refusal of those that are not."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache

from app.aggregation.protocol import PoolingRule
from app.kit.discover import discover
from app.kit.errors import Malformed

PLANNED = (
    "majority", "soft", "dawid_skene", "one_coin", "reliability_weighted", "group_balanced", "jury", "bridging",
    "group_informed_consensus", "nash_acceptance", "min_acceptance", "surprisingly_popular", "maximal_lottery",
    "bradley_terry", "individual", "endorsed", "reflective",
)  # fmt: skip
"""Names that the contract gives; those without a file here are refused as not there yet."""


class UnknownRule(Malformed):
    code, title = "unknown_rule", "There is no such rule"


@cache
def rules() -> dict[str, PoolingRule]:
    """Every rule by name."""
    return discover("app.aggregation.pooling", "POOL")


def named(names: Sequence[str]) -> tuple[PoolingRule, ...]:
    """The rules with these names, in the order asked for, each once. Raises UnknownRule with the list of those there are."""
    found = rules()
    for name in names:
        if name not in found:
            planned = name.removeprefix("endorsed+") in PLANNED
            word = "is not there yet" if planned else "is not a rule"
            message = f"{name!r} {word}; there are: {', '.join(found)}"
            raise UnknownRule(message, errors=[{"where": "rule", "message": message}])
    return tuple(found[name] for name in dict.fromkeys(names))
