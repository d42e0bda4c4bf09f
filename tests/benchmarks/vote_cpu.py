"""Processor time and statements of one next and one submit, in this process: figures that other load on the machine hardly moves.

    python -m tests.benchmarks vote_cpu --databases sqlite postgresql --policies even contested

One person after another answers through the routes of the API, which are called as a server calls them. ``cpu`` is this process's
processor time (without PostgreSQL's own), the median over requests; ``statements`` are those sent to the database, begin and commit apart,
on average. With ``--meta`` questions about choices come as in a new study. Figures of the study are worked out before and halfway,
so that the models are there. The floor is the smallest application that stores a row (``tests.benchmarks.floor``), called in the same
way in turns with it; ``x`` is times its processor time. ``--profile`` prints where the time goes, with what worker threads do done in
the one thread that is looked at.
"""

from __future__ import annotations

import argparse
import asyncio
import cProfile
import json
import os
import pstats
import shutil
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from statistics import fmean, median
from typing import Any

import anyio.to_thread

from app.db.migrate import upgrade
from app.db.session import Database
from app.kit.clock import utc_now
from app.kit.settings import Settings
from app.main import create_app
from app.people import writes as people
from app.querying import refreshing
from app.reports import fitting
from tests import factories
from tests.benchmarks import floor
from tests.benchmarks.vote_speed import CHOICES, address
from tests.statements import sent_through

EACH = 25
"""Answers of a person before the next one takes over."""


async def call(app: Any, method: str, path: str, token: str, body: bytes = b"") -> tuple[int, bytes]:
    """One request as a server puts it to the application: (status, body)."""
    headers = [(b"host", b"127.0.0.1"), (b"authorization", b"Bearer " + token.encode())]
    if body:
        headers += [(b"content-type", b"application/json"), (b"content-length", str(len(body)).encode())]
    scope = {
        "type": "http", "asgi": {"version": "3.0"}, "http_version": "1.1", "method": method, "scheme": "http", "path": path,
        "raw_path": path.encode(), "query_string": b"", "root_path": "", "headers": headers, "client": ("127.0.0.1", 1),
        "server": ("127.0.0.1", 80), "state": {},
    }  # fmt: skip
    status, parts, arrived, over = 0, [], False, asyncio.Event()

    async def receive() -> dict[str, Any]:
        nonlocal arrived
        if arrived:
            await over.wait()
            return {"type": "http.disconnect"}
        arrived = True
        return {"type": "http.request", "body": body, "more_body": False}

    async def send(message: dict[str, Any]) -> None:
        nonlocal status
        status = message.get("status", status)
        parts.append(message.get("body", b""))

    await app(scope, receive, send)
    over.set()
    return status, b"".join(parts)


class Run:
    """One database and one way of asking."""

    def __init__(self, url: str, pairs: int, policy: str, *, meta: bool, people_needed: int) -> None:
        upgrade(url)
        self.app = create_app(Settings(database_url=url))
        os.environ["SOUNDINGS_DATABASE_URL"] = url
        self.floor = floor.application()
        self.database: Database = self.app.state.database
        now = utc_now()
        with self.database.write() as session:
            made = factories.study(
                session, now=now, pairs=pairs, querying={"policy": policy}, **({"meta": {}} if meta else {}),
                collection={"budget": 10_000_000, "per_pair": {"min": 1, "max": 1000}, "per_annotator": 100_000},
            )  # fmt: skip
        with self.database.write() as session:
            everyone = factories.annotators(session, made.study_id, people_needed, now=now)
            self.tokens = iter([people.issue_token(session, annotator_id=w, now=now) for w in everyone])
        self.made = made
        self.sent: list[str] = []
        self.cpu: dict[str, list[float]] = {"next": [], "submit": [], "floor": []}
        self.statements: dict[str, list[int]] = {"next": [], "submit": []}

    def work_out(self) -> None:
        """What a worker does beside the server."""
        fitting.fit(self.database, self.made.study_id, now=utc_now())
        refreshing.refresh(self.database, self.made.study_id, now=utc_now())

    async def timed(self, name: str, *request: Any) -> tuple[int, bytes]:
        self.sent.clear()
        began = time.process_time()
        found = await call(self.app, *request)
        self.cpu[name].append((time.process_time() - began) * 1000)
        self.statements[name].append(len(self.sent))
        return found

    async def person(self) -> None:
        """One person's answers."""
        token = next(self.tokens)
        for n in range(EACH):
            status, body = await self.timed("next", "GET", f"/api/v1/studies/{self.made.slug}/next", token)
            assert status == 200, body
            asked = json.loads(body)
            given: dict[str, Any] = {"choice": CHOICES[n % 3], "elapsed_ms": 9000}
            if asked["kind"] != "comparison":
                given = _meta_answer(asked)
            path = f"/api/v1/assignments/{asked['assignment_id']}/answer"
            status, body = await self.timed("submit", "POST", path, token, json.dumps(given).encode())
            assert status in {200, 201}, (asked, body)
            began = time.process_time()
            await call(self.floor, "POST", "/votes", "", json.dumps(given).encode())
            self.cpu["floor"].append((time.process_time() - began) * 1000)

    def forget(self) -> None:
        """What was measured so far was to get warm."""
        for kept in (*self.cpu.values(), *self.statements.values()):
            kept.clear()

    def cells(self) -> Iterator[str]:
        floor = self.cpu["floor"]
        yield f"{median(floor):5.2f} {fmean(floor):5.2f}"
        for name in ("next", "submit"):
            cpu = median(self.cpu[name]), fmean(self.cpu[name])
            times = f"{cpu[0] / median(floor):4.1f}x {cpu[1] / fmean(floor):4.1f}x"
            yield f"{cpu[0]:6.2f} {cpu[1]:6.2f}  {times} {fmean(self.statements[name]):6.1f}"


