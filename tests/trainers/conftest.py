"""A tiny model built on the spot, and exports for the readers and trainers that people use. Needs the trainers extra."""

from __future__ import annotations

import csv
import json
import os
from pathlib import Path
from typing import Any

import pytest

from app.db.session import Database
from tests.exports import builder, reading

os.environ.setdefault("HF_HUB_OFFLINE", "1")
os.environ.setdefault("HF_DATASETS_OFFLINE", "1")
os.environ.setdefault("OMP_NUM_THREADS", "1")
os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")

CHAT = "{% for m in messages %}<|{{ m['role'] }}|>{{ m['content'] }}<|end|>{% endfor %}"


@pytest.fixture
def pandalm(sqlite_database: Database, shared_data: Path) -> tuple[Database, int, Any]:
    """The 170 items and 2,997 judgments of PandaLM's test set as a study."""
    folder = shared_data / "pandalm"
    with sqlite_database.write() as session:
        made = builder.study(session, "pandalm")
        for line in (folder / "items.jsonl").read_text(encoding="utf-8").splitlines():
            row = json.loads(line)
            ids: list[str] = []
            for response in row["responses"]:
                name = response["model"]
                ids.append(name if name not in ids else f"{name}#2")
            made.item(
                row["id"],
                *(r["text"] for r in row["responses"]),
                prompt=row["prompt"],
                ids=tuple(ids),
                models=tuple(r["model"] for r in row["responses"]),
            )
        with (folder / "judgments.csv").open(encoding="utf-8", newline="") as file:
            for row in csv.DictReader(file):
                pair = (row["left"], row["right"])
                swapped = (row["item_id"], *pair) not in made.pairs
                prefers = {"left": row["left"], "right": row["right"]}.get(row["choice"], row["choice"])
                made.vote(
                    row["annotator_id"], row["item_id"], prefers, pair=pair[::-1] if swapped else pair,
                    swapped=swapped, asked=False, answered_at=None, elapsed_ms=None,
                )  # fmt: skip
        return sqlite_database, made.study.id, made.tick()


@pytest.fixture(params=["jsonl", "parquet"])
def exported(request: pytest.FixtureRequest, pandalm: tuple[Database, int, Any], tmp_path: Path) -> Path:
    """The whole directory of that study."""
    database, study_id, now = pandalm
    reading.make(database, study_id, tmp_path / "export", now=now, format="all", rule="majority,soft", split="80/10/10",
                 file_type=request.param)  # fmt: skip
    return tmp_path / "export"


@pytest.fixture
def tiny() -> Any:
    """Makes a random two-layer model with one output, or a language model, and a tokenizer learned from the texts."""
    transformers = pytest.importorskip("transformers")
    tokenizers = pytest.importorskip("tokenizers")

    def make(texts: list[str], kind: str = "reward") -> tuple[Any, Any]:
        import torch

        torch.manual_seed(0)
        raw = tokenizers.ByteLevelBPETokenizer()
        special = ["<pad>", "<eos>", "<|user|>", "<|assistant|>", "<|system|>", "<|end|>"]
        raw.train_from_iterator(texts, vocab_size=600, special_tokens=special)
        tokenizer = transformers.PreTrainedTokenizerFast(
            tokenizer_object=raw._tokenizer, pad_token="<pad>", eos_token="<eos>"
        )
        tokenizer.chat_template = CHAT
        config = transformers.LlamaConfig(
            vocab_size=len(tokenizer), hidden_size=32, intermediate_size=64, num_hidden_layers=2,
            num_attention_heads=2, num_key_value_heads=2, max_position_embeddings=1024, num_labels=1,
            pad_token_id=tokenizer.pad_token_id, eos_token_id=tokenizer.eos_token_id, bos_token_id=None,
        )  # fmt: skip
        if kind == "reward":
            return transformers.LlamaForSequenceClassification(config), tokenizer
        return transformers.LlamaForCausalLM(config), tokenizer

    return make
