"""Whether the export makes a better reward model: stock trainers on studies whose truth is known."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from app.db.session import Database
from app.exports.soft_labels import TRAINER
from tests.exports import reading
from tests.trainers.simulated import World, study, text, votes_of

datasets = pytest.importorskip("datasets")
torch = pytest.importorskip("torch")
trl = pytest.importorskip("trl")

pytestmark = [pytest.mark.trainers, pytest.mark.slow, pytest.mark.filterwarnings("ignore")]

PAIRS, FRESH, STEPS, BATCH = 1500, 600, 140, 32


def fit(rows: Any, tiny: Any, folder: Path, *, soft: str | None = None, steps: int = STEPS) -> Any:
    """TRL's reward trainer as it is, or the card's subclass for shares; returns model and tokenizer."""
    seen = [m["content"] for row in rows for m in (*row["chosen"], *row["rejected"])]
    model, tokenizer = tiny(seen)
    settings = trl.RewardConfig(
        output_dir=str(folder), max_steps=steps, per_device_train_batch_size=BATCH, learning_rate=3e-3, use_cpu=True,
        report_to="none", save_strategy="no", logging_steps=1000, disable_tqdm=True, bf16=False, gradient_checkpointing=False,
        seed=1, lr_scheduler_type="cosine", warmup_steps=10, max_length=None,
    )  # fmt: skip
    kind, more = trl.RewardTrainer, {}
    if soft is not None:
        named: dict[str, Any] = {}
        exec(TRAINER.format(probability=soft), named)
        kind = named["SoftRewardTrainer"]
        more = {"data_collator": named["WithShares"](pad_token_id=tokenizer.pad_token_id)}
    trainer = kind(model=model, args=settings, processing_class=tokenizer, train_dataset=rows, **more)
    assert len(trainer.train_dataset) == len(rows)
    trainer.train()
    return trainer.model.eval(), tokenizer


def leads(model: Any, tokenizer: Any, words: np.ndarray) -> np.ndarray:
    """How far the model puts the first answers ahead, float64 (pairs,)."""
    scores = []
    for side in (0, 1):
        told = [
            tokenizer.apply_chat_template(
                [{"role": "user", "content": "0?"}, {"role": "assistant", "content": text(w)}], tokenize=False
            )
            for w in words[:, side]
        ]
        batch = tokenizer(told, return_tensors="pt", padding=True, return_token_type_ids=False)
        with torch.no_grad():
            scores.append(model(**batch).logits.squeeze(-1).double().numpy())
    return scores[0] - scores[1]


def load(folder: Path, cache: Path) -> Any:
    return datasets.load_dataset(str(folder), "preference", split="train", cache_dir=str(cache))


def corrected(rows: Any, truth: dict[str, str]) -> Any:
    """The same pairs with what is really the better answer as chosen: the most that any label could do."""

    def turn(row: dict[str, Any]) -> dict[str, Any]:
        right = row["chosen_response_id"] == truth[row["item_id"]]
        return {
            "chosen": row["chosen" if right else "rejected"],
            "rejected": row["rejected" if right else "chosen"],
        }

    return rows.map(turn)


def test_labels_of_fact_recover_most_of_what_majority_loses(
    sqlite_template: Path, tmp_path: Path, tiny: Any, record_property: Any
):
    """Forty people, half of them careful; the others share a wrong preference, toss coins or take the left answer. Of the gap
    between a model trained on majorities and one trained on the truth, ``one_coin`` recovers on average .55 as hard labels
    and .70 as shares, over three studies.
    """
    import shutil

    from app.db.session import connect

    kinds = np.repeat([0, 1, 2, 3], [20, 12, 3, 5])
    hard, soft = [], []
    for seed in range(3):
        world = World(seed)
        words, fresh = world.answers(PAIRS), world.answers(FRESH)
        file = tmp_path / f"{seed}.sqlite3"
        shutil.copy(sqlite_template, file)
        database: Database = connect(f"sqlite:///{file}")
        told = votes_of(world, words, kinds, per_pair=5)
        study_id, now = study(database, words, told, people=kinds.size, kind="fact")
        truth = {f"i{n:05d}": "a" if lead > 0 else "b" for n, lead in enumerate(world.lead(words))}
        found = {}
        for rule in ("majority", "one_coin"):
            folder = tmp_path / f"{seed}-{rule}"
            reading.make(database, study_id, folder, now=now, rule=rule, file_type="parquet")
            found[rule] = load(folder, tmp_path / "cache")
        database.dispose()
        rows = {
            "majority": (found["majority"], None),
            "hard": (found["one_coin"], None),
            "soft": (found["one_coin"], "p_chosen"),
            "truth": (corrected(found["majority"], truth), None),
        }
        right = world.lead(fresh) > 0
        got = {}
        for name, (given, share) in rows.items():
            model, tokenizer = fit(given, tiny, tmp_path / "out", soft=share)
            got[name] = float(np.mean((leads(model, tokenizer, fresh) > 0) == right))
        gap = got["truth"] - got["majority"]
        assert gap > 0.03, got
        hard.append((got["hard"] - got["majority"]) / gap)
        soft.append((got["soft"] - got["majority"]) / gap)
        record_property(f"study {seed}", got)
        print(seed, got, f"recovered: hard {hard[-1]:.2f}, soft {soft[-1]:.2f}")
    assert np.mean(hard) >= 0.55
    assert np.mean(soft) >= 0.70


def test_where_people_honestly_differ_shares_predict_fresh_votes_better(
    sqlite_database: Database, tmp_path: Path, tiny: Any
):
    """Everybody careful, opinions soft: log-loss of the model's probability on one fresh vote for each new pair."""
    world = World(11)
    words, fresh = world.answers(PAIRS), world.answers(FRESH)
    kinds = np.zeros(40, np.int64)
    told = votes_of(world, words, kinds, per_pair=5, sharp=1.0)
    study_id, now = study(sqlite_database, words, told, people=40, kind="value")
    reading.make(sqlite_database, study_id, tmp_path / "x", now=now, rule="soft", file_type="parquet")
    rows = load(tmp_path / "x", tmp_path / "cache")
    votes = world.rng.random(FRESH) < 1 / (1 + np.exp(-1.0 * world.lead(fresh)))
    loss = {}
    for name, share in (("majority", None), ("soft", "p_chosen")):
        model, tokenizer = fit(rows, tiny, tmp_path / "out", soft=share, steps=4 * STEPS)
        ahead = leads(model, tokenizer, fresh)
        loss[name] = float(np.mean(np.logaddexp(0, np.where(votes, -ahead, ahead))))
    print(loss)
    assert loss["soft"] < loss["majority"] - 0.05
