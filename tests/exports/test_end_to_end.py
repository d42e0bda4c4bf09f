"""A study becomes a directory: rows, manifest and sums that agree with each other and with the database."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

from app.db.session import Database
from tests.exports import builder, reading


def test_a_study_becomes_a_directory(database: Database, tmp_path: Path):
    with database.write() as session:
        made = builder.small(session)
        study_id, now = made.study.id, made.tick()
    folder = tmp_path / "out"
    export = reading.make(
        database, study_id, folder, now=now, format="preference,judgments", rule="majority,soft"
    )

    assert (export.state, export.number, export.progress) == ("done", 1, 1.0)
    rows = reading.rows(folder, "preference")
    assert len(rows) == 6
    for row in rows:
        assert (
            row["chosen"][:-1]
            == row["rejected"][:-1]
            == [{"role": "user", "content": f"What about {row['item_id']}?"}]
        )
        first = row["item_id"][1:]
        texts = {"a": f"The first answer to {first}.", "b": f"A second, different answer to {first}."}
        assert row["chosen"][-1] == {"role": "assistant", "content": texts[row["chosen_response_id"]]}
        assert row["rejected"][-1]["content"] == texts[row["rejected_response_id"]]
        assert row["p_chosen"] > 0.5
        assert 0 < row["p_soft"] < 1
        assert row["label_method"] == "majority"
    assert len(reading.rows(folder, "judgments")) == 38

    listed = {f["path"]: f for f in export.files or []}
    assert listed.keys() == set(reading.hashed(folder))
    for line in (folder / "SHA256SUMS").read_text().splitlines():
        digest, path = line.split("  ")
        data = (folder / path).read_bytes()
        assert hashlib.sha256(data).hexdigest() == digest
    assert export.fingerprint == hashlib.sha256((folder / "SHA256SUMS").read_bytes()).hexdigest()
    beside = json.loads((folder / "export.json").read_text())
    assert (beside["number"], beside["fingerprint"]) == (1, export.fingerprint)
