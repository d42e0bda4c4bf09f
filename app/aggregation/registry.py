"""The rules that are there, found by folder, and the refusal of those that are not."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache

from app.aggregation.protocol import Pooled, PoolingRule, Votes
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
}


@dataclass(frozen=True)
class EndorsedRule:
    """A rule after people's own corrections; ``app.aggregation.endorsing`` applies them, because they need more than votes."""

    name: str
    base: PoolingRule

    @property
    def title(self) -> str:
        """The base rule's, after corrections."""
        return f"{self.base.title}, with their choices read as people want them read"

    @property
    def formula(self) -> str:
        """The base rule's, with what is taken out first."""
        return (
            "logit p* = logit p - sum over influences of (1 - e) beta x, e the share of people who stand by the influence; slips, "
            f"guesses and changes of mind as their givers say; then {self.base.name}: {self.base.formula}"
        )

    @property
    def source(self) -> str:
        """The base rule's and ours."""
        return f"endorsement of influences, with {self.base.source}"

    @property
    def assumes(self) -> str:
        """The base rule's and ours."""
        return (
            "Right where people do not stand by what sways them. Nothing moves before somebody has said so, and an influence that is "
            f"not known to act by itself lowers weights instead of moving labels. {self.base.assumes}"
        )

    @property
    def uses_groups(self) -> bool:
        """As the base rule."""
        return self.base.uses_groups

    @property
    def tells(self) -> frozenset[str]:
        """What was taken out, and by whose word; no interval, because none is known for corrected shares."""
        return frozenset({"endorsed"})

    def pool(self, votes: Votes) -> Pooled:
        """Votes alone do not say what people stand by: the base rule's labels."""
        return self.base.pool(votes)


class UnknownRule(Malformed):
    code, title = "unknown_rule", "There is no such rule"


@cache
def rules() -> dict[str, PoolingRule]:
    """Every rule by name."""
    return discover("app.aggregation.pooling", "POOL")


def named(names: Sequence[str]) -> tuple[PoolingRule, ...]:
    """The rules with these names, in the order asked for, each once. Raises UnknownRule with the list of those there are."""
    return tuple(find(name) for name in dict.fromkeys(names))


def find(name: str) -> PoolingRule:
    """One rule; ``endorsed`` and ``endorsed+RULE`` after people's corrections. Raises UnknownRule."""
    found = rules()
    if name in found:
        return found[name]
    base, plus, after = name.partition("+")
    if name == ENDORSED:
        return EndorsedRule(name, found["soft"])
    if plus and base == ENDORSED and after in found:
        return EndorsedRule(name, found[after])
    there = ", ".join([*found, ENDORSED, f"{ENDORSED}+RULE"])
    message = f"{name!r} {_refusal(name)}; there are: {there}"
    raise UnknownRule(message, errors=[{"where": "rule", "message": message}])


def _refusal(name: str) -> str:
    """Why a name cannot be used: not a rule at all, or what it waits for."""
    base, plus, after = name.partition("+")
    waits = _WAITS_FOR.get(after if plus and base == ENDORSED else name)
    return "is not a rule" if waits is None else f"is not there yet: {waits}"
