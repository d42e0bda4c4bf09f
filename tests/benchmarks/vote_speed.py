"""Time to ask and to store a vote, beside a floor measured in turns with it on the same database.

    python -m tests.benchmarks vote_speed --people 1 8 32 --pairs 200 100000 --databases sqlite postgresql

So many people answer at once without a pause, through the API, against ``soundings serve`` with one process. Floor and product run
in turns, so that what else the machine does falls on both; times are milliseconds, ``x`` is times the floor's figure. ``cpu`` is the
server's processor time per request. With ``--history`` somebody who gave ten thousand answers is compared with somebody new.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import json
import shutil
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import timedelta
from functools import partial
from pathlib import Path
from statistics import median, quantiles
from typing import Any

import sqlalchemy as sa

from app.assignments.tables import PairLoad
from app.db.migrate import upgrade
from app.db.session import Database, connect
from app.judgments.writes import record
from app.kit.clock import utc_now
from app.people import writes as people
from app.people.tables import Annotator
from app.querying.writes import issue_next
from app.studies.tables import Study
from tests import factories, postgres
from tests.benchmarks.loading import Connection, cpu_seconds, free_port, process

ANSWERS_EACH = 60
"""After so many answers another person takes over, so that nobody runs out of pairs."""
CHOICES = ("left", "right", "tie")


@dataclass
class Times:
    """Milliseconds of each request, and the server's processor seconds for all of them."""

    ms: dict[str, list[float]] = field(default_factory=dict)
    cpu: float = 0.0

    def add(self, name: str, took: float) -> None:
        self.ms.setdefault(name, []).append(took)

    def at(self, name: str) -> tuple[float, float]:
        """Median and 95th percentile."""
        cuts = quantiles(self.ms[name], n=20)
        return cuts[9], cuts[18]

    @property
    def requests(self) -> int:
        return sum(map(len, self.ms.values()))


async def vote_at_floor(port: int, until: float, *, times: Times) -> None:
    connection = Connection(port)
    await connection.open()
    while time.monotonic() < until:
        status, _, took = await connection.call("POST", "/votes", b'{"choice": "left", "elapsed_ms": 1200}')
        assert status == 201
        times.add("floor", took)
    connection.close()


async def vote(port: int, slug: str, tokens: Iterator[str], until: float, *, times: Times) -> None:
    """One person after another asks and answers; anything but a success stops the run."""
    connection = Connection(port)
    await connection.open()
    while time.monotonic() < until:
        connection.token = next(tokens)
        for n in range(ANSWERS_EACH):
            if time.monotonic() > until:
                break
            status, body, took = await connection.call("GET", f"/api/v1/studies/{slug}/next")
            assert status == 200, body
            times.add("next", took)
            path = f"/api/v1/assignments/{json.loads(body)['assignment_id']}/answer"
            answer = json.dumps({"choice": CHOICES[n % 3], "elapsed_ms": 9000}).encode()
            status, body, took = await connection.call("POST", path, answer)
            assert status == 201, body
            times.add("submit", took)
    connection.close()


def measured(work: Any, count: int, seconds: float, pid: int, times: Times) -> None:
    """``count`` of ``work(until)`` at once for some seconds."""

    async def all_of_them() -> None:
        until = time.monotonic() + seconds
        await asyncio.gather(*(work(until) for _ in range(count)))

    before = cpu_seconds(pid)
    asyncio.run(all_of_them())
    times.cpu += cpu_seconds(pid) - before


@dataclass(frozen=True)
class Place:
    """A migrated database with a study, and tokens of people in it."""

    database: Database
    url: str
    slug: str
    study_id: int
    tokens: Iterator[str]


def prepared(url: str, pairs: int, policy: str, most: int) -> Place:
    """A study of so many pairs, open, and more people than a run can need."""
    upgrade(url)
    database = connect(url)
    now = utc_now()
    with database.write() as session:
        made = factories.study(
            session, now=now, pairs=pairs, querying={"policy": policy},
            collection={"budget": 10_000_000, "per_pair": {"min": 1, "max": 1000}, "per_annotator": 100_000},
        )  # fmt: skip
    with database.write() as session:
        everyone = factories.annotators(session, made.study_id, most, now=now)
        tokens = [people.issue_token(session, annotator_id=who, now=now) for who in everyone]
    return Place(database, url, made.slug, made.study_id, iter(tokens))


@contextlib.contextmanager
def address(kind: str, folder: Path) -> Iterator[str]:
    """A fresh database of a kind, durable as in real use."""
    if kind == "sqlite":
        yield f"sqlite:///{folder / 'bench.sqlite3'}"
        return
    with postgres.server(durable=True) as url:
        admin = sa.create_engine(url.format("postgres"), isolation_level="AUTOCOMMIT")
        with admin.connect() as connection:
            connection.exec_driver_sql("CREATE DATABASE bench")
        admin.dispose()
        yield url.format("bench")


def overfull(place: Place, most: int) -> int:
    """Pairs with more judgments that count than were wanted: must be 0."""
    with place.database.read() as session:
        where = PairLoad.study_id == place.study_id, PairLoad.counted > most
        return session.scalar(sa.select(sa.func.count()).select_from(PairLoad).where(*where)) or 0


