"""Seconds and memory of an export, beside a raw driver that writes the same texts, in the same run.

    python -m tests.benchmarks.export_speed --pairs 100000 1000000 --databases sqlite postgresql --types jsonl parquet

Each measurement is a fresh process, so that its peak is its own (VmHWM). The floor reads pairs, prompts and answers with one
plain query of the driver and writes chosen and rejected with orjson or pyarrow, without votes, rules, splits, sums or card.
While the longest export runs, a page of the web process is asked for again and again, and its slowest answer is told.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import shutil
import sqlite3
import subprocess
import sys
import tempfile
import time
from datetime import UTC, datetime, timedelta
from itertools import accumulate
from pathlib import Path

from sqlalchemy import insert

from app.db.migrate import upgrade
from app.db.session import Database, connect
from app.judgments.tables import Judgment
from app.people.tables import Annotator
from app.studies.tables import Item, Pair, Response, Study

VOTES, PEOPLE, BATCH = 1, 200, 20_000
VOCABULARY, OPENINGS = 20_000, 40


class Prompts:
    """Requests as people write them: words as frequent as their rank says, some with a common opening, some almost asked before."""

    def __init__(self, rng: random.Random) -> None:
        self._rng = rng
        consonants, vowels = "bcdfghjklmnprstvwz", "aeiou"
        self._words = [
            "".join(rng.choice(consonants) + rng.choice(vowels) for _ in range(rng.randint(1, 4)))
            for _ in range(VOCABULARY)
        ]
        self._frequent = list(accumulate(1.0 / (rank + 2.7) for rank in range(VOCABULARY)))
        self._openings = [self.words(rng.randint(3, 9)) for _ in range(OPENINGS)]
        self._earlier: list[list[str]] = []

    def words(self, n: int) -> list[str]:
        return self._rng.choices(self._words, cum_weights=self._frequent, k=n)

    def next(self) -> str:
        """10 to 90 words; 15 % begin with one of the openings, 2 % are an earlier request with one word changed."""
        rng = self._rng
        kind = rng.random()
        if kind < 0.02 and self._earlier:
            made = list(rng.choice(self._earlier))
            made[rng.randrange(len(made))] = self.words(1)[0]
        else:
            made = (rng.choice(self._openings) if kind < 0.17 else []) + self.words(rng.randint(10, 90))
        if len(self._earlier) < 20_000:
            self._earlier.append(made)
        return " ".join(made)


def fill(database: Database, pairs: int) -> int:
    """A study of that many items with two answers, about 1.2 kB of text and one vote each; returns its number."""
    from tests.exports import builder

    rng = random.Random(1)
    now = datetime(2026, 3, 2, tzinfo=UTC)
    with database.write() as session:
        study = builder.study(session, f"speed-{pairs}").study.id
    with database.write() as session:
        session.execute(insert(Annotator), [
            {"study_id": study, "pseudonym": f"p{n}", "source": "page", "attributes": {}, "joined_at": now, "side_seed": 1}
            for n in range(PEOPLE)
        ])  # fmt: skip
    with database.read() as session:
        people = [row.id for row in session.query(Annotator.id).filter_by(study_id=study)]
        base = {k: (session.query(t.id).order_by(t.id.desc()).limit(1).scalar() or 0) + 1 for k, t in
                (("item", Item), ("response", Response), ("pair", Pair))}  # fmt: skip
    prompts = Prompts(rng)
    ready = [" ".join(prompts.words(20)) for _ in range(50_000)]
    for start in range(0, pairs, BATCH):
        numbers = range(start, min(pairs, start + BATCH))
        texts = {n: (prompts.next(), *(" ".join(rng.choices(ready, k=4)) for _ in "ab")) for n in numbers}
        with database.write() as session:
            session.execute(insert(Item), [
                {"id": base["item"] + n, "study_id": study, "external_id": f"i{n:07d}", "prompt": [{"role": "user", "content": texts[n][0]}],
                 "content_hash": f"{n:064x}", "prompt_hash": f"{rng.getrandbits(256):064x}", "search_text": "", "added_at": now}
                for n in numbers
            ])  # fmt: skip
            session.execute(insert(Response), [
                {"id": base["response"] + 2 * n + s, "study_id": study, "item_id": base["item"] + n, "external_id": "ab"[s], "position": s,
                 "model": f"m{s}", "text": texts[n][1 + s]}
                for n in numbers for s in (0, 1)
            ])  # fmt: skip
            session.execute(insert(Pair), [
                {"id": base["pair"] + n, "study_id": study, "item_id": base["item"] + n, "first_id": base["response"] + 2 * n,
                 "second_id": base["response"] + 2 * n + 1}
                for n in numbers
            ])  # fmt: skip
            session.execute(insert(Judgment), [
                {"id": f"{study:04d}{n:021d}{v}", "study_id": study, "annotator_id": people[rng.randrange(PEOPLE)], "item_id": base["item"] + n,
                 "pair_id": base["pair"] + n, "left_id": base["response"] + 2 * n, "right_id": base["response"] + 2 * n + 1,
                 "choice": "left" if rng.random() < 0.6 else "right", "protocol_version": 1, "source": "import",
                 "created_at": now + timedelta(seconds=n), "counts": True}
                for n in numbers for v in range(VOTES)
            ])  # fmt: skip
    return study


def floor(url: str, study: int, folder: Path, file_type: str) -> None:
    """Plain rows of the driver to a file."""
    import orjson

    query = (
        "SELECT p.id, i.prompt, a.text, b.text FROM pair p JOIN item i ON i.id = p.item_id JOIN response a ON a.id = p.first_id "
        f"JOIN response b ON b.id = p.second_id WHERE p.study_id = {study} ORDER BY p.id"
    )
    if url.startswith("sqlite"):
        rows = sqlite3.connect(url.removeprefix("sqlite:///")).execute(query)
    else:
        import psycopg

        cursor = psycopg.connect(url.replace("+psycopg", "")).cursor("floor")
        cursor.itersize = 2000
        rows = cursor.execute(query)
    folder.mkdir(parents=True)

    def told(batch):
        for number, prompt, first, second in batch:
            turns = orjson.loads(prompt) if isinstance(prompt, str | bytes) else prompt
            yield {
                "chosen": [*turns, {"role": "assistant", "content": first}],
                "rejected": [*turns, {"role": "assistant", "content": second}],
                "pair_id": str(number),
            }

    if file_type == "jsonl":
        with (folder / "x.jsonl").open("wb") as file:
            while batch := rows.fetchmany(2000):
                file.write(b"".join(orjson.dumps(r, option=orjson.OPT_APPEND_NEWLINE) for r in told(batch)))
        return
    import pyarrow as pa
    import pyarrow.parquet as pq

    message = pa.list_(pa.struct([("role", pa.string()), ("content", pa.string())]))
    schema = pa.schema([("chosen", message), ("rejected", message), ("pair_id", pa.string())])
    with pq.ParquetWriter(folder / "x.parquet", schema, compression="zstd") as writer:
        while batch := rows.fetchmany(2000):
            writer.write_batch(pa.RecordBatch.from_pylist(list(told(batch)), schema=schema))


def ours(url: str, study: int, folder: Path, file_type: str, formats: str) -> None:
    from app.exports import options
    from app.exports.build import build, request_export

    database = connect(url)
    now = datetime(2027, 1, 1, tzinfo=UTC)
    with database.write() as session:
        asked = options.read(format=formats, file_type=file_type)
        export = request_export(session, session.get_one(Study, study), asked, by=None, now=now).id
    build(database, export, folder, now=now)
    database.dispose()


def child(asked: argparse.Namespace) -> None:
    """One measurement, told as a line of JSON."""
    folder = Path(tempfile.mkdtemp(dir=asked.folder)) / "out"
    began, cpu = time.perf_counter(), time.process_time()
    if asked.child == "floor":
        floor(asked.url, asked.study, folder, asked.types[0])
    else:
        ours(asked.url, asked.study, folder, asked.types[0], asked.format)
    seconds, cpu = time.perf_counter() - began, time.process_time() - cpu
    peak = next(
        line for line in Path("/proc/self/status").read_text().splitlines() if line.startswith("VmHWM")
    )
    size = sum(p.stat().st_size for p in folder.rglob("*") if p.is_file())
    shutil.rmtree(folder.parent)
    print(json.dumps({"seconds": seconds, "cpu": cpu, "mb": int(peak.split()[1]) / 1024, "bytes": size}))


def measured(what: str, url: str, study: int, file_type: str, asked: argparse.Namespace) -> dict[str, float]:
    command = [sys.executable, "-m", "tests.benchmarks.export_speed", "--child", what, "--url", url, "--study", str(study),
               "--types", file_type, "--folder", str(asked.folder), "--format", asked.format]  # fmt: skip
    return json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout)


def responsive(url: str, study: int, asked: argparse.Namespace) -> str:
    """How long pages of a web process take while its own worker makes an export."""
    import httpx2 as httpx

    from app.exports import options, places
    from app.kit.settings import Settings
    from app.main import create_app
    from tests.browser import serving

    settings = Settings(database_url=url, data_dir=asked.folder / "web", log_level="ERROR", _env_file=None)
    app = create_app(settings)
    times: list[float] = []
    with serving(app) as address:
        with app.state.database.write() as session:
            wanted = options.read(file_type=asked.types[0])
            export = places.order(
                session, session.get_one(Study, study), wanted, by=None, now=datetime.now(UTC)
            ).id
        until = time.monotonic() + 300
        while time.monotonic() < until:
            began = time.perf_counter()
            httpx.get(f"{address}/readyz", timeout=30).raise_for_status()
            times.append(time.perf_counter() - began)
            from app.exports import reads

            with app.state.database.read() as session:
                if reads.get_export(session, export).state in {"done", "failed"}:
                    break
            time.sleep(0.02)
    times.sort()
    return f"{len(times)} requests meanwhile: median {times[len(times) // 2] * 1e3:.0f} ms, 99 % {times[int(len(times) * 0.99)] * 1e3:.0f} ms, slowest {times[-1] * 1e3:.0f} ms"


def run(name: str, url: str, asked: argparse.Namespace) -> None:
    database = connect(url)
    peaks: dict[str, list[float]] = {}
    for pairs in asked.pairs:
        began = time.perf_counter()
        study = fill(database, pairs)
        print(f"{name}, {pairs} pairs (filled in {time.perf_counter() - began:.0f} s)", flush=True)
        for file_type in asked.types:
            best = min(
                (measured("ours", url, study, file_type, asked) for _ in range(asked.rounds)),
                key=lambda m: m["seconds"],
            )
            low = min(
                (measured("floor", url, study, file_type, asked) for _ in range(asked.rounds)),
                key=lambda m: m["seconds"],
            )
            peaks.setdefault(file_type, []).append(best["mb"])
            print(
                f"  {file_type:8} {best['seconds']:6.1f} s ({best['cpu']:.1f} CPU) {best['mb']:5.0f} MB, floor {low['seconds']:5.1f} s ({low['cpu']:.1f} CPU) {low['mb']:4.0f} MB, "
                f"{best['cpu'] / low['cpu']:.1f} times its CPU; load {os.getloadavg()[0]:.1f}",
                flush=True,
            )
        if asked.web and pairs == max(asked.pairs):
            print("  web:", responsive(url, study, asked), flush=True)
    database.dispose()
    for file_type, found in peaks.items():
        if len(found) > 1:
            print(
                f"  {file_type}: memory from {found[0]:.0f} to {found[-1]:.0f} MB for {asked.pairs[-1] // asked.pairs[0]} times the pairs"
            )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--pairs", type=int, nargs="+", default=[100_000, 1_000_000])
    parser.add_argument("--databases", nargs="+", default=["sqlite", "postgresql"])
    parser.add_argument("--types", nargs="+", default=["jsonl", "parquet"])
    parser.add_argument("--format", default="preference")
    parser.add_argument("--rounds", type=int, default=1)
    parser.add_argument("--web", action="store_true", help="ask for pages while the last export is made")
    parser.add_argument("--folder", type=Path, default=None)
    parser.add_argument("--child", choices=("ours", "floor"), help=argparse.SUPPRESS)
    parser.add_argument("--url", help=argparse.SUPPRESS)
    parser.add_argument("--study", type=int, help=argparse.SUPPRESS)
    asked = parser.parse_args()
    if asked.child:
        child(asked)
        return
    made = Path(tempfile.mkdtemp(prefix="export-speed-"))
    asked.folder = asked.folder or made
    try:
        if "sqlite" in asked.databases:
            url = f"sqlite:///{made / 'speed.sqlite3'}"
            upgrade(url)
            run("SQLite", url, asked)
        if "postgresql" in asked.databases:
            from tests import postgres

            with postgres.server() as server:
                url = server.format("postgres")
                upgrade(url)
                run("PostgreSQL", url, asked)
    finally:
        shutil.rmtree(made, ignore_errors=True)


if __name__ == "__main__":
    main()
