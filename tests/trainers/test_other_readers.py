"""What OpenRLHF, Axolotl, LLaMA-Factory, NeMo-RL and RewardBench ask of their input, each as a check that its own reader makes,
and TRL's commands on the directory as it is.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.exports import reading

datasets = pytest.importorskip("datasets")
pytest.importorskip("torch")
pytest.importorskip("trl")

pytestmark = [pytest.mark.trainers, pytest.mark.filterwarnings("ignore")]


def load(folder: Path, config: str, tmp_path: Path) -> Any:
    return datasets.load_dataset(str(folder), config, split="train", cache_dir=str(tmp_path / "cache"))


class Refused(AssertionError):
    pass


def is_messages(value: Any) -> bool:
    return isinstance(value, list) and all(
        isinstance(m, dict) and {"role", "content"} <= m.keys() for m in value
    )


def openrlhf(row: dict[str, Any]) -> None:
    """reward_dataset.py without --data.prompt_key and with a chat template; DPO takes chosen[:-1] for the prompt."""
    for side in ("chosen", "rejected"):
        if not is_messages(row[side]) or row[side][-1]["role"] != "assistant":
            raise Refused(side)
    if row["chosen"][:-1] != row["rejected"][:-1]:
        raise Refused("prompts differ")
    if "margin" in row and row["margin"] is None:
        raise Refused("margin")


def axolotl_argilla(row: dict[str, Any]) -> None:
    """chat_template.argilla_chat: whole conversations, the last message is the answer."""
    openrlhf(row)
    if "prompt" in row:
        raise Refused("prompt")


def axolotl_default(row: dict[str, Any]) -> None:
    """chat_template.default with field_messages: prompt; of a list of answers the last is taken."""
    if not is_messages(row["prompt"]) or row["prompt"][-1]["role"] != "user":
        raise Refused("prompt")
    for side in ("chosen", "rejected"):
        if not is_messages(row[side]) or len(row[side]) != 1:
            raise Refused(side)


def three_texts(row: dict[str, Any]) -> None:
    """LLaMA-Factory's alpaca ranking and NeMo-RL's BinaryPreferenceDataset: strings, or rows vanish and lists are nested."""
    for name in ("prompt", "chosen", "rejected"):
        if not isinstance(row[name], str):
            raise Refused(name)


def rewardbench(row: dict[str, Any]) -> None:
    """load_preference_dataset: prompt := chosen[:-1]; a column of messages would be taken for instruction data."""
    if "messages" in row or not isinstance(row["chosen"], list) or len(row["chosen"]) < 2:
        raise Refused("chosen")
    if row["chosen"][:-1] != row["rejected"][:-1]:
        raise Refused("prompts differ")


def nemo_preference(row: dict[str, Any]) -> dict[str, Any]:
    """PreferenceDataset's shape, made from ours: exactly two completions of different rank."""
    return {
        "context": row["prompt"],
        "completions": [{"rank": 0, "completion": row["chosen"]}, {"rank": 1, "completion": row["rejected"]}],
    }


READERS = {
    "OpenRLHF": (openrlhf, ("preference", "preference_margin", "preference_votes", "preference_expanded")),
    "Axolotl argilla_chat": (axolotl_argilla, ("preference", "preference_votes", "preference_person")),
    "Axolotl default": (axolotl_default, ("preference_explicit",)),
    "LLaMA-Factory and NeMo-RL": (three_texts, ("preference_text",)),
    "RewardBench": (rewardbench, ("preference",)),
}


@pytest.mark.parametrize("reader", READERS)
def test_every_row_is_what_the_reader_asks_for(exported: Path, tmp_path: Path, reader: str):
    check, configs = READERS[reader]
    for config in configs:
        rows = load(exported, config, tmp_path)
        assert len(rows) > 50
        for row in rows:
            check(row)


