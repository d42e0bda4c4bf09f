"""The rules that are there, found by folder, and the refusal of those that are not."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cache

from app.aggregation.protocol import PoolingRule
from app.kit.discover import discover
from app.kit.errors import Malformed

PLANNED = (
    "majority", "soft", "dawid_skene", "one_coin", "reliability_weighted", "group_balanced", "jury", "bridging",
    "group_informed_consensus", "nash_acceptance", "min_acceptance", "surprisingly_popular", "maximal_lottery",
    "bradley_terry", "individual", "endorsed", "reflective",
)  # fmt: skip
"""Names that the contract gives; those without a file here are refused with what they wait for."""
ENDORSED = "endorsed"
_WAITS_FOR = {
    "jury": "it needs people's answers about who should decide (M5, M6)",
    "individual": "it gives each person a label of their own, not each pair; the format preference_person holds those",
    "reflective": "it needs second looks with reasons (M10, discussions)",
    "nash_acceptance": "it needs people's answers about what they could accept (M14)",
    "min_acceptance": "it needs people's answers about what they could accept (M14)",
    "surprisingly_popular": "it needs predictions of others' answers (M11) turned into a label",
    ENDORSED: "it needs answers about which influences people stand by (M1) and the corrections they make",
}


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
            message = f"{name!r} {_refusal(name, found)}; there are: {', '.join(found)}"
            raise UnknownRule(message, errors=[{"where": "rule", "message": message}])
    return tuple(found[name] for name in dict.fromkeys(names))


def _refusal(name: str, found: Mapping[str, PoolingRule]) -> str:
    """Why a name cannot be used: not a rule at all, or what it waits for."""
    base, plus, after = name.partition("+")
    if not plus and name in PLANNED:
        return f"is not there yet: {_WAITS_FOR[name]}"
    if plus and base == ENDORSED and after in found:
        return f"is not there yet: {_WAITS_FOR[ENDORSED]}"
    if plus and base == ENDORSED and after in PLANNED and after != ENDORSED:
        return f"is not there yet: {_WAITS_FOR[after]}"
    return "is not a rule"
