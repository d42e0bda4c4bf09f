"""Time and memory of a full report on a million judgments: each level, the reading of the database, and the whole.

    python -m tests.benchmarks.report_speed --judgments 1000000 --items 100000 --people 2000

The database is a SQLite file made for it (``--keep FILE`` keeps it). Times are CPU seconds of one thread; memory is the most
the process has held at once, and what of it was there before the report began.
"""

from __future__ import annotations

import argparse
import resource
import tempfile
import time
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path

import numpy as np
import sqlalchemy as sa

from app.aggregation import labels
from app.aggregation.observations import observations
from app.db.migrate import upgrade
from app.db.session import connect
from app.judgments.tables import Judgment
from app.kit.clock import utc_now
from app.people.tables import Annotator
from app.reports import fitting
from app.reports.agreement import agreements
from app.reports.disagreement import disagreement
from app.reports.influences import influences
from app.reports.people import people
from app.reports.ranking import ranking
from app.studies import reads as studies
from app.studies.tables import Item, Pair, Response, Study
from tests import factories

AIMS = {"dataset level": 1.0, "item level": 10.0, "ranking": 1.0}
MODELS, GROUPS, REPEATS = 20, ("north", "south", "east"), 0.06


def held():
    """MiB the process has held at most."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


@contextmanager
def timed(name, times):
    start = time.process_time()
    yield
    times[name] = time.process_time() - start
    aim = f" (at most {AIMS[name]:g})" if name in AIMS else ""
    print(f"{name:<28} {times[name]:7.2f} s{aim:<16} {held():8.0f} MiB held at most", flush=True)


def build(database, judgments, items, people_, rng):
    """A study of that size: one pair an item, groups that differ on some pairs, lengths that sway."""
    now = utc_now()
    profile = [{"key": "region", "label": "Where?", "options": list(GROUPS)}]
    with database.write() as session:
        made = factories.study(session, now=now, rows=[], state="draft", people={"profile": profile, "groups": {"key": "region"}})  # fmt: skip
    study_id = made.study_id
    model = np.stack([rng.integers(0, MODELS, items), rng.integers(1, MODELS, items)])
    model[1] = (model[0] + model[1]) % MODELS
    long = rng.lognormal(4, 0.6, (2, items)).astype(int) + 5
    with database.write() as session:
        base = {"study_id": study_id}
        add = session.execute
        add(sa.insert(Item), [base | {"id": i + 1, "external_id": f"i{i}", "prompt": [{"role": "user", "content": f"Request {i}?"}], "details": {}, "flags": [], "content_hash": "", "prompt_hash": str(i), "search_text": f"Request {i}?", "added_at": now, "topic": f"topic {i % 8}"} for i in range(items)])  # fmt: skip
        add(sa.insert(Response), [base | {"id": 2 * i + s + 1, "item_id": i + 1, "external_id": f"r{s}", "position": s, "model": f"model {model[s, i]}", "text": "word " * int(long[s, i] // 5), "details": {}, "flags": [], "masks": []} for i in range(items) for s in (0, 1)])  # fmt: skip
        add(sa.insert(Pair), [base | {"id": i + 1, "item_id": i + 1, "first_id": 2 * i + 1, "second_id": 2 * i + 2} for i in range(items)])  # fmt: skip
        add(sa.insert(Annotator), [base | {"id": p + 1, "pseudonym": f"person-{p}", "external_id": f"p{p}", "source": "import", "attributes": {}, "group_label": GROUPS[p % 3], "consent_scope": "release", "joined_at": now, "opted_out_topics": [], "side_seed": p} for p in range(people_)])  # fmt: skip
    asked = int(judgments * (1 - REPEATS))
    pair, person = rng.integers(0, items, asked), rng.integers(0, people_, asked)
    again = rng.choice(asked, judgments - asked, replace=False)
    pair, person = np.concatenate([pair, pair[again]]), np.concatenate([person, person[again]])
    strength = rng.normal(0, 0.6, MODELS)
    apart = np.where(rng.random(items) < 0.2, 1.5, 0.2)[:, None] * rng.normal(0, 1, (items, 3))
    eta = strength[model[0]] - strength[model[1]] + rng.normal(0, 1, items) + 0.4 * np.log(long[0] / long[1])
    left = rng.random(pair.size) < 0.5
    chance = 1 / (1 + np.exp(-(eta[pair] + apart[pair, person % 3] + np.where(left, 0.1, -0.1))))
    first = rng.random(pair.size) < chance
    tie = rng.random(pair.size) < 0.1
    choice = np.where(tie, "tie", np.where(first == left, "left", "right"))
    seconds = rng.lognormal(3, 0.5, pair.size)
    shape = {
        **base, "revision": 1, "is_gold": False, "saw_peer_reasons": False, "protocol_version": 1, "late": False, "counts": False,
        "source": "import", "created_at": now,
    }  # fmt: skip
    for start in range(0, pair.size, 50_000):
        with database.write() as session:
            session.execute(sa.insert(Judgment), [
                shape | {
                    "id": f"{n:026d}", "annotator_id": int(person[n]) + 1, "item_id": int(pair[n]) + 1, "pair_id": int(pair[n]) + 1,
                    "left_id": int(2 * pair[n] + (1 if left[n] else 2)), "right_id": int(2 * pair[n] + (2 if left[n] else 1)),
                    "choice": str(choice[n]), "elapsed_ms": int(1000 * seconds[n]), "retest_of": "0" * 26 if n >= asked else None,
                    "answered_at": now + timedelta(seconds=n),
                }
                for n in range(start, min(start + 50_000, pair.size))
            ])  # fmt: skip
    return study_id


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--judgments", type=int, default=1_000_000)
    parser.add_argument("--items", type=int, default=100_000)
    parser.add_argument("--people", type=int, default=2_000)
    parser.add_argument("--keep", type=Path, help="a database file to make, or to use where it is there")
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        file = asked.keep or Path(folder) / "report.sqlite3"
        there = file.exists()
        upgrade(f"sqlite:///{file}")
        database = connect(f"sqlite:///{file}")
        if there:
            with database.read() as session:
                study_id = session.scalar(sa.select(Study.id))
        else:
            study_id = build(
                database, asked.judgments, asked.items, asked.people, np.random.default_rng(asked.judgments)
            )
        print(f"{asked.judgments:,} judgments; {held():.0f} MiB held before the report")
        report(database, study_id)
        database.dispose()


def report(database, study_id):
    times = {}
    with timed("measuring the texts, once", times):
        fitting.traits.keep(database, study_id)
    with database.read() as session:
        study = session.get_one(Study, study_id)
        spec = studies.spec_of(session, study)
        with timed("reading the database", times):
            observations(session, study_id)
        with timed("labels, with what is wished", times):
            found = labels.labels(session, study)
        seen = found.basis.seen
        with timed("agreement", times):
            agreements(seen, seed=1)
        with timed("influences", times):
            swayed = influences(found)
        levels(spec, seen, swayed, times)
        with timed("ranking", times):
            ranking(seen, seed=1)
        with timed("people", times):
            people(seen)
    del found, seen, swayed
    with timed("the whole, as it is stored", times):
        fitting.fit(database, study_id, now=utc_now())


def levels(spec, seen, swayed, times):
    """The two levels of the decomposition: the second is what the whole takes beyond the first."""
    from app.inference.decomposition.dataset import decompose
    from app.reports.disagreement import PERMUTATIONS, _votes

    with timed("dataset level", times):
        votes = _votes(spec, seen)
        decompose(votes, permutations=0)
    with timed("  its permutation null", times):
        decompose(votes, permutations=PERMUTATIONS, seed=1)
    with timed("item level", times):
        disagreement(spec, seen, swayed, seed=1)


if __name__ == "__main__":
    main()
