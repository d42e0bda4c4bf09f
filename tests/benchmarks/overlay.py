"""Votes that exist already, a panel of forty for one session, and what its answers do to the labels: on real debate arguments.

    python -m tests.benchmarks.overlay FOLDER --people 40 --questions 15

The votes are those of Habernal and Gurevych (2016); people there preferred the longer argument in 68.5 % of decided votes. The panel is
simulated: its people are swayed by length as those votes are, and four in five do not stand by it. Everything goes through the
functions that a researcher and a panelist go through: items and votes are imported, probes added, questions drawn, answers kept.
"""

from __future__ import annotations

import argparse
import json
import tempfile
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from random import Random
from typing import Any

from app.aggregation import labels
from app.assignments import intake
from app.cli.register import sentences
from app.db.migrate import upgrade
from app.db.session import Database, connect
from app.judgments.importing import files
from app.judgments.importing.store import bring_in
from app.kit.rng import generator
from app.people import writes as people
from app.people.tables import Annotator
from app.reports import fitting, overlay
from app.simulation import replies, world
from app.simulation.population import Population
from app.studies.importing.rows import read_items
from app.studies.tables import Study
from tests import factories

PADDING = (
    "People have said a good deal about this over the years, and there is a good deal more that could be said.",
    "Everyone will have to look at it from their own side and make up their own mind in the end.",
    "These are things that are worth a thought whenever the matter comes up, as it does from time to time.",
)
PROBES = 40
BEGINS = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)


@dataclass(frozen=True)
class Size:
    people: int = 40
    questions: int = 15
    items: int | None = None
    fit_every: int = 8


def run(database: Database, folder: Path, *, size: Size, seed: int = 1) -> dict[str, Any]:
    """The whole way once; returns the overlay's document."""
    rows, votes = _content(folder, size.items)
    rng = generator(seed)
    with database.write() as session:
        made = factories.study(
            session, now=BEGINS, rows=rows, slug="arguments", querying={"policy": "even", "retest": 0, "explore": 0},
            meta={"share": 0.2, "kinds": ["M1"]},
        )  # fmt: skip
        study = session.get_one(Study, made.study_id)
        bring_in(session, study, votes, by=made.owner_id, now=BEGINS)
        for row in rows:
            intake.retire_item(session, study, row["id"], retired=True, by=made.owner_id, now=BEGINS)
        intake.add_items(session, study, read_items(list(probes(rows, rng))), by=made.owner_id, now=BEGINS)
    fit = fitting.fit(database, made.study_id, now=BEGINS)
    slope = next(one["beta"] for one in fit.result["influences"] if one["name"] == "length")
    with database.read() as session:
        seen = world.of_study(session, made.study_id, seed=seed, substances=0, given={})
    crowd = Population(
        groups={"panel": 1.0}, tastes={"panel": {"quality": 1.0}}, sway={"length": (slope, slope / 4)}, endorsing={"length": 0.2},
        slips=(0.05, 0.03), nodding=0.1, cheap_talk=0.15,
    )  # fmt: skip
    now = BEGINS + timedelta(days=1)
    for number, who in enumerate(crowd.people(rng, size.people)):
        now += timedelta(minutes=1)
        _session(database, made.study_id, who, seen, rng, now, size.questions)
        if number % size.fit_every == size.fit_every - 1:
            fitting.fit(database, made.study_id, now=now)
    with database.read() as session:
        study = session.get_one(Study, made.study_id)
        found = overlay.overlay(session, study, labels.labels(session, study)).document(hourly_rate=12.0)
        return found | {"slope": slope}


def _session(database, study_id, who, seen, rng, now, questions):
    with database.write() as session:
        study = session.get_one(Study, study_id)
        annotator: Annotator = people.join(session, study_id, now=now, source="simulated").annotator
        answered = 0
        for _ in range(questions):
            taken = replies.take(session, study, annotator, who, seen, rng, now=now, answered=answered)
            if taken is None:
                return
            answered += taken.comparison
            now += timedelta(seconds=taken.seconds + 2)


def _content(folder: Path, count: int | None) -> tuple[list[dict[str, Any]], list[Any]]:
    """Items and votes of the folder, or those of its first items."""
    rows = [json.loads(line) for line in (folder / "items.jsonl").read_text(encoding="utf-8").splitlines()]
    rows = rows[:count]
    kept = {row["id"] for row in rows}
    read = files.read_path(folder / "judgments.csv").all_or_nothing()
    return rows, [(where, vote) for where, vote in read if vote.item in kept]


def probes(rows: Iterable[dict[str, Any]], rng: Random) -> Iterable[dict[str, Any]]:
    """Arguments beside themselves with sentences added that say nothing."""
    texts = [
        (row, response)
        for row in rows
        for response in row["responses"]
        if 15 <= len(response["text"].split()) <= 60
    ]
    for number, (row, response) in enumerate(rng.sample(texts, min(PROBES, len(texts)))):
        padded = " ".join([response["text"], *PADDING])
        yield {
            "id": f"probe-{number:03}",
            "prompt": row["prompt"],
            "responses": [
                {"id": "plain", "text": response["text"]},
                {"id": "padded", "text": padded, "variant_of": "plain", "variant": "length"},
            ],
        }


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("folder", type=Path)
    parser.add_argument("--people", type=int, default=40)
    parser.add_argument("--questions", type=int, default=15)
    parser.add_argument("--items", type=int)
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as place:
        url = f"sqlite:///{place}/overlay.sqlite3"
        upgrade(url)
        database = connect(url)
        size = Size(options.people, options.questions, options.items)
        found = run(database, options.folder, size=size, seed=options.seed)
        print("\n".join(sentences(found)))
        print(f"Slope of length in the votes brought in: {found['slope']:.2f} logits a standard deviation.")
        database.dispose()


if __name__ == "__main__":
    main()
