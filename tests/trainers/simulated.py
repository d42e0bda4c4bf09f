"""Studies with a known utility, through the product's own tables: who answers how, and what a perfect label would be."""

from __future__ import annotations

from datetime import timedelta

import numpy as np

from app.db.session import Database
from app.judgments.tables import Judgment
from app.people.tables import Annotator, AnnotatorEvent
from app.studies.tables import Item, Pair, Response
from tests.exports import builder

WORDS = [
    a + b for a in ("ba", "de", "fi", "go", "lu", "me") for b in ("kan", "lor", "mis", "nep", "rud", "tol")
]
LENGTH = 10


class World:
    """Words with a worth; an answer is a handful of words and worth their sum.

    utility: what careful people go by.  other: what those with a shared wrong preference go by, unrelated to it.
    """

    def __init__(self, seed: int) -> None:
        self.rng = np.random.default_rng(seed)
        self.utility, self.other = (self.rng.normal(0, 1, len(WORDS)) for _ in range(2))

    def answers(self, pairs: int) -> np.ndarray:
        """Words of both answers, int64 (pairs, 2, LENGTH)."""
        return self.rng.integers(0, len(WORDS), (pairs, 2, LENGTH))

    def lead(self, words: np.ndarray, worth: np.ndarray | None = None) -> np.ndarray:
        """How much more the first answer is worth, in spreads of that, float64 (pairs,)."""
        worth = self.utility if worth is None else worth
        return (worth[words[:, 0]].sum(axis=1) - worth[words[:, 1]].sum(axis=1)) / (
            worth.std() * np.sqrt(2 * LENGTH)
        )


def text(words: np.ndarray) -> str:
    return " ".join(WORDS[w] for w in words) + "."


def votes_of(world: World, words: np.ndarray, kinds: np.ndarray, *, per_pair: int, sharp: float = 4.0):
    """Pair, person, whether the first answer was chosen and whether it stood on the left, of votes dealt out evenly.

    kinds: of each person, 0 careful, 1 shared wrong preference, 2 careless, 3 always the left one.
    """
    n, people = len(words), kinds.size
    rng = world.rng
    pair = np.repeat(np.arange(n), per_pair)
    person = np.concatenate([rng.choice(people, per_pair, replace=False) for _ in range(n)])
    left = rng.random(pair.size) < 0.5
    chances = np.stack([
        1 / (1 + np.exp(-sharp * world.lead(words)))[pair],
        1 / (1 + np.exp(-2 * sharp * world.lead(words, world.other)))[pair],
        np.full(pair.size, 0.5),
        np.where(left, 0.97, 0.03),
    ])  # fmt: skip
    return pair, person, rng.random(pair.size) < chances[kinds[person], np.arange(pair.size)], left


def study(
    database: Database, words: np.ndarray, told, *, people: int, kind: str, slug: str = "known"
) -> tuple[int, object]:
    """Store a study with these votes; everything in the training part. Returns its number and a moment after the last vote."""
    pair, person, first, left = told
    with database.write() as session:
        made = builder.study(session, slug, item_kind=kind)
        rows = [
            Item(
                study_id=made.study.id, external_id=f"i{n:05d}", prompt=[{"role": "user", "content": f"{n}?"}],
                content_hash=f"{n:064x}", prompt_hash=f"{n:064x}", search_text="", added_at=made.now, given_split="train",
            )
            for n in range(len(words))
        ]  # fmt: skip
        session.add_all(rows)
        session.flush()
        sides = [
            Response(item_id=r.id, study_id=made.study.id, external_id="ab"[s], position=s, model="ab"[s], text=text(words[n, s]))
            for n, r in enumerate(rows)
            for s in (0, 1)
        ]  # fmt: skip
        session.add_all(sides)
        session.flush()
        pairs = [
            Pair(study_id=made.study.id, item_id=r.id, first_id=sides[2 * n].id, second_id=sides[2 * n + 1].id)
            for n, r in enumerate(rows)
        ]  # fmt: skip
        crowd = [
            Annotator(study_id=made.study.id, pseudonym=f"p{u}", source="import", attributes={}, joined_at=made.now, side_seed=1)
            for u in range(people)
        ]  # fmt: skip
        session.add_all([*pairs, *crowd])
        session.flush()
        session.add_all(
            AnnotatorEvent(annotator_id=c.id, at=made.now, kind="joined", detail={}) for c in crowd
        )
        for v, (i, u, chose_first, first_left) in enumerate(zip(pair, person, first, left, strict=True)):
            row = pairs[i]
            ends = (row.first_id, row.second_id) if first_left else (row.second_id, row.first_id)
            session.add(Judgment(
                id=f"{v:026d}", study_id=made.study.id, annotator_id=crowd[u].id, item_id=row.item_id, pair_id=row.id,
                left_id=ends[0], right_id=ends[1], choice="left" if chose_first == first_left else "right", protocol_version=1,
                source="import", created_at=made.now + timedelta(milliseconds=int(v)), counts=True,
            ))  # fmt: skip
        return made.study.id, made.now + timedelta(days=1)
