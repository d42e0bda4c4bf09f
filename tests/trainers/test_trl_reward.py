"""Exports as the readers and trainers themselves take them: `datasets` loads every config, TRL trains on the directory."""

from __future__ import annotations

import json
import math
import re
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
import yaml

from app.db.session import Database
from app.exports.soft_labels import TRAINER
from tests.exports import builder, reading

datasets = pytest.importorskip("datasets")
torch = pytest.importorskip("torch")
trl = pytest.importorskip("trl")

pytestmark = [pytest.mark.trainers, pytest.mark.filterwarnings("ignore")]


def load(folder: Path, config: str, tmp_path: Path, **given: Any) -> Any:
    return datasets.load_dataset(str(folder), config, cache_dir=str(tmp_path / "cache"), **given)


def settings(kind: Any, tmp_path: Path, **given: Any) -> Any:
    """A few steps on the processor, nothing written and nobody told."""
    return kind(
        output_dir=str(tmp_path / "out"), max_steps=3, per_device_train_batch_size=4, use_cpu=True, report_to="none",
        save_strategy="no", logging_steps=1, disable_tqdm=True, bf16=False, gradient_checkpointing=False, seed=1, **given,
    )  # fmt: skip


def texts(rows: Any) -> list[str]:
    return [m["content"] for row in rows for m in row["chosen"] + row["rejected"]]


def losses(trainer: Any) -> list[float]:
    trainer.train()
    return [entry["loss"] for entry in trainer.state.log_history if "loss" in entry]


def test_every_config_and_split_loads(exported: Path, tmp_path: Path):
    """Row for row what the manifest says, also streaming, with the types that the card declares."""
    told = reading.manifest(exported)["configs"]
    configs = {c["name"]: c["rows"] for c in told if c["rows"]}
    assert datasets.get_dataset_config_names(str(exported)) == list(configs)
    for name, rows in configs.items():
        loaded = load(exported, name, tmp_path)
        assert {s: loaded[s].num_rows for s in loaded} == rows
        streamed = load(exported, name, tmp_path, streaming=True)
        assert next(iter(streamed["train"])) == loaded["train"][0]
        back = reading.rows(exported, name, "train")
        hidden = {"shown_at", "submitted_at"}
        first = {k: v for k, v in loaded["train"][0].items() if k not in hidden}
        assert first == {k: v for k, v in back[0].items() if k not in hidden}
    assert datasets.load_dataset(str(exported), cache_dir=str(tmp_path / "c2"))["train"].column_names[:2] == [
        "chosen",
        "rejected",
    ]


@pytest.mark.parametrize("config", ["preference", "preference_explicit", "preference_text"])
def test_the_reward_trainer_takes_it(exported: Path, tmp_path: Path, tiny: Any, config: str):
    train = load(exported, config, tmp_path)["train"]
    model, tokenizer = tiny(texts(load(exported, "preference", tmp_path)["train"]))
    trainer = trl.RewardTrainer(
        model=model,
        args=settings(trl.RewardConfig, tmp_path, max_length=None),
        processing_class=tokenizer,
        train_dataset=train,
    )
    assert len(trainer.train_dataset) == len(train)
    found = losses(trainer)
    assert len(found) == 3
    assert all(math.isfinite(x) for x in found)
    if config == "preference":
        one = tokenizer.decode(trainer.train_dataset[0]["chosen_ids"])
        assert one.count(train[0]["chosen"][0]["content"][:30]) == 1


def test_the_dpo_and_kto_trainers_take_it(exported: Path, tmp_path: Path, tiny: Any):
    train = load(exported, "preference", tmp_path)["train"].select(range(60))
    for kind, given in (
        ("DPO", train),
        ("KTO", load(exported, "unpaired", tmp_path)["train"].select(range(60))),
    ):
        model, tokenizer = tiny(texts(train), "language")
        reference, _ = tiny(texts(train), "language")
        trainer = getattr(trl, f"{kind}Trainer")(
            model=model,
            ref_model=reference,
            args=settings(getattr(trl, f"{kind}Config"), tmp_path),
            processing_class=tokenizer,
            train_dataset=given,
        )
        assert len(trainer.train_dataset) == 60
        found = losses(trainer)
        assert all(math.isfinite(x) for x in found)
        if kind == "DPO":
            assert found[0] == pytest.approx(math.log(2), abs=1e-3)