def one_size(kind: str, pairs: int, asked: argparse.Namespace) -> None:
    """Every number of people on one database with so many pairs."""
    folder = Path(tempfile.mkdtemp(prefix="soundings-bench-"))
    try:
        with address(kind, folder) as url:
            most = sum(asked.people) * asked.rounds * (2 + int(asked.seconds))
            place = prepared(url, pairs, asked.policy, most)
            floors_port, port = free_port(), free_port()
            floors = ["-m", "uvicorn", "--factory", "tests.benchmarks.floor:application", "--no-access-log"]
            floors += ["--port", str(floors_port), "--log-level", "error"]
            ours = ["-m", "app", "serve", "--port", str(port)]
            with (
                process(floors, floors_port, url, folder, "/") as floors_pid,
                process(ours, port, url, folder, "/readyz") as pid,
            ):
                for count in asked.people:
                    floor, product = Times(), Times()
                    at_floor = partial(vote_at_floor, floors_port, times=floor)
                    at_work = partial(vote, port, place.slug, place.tokens, times=product)
                    for _ in range(asked.rounds):
                        measured(at_floor, count, asked.seconds, floors_pid, floor)
                        measured(at_work, count, asked.seconds, pid, product)
                    tell(kind, pairs, count, floor, product)
            print(f"{kind:>10} {pairs:>7}   pairs asked too often: {overfull(place, 1000)}", flush=True)
            place.database.dispose()
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def tell(kind: str, pairs: int, count: int, floor: Times, product: Times) -> None:
    """One row: the floor, then asking and storing, each beside it."""
    f50, f95 = floor.at("floor")
    cells = [f"{f50:6.1f} {f95:6.1f}"]
    for name in ("next", "submit"):
        p50, p95 = product.at(name)
        cells.append(f"{p50:6.1f} {p95:6.1f}  {p50 / f50:4.1f}x {p95 / f95:4.1f}x")
    cpu = 1000 * product.cpu / product.requests, 1000 * floor.cpu / floor.requests
    cells.append(f"{cpu[0]:5.2f} {cpu[1]:5.2f}")
    print(f"{kind:>10} {pairs:>7} {count:>6}   " + "   ".join(cells), flush=True)


HEAD = (
    f"{'':>10} {'pairs':>7} {'people':>6}   {'floor: p50 p95':<13}   {'next: p50 p95, x':<25}   "
    f"{'submit: p50 p95, x':<25}   cpu ms a request, floor"
)


def long_history(asked: argparse.Namespace) -> None:
    """Somebody who gave ten thousand answers and somebody who gave sixty, in turns, in process, so that only the database counts."""
    for kind in asked.databases:
        folder = Path(tempfile.mkdtemp(prefix="soundings-bench-"))
        with address(kind, folder) as url:
            place = prepared(url, asked.history + 2000, asked.policy, 2)
            with place.database.read() as session:
                here = sa.select(Annotator.id).where(Annotator.study_id == place.study_id)
                old, new = session.scalars(here.order_by(Annotator.id)).all()
            clock = utc_now()

            def answer(who: int, n: int, place: Place = place) -> tuple[float, float]:
                """Milliseconds that one question and its answer took, and of this process's processor time."""
                nonlocal clock
                clock += timedelta(seconds=20)
                began, busy = time.perf_counter(), time.process_time()
                with place.database.write() as session:
                    study, person = session.get_one(Study, place.study_id), session.get_one(Annotator, who)
                    question = issue_next(session, study, person, now=clock)
                    assert question is not None
                    record(session, study, person, question.id, factories.answer(CHOICES[n % 3]), now=clock)
                return (time.perf_counter() - began) * 1000, (time.process_time() - busy) * 1000

            for who, answers in ((old, asked.history), (new, 60)):
                for n in range(answers):
                    answer(who, n)
            both = [(answer(new, n), answer(old, n)) for n in range(200)]
            for place_of, name in enumerate(("ms", "ms of this process's processor time")):
                few, many = (median(one[who][place_of] for one in both) for who in (0, 1))
                told = f"{few:.1f} {name} after 60 answers, {many:.1f} after {asked.history:,}: {many / few:.2f}x"
                print(f"{kind:>10}   {told}", flush=True)
            place.database.dispose()
        shutil.rmtree(folder, ignore_errors=True)


def main(words: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(
        prog="vote_speed", description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--people", type=int, nargs="+", default=[1, 8, 32])
    parser.add_argument("--pairs", type=int, nargs="+", default=[200, 100_000])
    parser.add_argument(
        "--databases", nargs="+", choices=("sqlite", "postgresql"), default=["sqlite", "postgresql"]
    )
    parser.add_argument("--policy", default="even")
    parser.add_argument("--seconds", type=float, default=3.0, help="of each turn")
    parser.add_argument("--rounds", type=int, default=3, help="turns of floor and product")
    parser.add_argument(
        "--history", type=int, default=0, help="compare somebody who gave so many answers with somebody new"
    )
    asked = parser.parse_args(words)
    if asked.history:
        long_history(asked)
        return
    print(HEAD, flush=True)
    for kind in asked.databases:
        for pairs in asked.pairs:
            one_size(kind, pairs, asked)


if __name__ == "__main__":
    main()
