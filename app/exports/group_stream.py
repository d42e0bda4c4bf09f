"""Pairs as each group sees them, for groups that are large enough to be named."""

from __future__ import annotations

from collections.abc import Iterator

from app.aggregation import registry as pooling
from app.aggregation.registry import EndorsedRule
from app.exports.pair_stream import Tallies, pairs
from app.exports.people import FEWEST_IN_GROUP
from app.exports.records import GroupPair, Label
from app.exports.state import State


def rule_of(name: str) -> str:
    """The rule that labels a group's own votes: the export's first, or plain shares where that one weighs groups."""
    rule = pooling.find(name)
    if isinstance(rule, EndorsedRule):
        return rule_of(rule.base.name)
    return "majority" if rule.uses_groups else name


def group_pairs(state: State) -> Iterator[GroupPair]:
    """Group after group, in the order of their names; of each the pairs that somebody of it voted on."""
    crowd = state.people
    rule = pooling.named([rule_of(state.options.rules[0])])[0]
    everyone = state.pooled[0]
    sizes = crowd.group_sizes
    for place, name in enumerate(crowd.group_names):
        if sizes[place] < FEWEST_IN_GROUP:
            continue
        votes = state.votes.only(state.votes.group[state.votes.person] == place)
        wanted = votes.n_judgments > 0
        tallies = Tallies(votes, [rule.pool(votes), everyone], crowd, None)
        for pair in pairs(state, wanted=wanted, tallies=tallies):
            own, study = pair.labels
            yield GroupPair(name, int(sizes[place]), pair._replace(labels=(Label(*own[:3]),)), study)