@pytest.mark.parametrize(
    ("reader", "config"),
    [
        ("LLaMA-Factory and NeMo-RL", "preference"),
        ("LLaMA-Factory and NeMo-RL", "preference_explicit"),
        ("Axolotl argilla_chat", "preference_explicit"),
        ("RewardBench", "preference_explicit"),
    ],
)
def test_the_configs_it_does_not_name_are_refused(exported: Path, tmp_path: Path, reader: str, config: str):
    """The checks can fail: what the card does not recommend does not pass them."""
    check, _ = READERS[reader]
    rows = load(exported, config, tmp_path)
    with pytest.raises((Refused, KeyError)):
        check(rows[0])


def test_rewardbench_takes_the_list_type(exported: Path, tmp_path: Path):
    """It asks whether the feature is a list; the large variant is none."""
    features = load(exported, "preference", tmp_path).features
    assert type(features["chosen"]).__name__ in {"List", "list", "Sequence"}


def test_llama_factory_s_entry_leads_to_strings(exported: Path, tmp_path: Path):
    entries = json.loads((exported / "dataset_info.json").read_text())
    (entry,) = entries.values()
    assert entry["ranking"] is True
    path = exported / entry["file_name"]
    assert path.is_file()
    kind = {"jsonl": "json", "parquet": "parquet"}[path.suffix[1:]]
    rows = datasets.load_dataset(kind, data_files=str(path), split="train", cache_dir=str(tmp_path / "cache"))
    for ours, theirs in entry["columns"].items():
        assert ours in {"prompt", "chosen", "rejected"}
        assert all(isinstance(v, str) for v in rows[theirs])


def test_nemo_s_ranked_shape_is_one_step_away(exported: Path, tmp_path: Path):
    for row in load(exported, "preference_explicit", tmp_path):
        told = nemo_preference(row)
        assert sorted(c["rank"] for c in told["completions"]) == [0, 1]
        assert is_messages(told["context"])


@pytest.mark.parametrize("exported", ["parquet"], indirect=True)
@pytest.mark.parametrize(
    ("command", "config"),
    [("reward", "preference"), ("dpo", "preference"), ("reward", "preference_expanded")],
)
def test_trl_s_command_trains_on_the_directory_as_it_is(
    exported: Path, tmp_path: Path, tiny: Any, command: str, config: str
):
    """The README's line, with a model made on the spot."""
    readme = (Path(__file__).parents[2] / "README.md").read_text(encoding="utf-8")
    line = "trl reward --model_name_or_path MODEL --dataset_name dataset --dataset_config preference --output_dir reward-model"
    assert line in readme
    rows = load(exported, "preference", tmp_path)
    seen = [m["content"] for r in rows for m in (*r["chosen"], *r["rejected"])]
    model, tokenizer = tiny(seen, "reward" if command == "reward" else "language")
    model.save_pretrained(tmp_path / "model")
    tokenizer.save_pretrained(tmp_path / "model")
    told = line.replace("trl reward", f"trl {command}").replace("MODEL", str(tmp_path / "model"))
    told = told.replace("--dataset_name dataset", f"--dataset_name {exported}").replace(
        "--dataset_config preference", f"--dataset_config {config}"
    )
    told = told.replace("--output_dir reward-model", f"--output_dir {tmp_path / 'out'}")
    trl = Path(sys.executable).parent / "trl"
    more = ["--max_steps", "2", "--per_device_train_batch_size", "2", "--use_cpu", "True", "--report_to", "none", "--save_strategy",
            "no", "--bf16", "False", "--gradient_checkpointing", "False", "--logging_steps", "1"]  # fmt: skip
    environment = {
        **os.environ,
        "HF_HUB_OFFLINE": "1",
        "HF_HOME": str(tmp_path / "hf"),
        "OMP_NUM_THREADS": "1",
    }
    done = subprocess.run(  # noqa: PLW1510 - what went wrong is told below
        [str(trl), *told.split()[1:], *more], capture_output=True, text=True, env=environment, timeout=900
    )
    assert done.returncode == 0, done.stderr[-2000:]
    assert "loss" in done.stdout + done.stderr


def test_every_config_that_has_rows_is_read(exported: Path):
    """Nothing that the contract names is missing but what this study cannot have."""
    absent = {c["name"] for c in reading.manifest(exported)["configs"] if not c["rows"]}
    assert absent == {"assignments", "meta_preferences", "meta_judgments", "preference_group"}
