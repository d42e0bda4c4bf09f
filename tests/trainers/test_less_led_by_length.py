"""From what people say of their choices to the trained model: a stock trainer on the endorsed export is less driven by length."""

from __future__ import annotations

import random
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from scipy.special import expit

from app.judgments.importing.shape import Vote
from app.judgments.importing.store import bring_in
from app.metapreferences import writes
from app.metapreferences.writes import Asked
from app.people.tables import Annotator
from app.questions import registry
from app.questions.protocol import MetaAnswer, MetaView
from app.studies.tables import Study
from tests import factories
from tests.exports import reading
from tests.trainers.simulated import WORDS

datasets = pytest.importorskip("datasets")
torch = pytest.importorskip("torch")
trl = pytest.importorskip("trl")

from tests.trainers.test_better_reward_models import fit  # noqa: E402 - it needs the trainers

pytestmark = [pytest.mark.trainers, pytest.mark.filterwarnings("ignore")]

PAIRS, PROBES, FRESH, PEOPLE, PER_PAIR, CONTENT, MOST = 300, 70, 2000, 30, 5, 6, 8
SHARP, PULL = 3.0, 0.25
"""Logits of a choice for one spread of worth, and for each further word that says nothing."""
PADDING = "moreover"


class Crowd:
    """Words with a worth, padding without; people go by worth and are pulled to what is longer, and do not stand by that."""

    def __init__(self, seed: int) -> None:
        self.rng = np.random.default_rng(seed)
        self.worth = self.rng.normal(0, 1, len(WORDS))

    def answers(self, pairs: int, *, probe: bool = False) -> tuple[np.ndarray, np.ndarray]:
        """(words, int64 (pairs, 2, CONTENT); padding, int64 (pairs, 2)); of a probe both say the same and one is padded."""
        words = self.rng.integers(0, len(WORDS), (pairs, 2, CONTENT))
        padding = self.rng.integers(0, MOST + 1, (pairs, 2))
        if probe:
            words[:, 1] = words[:, 0]
            padding = np.tile([0, MOST], (pairs, 1))
        return words, padding

    def lead(self, words: np.ndarray) -> np.ndarray:
        """How much more the first answer is worth, in spreads: what everybody stands by."""
        total = self.worth[words].sum(axis=2)
        return (total[:, 0] - total[:, 1]) / (self.worth.std() * np.sqrt(2 * CONTENT))

    def chance(self, words: np.ndarray, padding: np.ndarray) -> np.ndarray:
        return np.asarray(expit(SHARP * self.lead(words) + PULL * (padding[:, 0] - padding[:, 1])))


def text(words: np.ndarray, padding: int) -> str:
    return " ".join([*(WORDS[w] for w in words), *[PADDING] * int(padding)]) + "."


def study(database: Any, clock: Any, crowd: Crowd, seed: random.Random) -> int:
    """The study with its votes and what people said of length; everything through the product's own doors."""
    both = [crowd.answers(PAIRS), crowd.answers(PROBES, probe=True)]
    words, padding = (np.concatenate(parts) for parts in zip(*both, strict=True))
    chance = crowd.chance(words, padding)
    rows = [
        {
            "id": f"i{n:04}", "prompt": f"{n}?", "split": "train",
            "responses": [
                {"id": "a", "text": text(words[n, 0], padding[n, 0])},
                {
                    "id": "b", "text": text(words[n, 1], padding[n, 1]),
                    **({"variant_of": "a", "variant": "length"} if n >= PAIRS else {}),
                },
            ],
        }
        for n in range(PAIRS + PROBES)
    ]  # fmt: skip
    votes = []
    for n in range(PAIRS + PROBES):
        for person in seed.sample(range(PEOPLE), PER_PAIR):
            sides = ("a", "b") if seed.random() < 0.5 else ("b", "a")
            chosen = "a" if seed.random() < chance[n] else "b"
            votes.append(
                ("line", Vote(f"p{person:02}", f"i{n:04}", *sides, "left" if sides[0] == chosen else "right"))
            )
    with database.write() as session:
        made = factories.study(session, now=clock.now, rows=rows)
        bring_in(session, session.get_one(Study, made.study_id), votes, by=None, now=clock.tick())
    kind = registry.by_code()["M1"]
    for number in range(PEOPLE):
        with database.write() as session:
            who = (
                session.query(Annotator).filter_by(study_id=made.study_id, external_id=f"p{number:02}").one()
            )
            said = MetaAnswer("ignore", stands={f"case{n}": True for n in range(3)})
            view = MetaView(str(who.id), about={"influence": "length", "sign": 1})
            asked = Asked(
                "M1", "M1.length", 1, "Should being longer count?", tuple(o.value for o in kind.options())
            )
            writes.record(
                session, made.study_id, who, asked, said, kind.effects(said, view), now=clock.tick(), shown_at=clock.now
            )  # fmt: skip
    return made.study_id


def ahead(model: Any, tokenizer: Any, words: np.ndarray, padding: np.ndarray) -> np.ndarray:
    """How far the model puts the first answers ahead, float64 (pairs,)."""
    scores = []
    for side in (0, 1):
        told = [
            tokenizer.apply_chat_template(
                [{"role": "user", "content": "0?"}, {"role": "assistant", "content": text(w, p)}],
                tokenize=False,
            )
            for w, p in zip(words[:, side], padding[:, side], strict=True)
        ]
        batch = tokenizer(told, return_tensors="pt", padding=True, return_token_type_ids=False)
        with torch.no_grad():
            scores.append(model(**batch).logits.squeeze(-1).double().numpy())
    return scores[0] - scores[1]


@pytest.mark.parametrize("number", range(1, 6))
def test_a_stock_trainer_on_the_endorsed_export_is_less_led_by_length(
    number: int, sqlite_database: Any, clock: Any, tmp_path: Path, tiny: Any, record_property: Any
):
    """Held-out pairs that say the same at two lengths: how far the longer is put ahead, and how often; and fresh pairs against what
    people stand by, in every one of five worlds. TRL's reward trainer as it is, on ``preference_expanded``.
    """
    crowd = Crowd(number)
    study_id = study(sqlite_database, clock, crowd, random.Random(number + 2))
    matched, fresh = crowd.answers(FRESH, probe=True), crowd.answers(FRESH)
    got = {}
    for rule in ("soft", "endorsed"):
        folder = tmp_path / rule
        reading.make(
            sqlite_database, study_id, folder, now=clock.tick(), rule=rule, format="preference_expanded", file_type="parquet"
        )  # fmt: skip
        rows = datasets.load_dataset(
            str(folder), "preference_expanded", split="train", cache_dir=str(tmp_path / "cache")
        )
        model, tokenizer = fit(rows, tiny, tmp_path / "out")
        longer = -ahead(model, tokenizer, *matched)
        right = (ahead(model, tokenizer, *fresh) > 0) == (crowd.lead(fresh[0]) > 0)
        got[rule] = {
            "longer_ahead": float(longer.mean()), "longer_chosen": float((longer > 0).mean()), "right": float(right.mean()),
        }  # fmt: skip
    record_property("figures", got)
    print(got)
    assert got["soft"]["longer_ahead"] > 0.5 and got["soft"]["longer_chosen"] > 0.9
    assert got["endorsed"]["longer_ahead"] < 0.5 * got["soft"]["longer_ahead"]
    assert got["endorsed"]["right"] >= got["soft"]["right"]