def test_the_card_s_soft_label_trainer_learns_shares(exported: Path, tmp_path: Path, tiny: Any):
    """The code block of the card as it stands: its loss is the cross-entropy with the shares, and it goes down."""
    card = (exported / "README.md").read_text(encoding="utf-8")
    code = next(b for b in re.findall(r"```python\n(.*?)```", card, re.DOTALL) if "SoftRewardTrainer" in b)
    assert code.strip() == TRAINER.format(probability="p_soft").strip()
    named: dict[str, Any] = {}
    exec(code, named)
    train = load(exported, "preference", tmp_path)["train"].select(range(40))
    model, tokenizer = tiny(texts(train))
    trainer = named["SoftRewardTrainer"](
        model=model,
        args=settings(trl.RewardConfig, tmp_path, learning_rate=3e-3),
        processing_class=tokenizer,
        train_dataset=train,
        data_collator=named["WithShares"](pad_token_id=tokenizer.pad_token_id),
    )
    batch = next(iter(trainer.get_train_dataloader()))
    share = batch["share"].clone()
    with torch.no_grad():
        model.eval()
        rewards = model(input_ids=batch["input_ids"], attention_mask=batch["attention_mask"]).logits.squeeze(
            -1
        )
        told = trainer.compute_loss(model, dict(batch))
    ahead = (rewards[: len(share)] - rewards[len(share) :]).double()
    p = 1 / (1 + torch.exp(-ahead))
    expected = -(share * torch.log(p) + (1 - share) * torch.log(1 - p)).mean()
    assert float(told) == pytest.approx(float(expected), abs=1e-5)
    trainer.args.max_steps = 30
    found = losses(trainer)
    assert sum(found[-5:]) < sum(found[:5])


@pytest.mark.parametrize("exported", ["jsonl"], indirect=True)
def test_nulls_and_whole_numbers_first_load_because_features_are_declared(exported: Path, tmp_path: Path):
    """Blocks of 20 MB in which a column is null or looks whole at first; without the card's features this fails."""
    path = exported / "preference" / "train.jsonl"
    rows = [json.loads(line) for line in path.read_bytes().split(b"\n")[:-1]]
    early = {**rows[0], "chosen_source": None, "p_chosen": 1, "chosen": []}
    n = 21_000_000 // len(json.dumps(early))
    with path.open("w", encoding="utf-8") as file:
        file.writelines(json.dumps(early) + "\n" for _ in range(n))
        file.writelines(json.dumps(r) + "\n" for r in rows)
    card = exported / "README.md"
    head, front, rest = card.read_text(encoding="utf-8").split("---\n", 2)
    declared = yaml.safe_load(front)
    info = next(i for i in declared["dataset_info"] if i["config_name"] == "preference")
    next(s for s in info["splits"] if s["name"] == "train")["num_examples"] = n + len(rows)
    card.write_text(f"{head}---\n{yaml.safe_dump(declared, sort_keys=False)}---\n{rest}", encoding="utf-8")
    loaded = load(exported, "preference", tmp_path)["train"]
    assert loaded.num_rows == n + len(rows)
    assert loaded[-1]["chosen"] == rows[-1]["chosen"]
    assert loaded[0]["p_chosen"] == 1.0
    assert loaded[0]["chosen_source"] is None

    del declared["dataset_info"]
    card.write_text(f"{head}---\n{yaml.safe_dump(declared, sort_keys=False)}---\n{rest}", encoding="utf-8")
    with pytest.raises(datasets.exceptions.DatasetGenerationError):
        load(exported, "preference", tmp_path / "without")


@pytest.mark.parametrize("file_type", ["jsonl", "parquet"])
def test_croissant_reads_moments(sqlite_database: Database, tmp_path: Path, file_type: str):
    """Answers given here know when they were given, unlike imported ones."""
    mlcroissant = pytest.importorskip("mlcroissant")
    with sqlite_database.write() as session:
        made = builder.small(session)
        study_id, now = made.study.id, made.tick()
    folder = tmp_path / "x"
    reading.make(
        sqlite_database, study_id, folder, now=now, format="judgments,assignments", file_type=file_type
    )
    found = mlcroissant.Dataset(jsonld=str(folder / "croissant.json"))
    rows = list(found.records("judgments-train"))
    written = reading.rows(folder, "judgments")
    assert len(rows) == len(written) > 0
    told = {r["judgments-train/judgment_id"].decode(): r["judgments-train/submitted_at"] for r in rows}
    for row in written:
        moment = datetime.fromisoformat(str(row["submitted_at"]))
        assert told[row["judgment_id"]].replace(tzinfo=UTC) == moment


def test_croissant_reads_every_record_set(exported: Path):
    mlcroissant = pytest.importorskip("mlcroissant")
    found = mlcroissant.Dataset(jsonld=str(exported / "croissant.json"))
    assert not found.metadata.ctx.issues.errors
    assert not found.metadata.ctx.issues.warnings
    sets = {r.name: r.uuid for r in found.metadata.record_sets}
    expected = {
        f"{c['name']}-{s}": n for c in reading.manifest(exported)["configs"] for s, n in c["rows"].items()
    }
    assert sets.keys() == expected.keys()
    for name, uuid in sets.items():
        rows = list(found.records(uuid))
        assert len(rows) == expected[name]
    one = next(iter(found.records("preference-train")))
    back = reading.rows(exported, "preference", "train")[0]
    assert one["preference-train/p_chosen"] == back["p_chosen"]
    assert one["preference-train/pair_id"] == back["pair_id"].encode()