async def _here(function: Callable[..., Any], *arguments: Any, **options: Any) -> Any:
    """What a worker thread would do, in this thread, where a profile sees it."""
    del options
    return function(*arguments)


def _meta_answer(asked: dict[str, Any]) -> dict[str, Any]:
    values = [o["value"] for o in asked["options"]]
    return {"ranking": values[:2]} if asked.get("ranking") else {"choice": values[0]}


def measured(run: Run, persons: int, profile: cProfile.Profile | None) -> None:
    """Some people to get warm and give the models something, then those that count."""

    async def several(count: int) -> None:
        for _ in range(count):
            await run.person()

    asyncio.run(several(max(2, persons // 2)))
    run.work_out()
    asyncio.run(several(1))
    run.forget()
    if profile:
        profile.enable()
    asyncio.run(several(persons))
    if profile:
        profile.disable()


def main(words: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(
        prog="vote_cpu", description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument(
        "--databases", nargs="+", choices=("sqlite", "postgresql"), default=["sqlite", "postgresql"]
    )
    parser.add_argument("--policies", nargs="+", default=["even", "contested"])
    parser.add_argument("--pairs", type=int, nargs="+", default=[200])
    parser.add_argument("--people", type=int, default=12, help="whose requests count")
    parser.add_argument(
        "--meta", action="store_true", help="with questions about choices, as a new study has them"
    )
    parser.add_argument("--profile", type=int, default=0, help="print so many lines of a profile")
    asked = parser.parse_args(words)
    if asked.profile:
        anyio.to_thread.run_sync = _here
    head = "cpu ms: median, mean, x; statements"
    print(
        f"{'':>10} {'policy':>10} {'pairs':>7}   {'floor: cpu':<11}   next: {head:<35}   submit: {head}",
        flush=True,
    )
    for kind in asked.databases:
        for policy in asked.policies:
            for pairs in asked.pairs:
                _one(kind, policy, pairs, asked)


def _one(kind: str, policy: str, pairs: int, asked: argparse.Namespace) -> None:
    folder = Path(tempfile.mkdtemp(prefix="soundings-bench-"))
    profile = cProfile.Profile() if asked.profile else None
    try:
        with address(kind, folder) as url:
            run = Run(url, pairs, policy, meta=asked.meta, people_needed=2 * asked.people + 4)
            with sent_through(run.database) as run.sent:
                measured(run, asked.people, profile)
            print(f"{kind:>10} {policy:>10} {pairs:>7}   " + "   ".join(run.cells()), flush=True)
            if profile:
                pstats.Stats(profile).sort_stats("tottime").print_stats(asked.profile)
            run.database.dispose()
    finally:
        shutil.rmtree(folder, ignore_errors=True)


if __name__ == "__main__":
    main()
