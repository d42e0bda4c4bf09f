"""Each pair as several rows in both directions, for trainers that know neither weights nor shares."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from app.exports import shaping
from app.exports.protocol import Facts, Placed, View
from app.exports.schema import MESSAGES, WHOLE, Column, Schema
from app.kit.ids import keyed_hash


@dataclass(frozen=True)
class PreferenceExpanded:
    """A pair becomes eight rows (or as many as were asked for), turned round in the share 1 - p; fewer where its votes weigh less.

    What does not come out whole is drawn once with the export's seed, so that the expected counts are exact.
    """

    name: str = "preference_expanded"
    title: str = "Chosen and rejected, several rows a pair in both directions by probability"
    readers: str = "TRL (reward, DPO), OpenRLHF, Axolotl (as preference)"
    leaves_out: Mapping[str, str] = field(
        default_factory=lambda: {
            **shaping.LEAVES_OUT,
            "no_row": "Pairs whose votes weigh so little that no row was drawn",
        }
    )
    about_people: bool = False

    def schema(self, facts: Facts) -> Schema:
        return (
            Column("chosen", MESSAGES, "the conversation that ends with the answer chosen in this row"),
            Column("rejected", MESSAGES, "the same conversation, ending with the other answer"),
            Column("row", WHOLE, "0, 1, 2 ... within the pair"),
            *shaping.columns(facts),
        )

    def rows(self, view: View) -> Iterator[Placed]:
        facts = view.facts
        for pair in shaping.decided(view):
            turned = shaping.turned(pair)
            values = [shaping.values(r, facts) for r in (pair, turned)]
            texts = [shaping.spoken(pair.pair.prompt, s.text) for s in (pair.chosen, pair.rejected)]
            weight = pair.pair.labels[0].weight / pair.pair.n_judgments
            against, n = drawn(values[1]["p_chosen"], view.copies * weight, view.seed, pair.pair.pair_id)
            if not n:
                view.leave_out("no_row")
            for place in range(n):
                way = int(place < against)
                chosen, rejected = texts[way], texts[1 - way]
                yield pair.pair.split, {"chosen": chosen, "rejected": rejected, "row": place, **values[way]}


def drawn(p_against: float, rows: float, seed: int, pair_id: str) -> tuple[int, int]:
    """How many rows of how many are turned round. Both are rounded up or down at random, so that they are right on average."""
    digest = keyed_hash(str(seed), "expanded", pair_id)
    one, other = (int(digest[start : start + 13], 16) / 16**13 for start in (0, 13))
    n = int(rows + one)
    return min(n, int(n * p_against + other)), n


FORMAT = PreferenceExpanded()
