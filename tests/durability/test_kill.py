"""A thanked vote is a stored vote: the server is killed under load, and what it acknowledged is there."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import httpx2 as httpx
import pytest
import sqlalchemy as sa

from app.db.session import connect
from app.judgments.tables import Judgment
from app.kit.clock import utc_now
from app.people import writes as people
from tests import factories

ROOT = Path(__file__).resolve().parents[2]


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def start(database_url, folder, port):
    """A server process that answers."""
    environment = os.environ | {
        "SOUNDINGS_DATABASE_URL": database_url,
        "SOUNDINGS_DATA_DIR": str(folder),
        "SOUNDINGS_LOG_LEVEL": "ERROR",
        "PYTHONPATH": str(ROOT),
    }
    process = subprocess.Popen(
        [sys.executable, "-m", "app", "serve", "--port", str(port)],
        cwd=ROOT,
        env=environment,
        stderr=subprocess.DEVNULL,
    )
    deadline = time.monotonic() + 40
    while time.monotonic() < deadline:
        try:
            if httpx.get(f"http://127.0.0.1:{port}/readyz").status_code == 200:
                return process
        except httpx.TransportError:
            time.sleep(0.1)
    process.kill()
    raise AssertionError("the server did not start")


def tokens_of(database, made, count):
    with database.write() as session:
        ids = factories.annotators(session, made.study_id, count, now=utc_now())
        return [people.issue_token(session, annotator_id=i, now=utc_now()) for i in ids]


def stored(database):
    with database.read() as session:
        return set(session.scalars(sa.select(Judgment.id)))


@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGTERM])
def test_what_was_acknowledged_is_there_after_the_server_dies(database_url, tmp_path, how):
    database = connect(database_url)
    with database.write() as session:
        made = factories.study(
            session,
            now=utc_now(),
            pairs=60,
            collection={"per_annotator": 5000, "budget": 100_000},
            querying={"retest": 0.3},
        )
    tokens = tokens_of(database, made, 6)
    acknowledged: list[str] = []
    for _ in range(2):
        port = free_port()
        server = start(database_url, tmp_path / "data", port)
        over = threading.Event()

        def work(token, port=port, over=over):
            client = httpx.Client(
                base_url=f"http://127.0.0.1:{port}/api/v1", headers={"Authorization": f"Bearer {token}"}
            )
            while not over.is_set():
                try:
                    shown = client.get(f"/studies/{made.slug}/next")
                    if shown.status_code != 200:
                        return
                    path = f"/assignments/{shown.json()['assignment_id']}/answer"
                    answer = client.post(path, json={"choice": "left"})
                    if answer.status_code in {200, 201}:
                        acknowledged.append(answer.json()["judgment_id"])
                except httpx.TransportError:
                    return

        with ThreadPoolExecutor(6) as pool:
            futures = [pool.submit(work, t) for t in tokens]
            time.sleep(2.0)
            server.send_signal(how)
            server.wait(30)
            over.set()
            for future in futures:
                future.result()
    assert len(acknowledged) > 10
    assert set(acknowledged) <= stored(database)
    if database.is_sqlite:
        with database.reader.connect() as connection:
            assert connection.exec_driver_sql("PRAGMA integrity_check").scalar_one() == "ok"
    database.dispose()


def test_a_busy_sqlite_costs_nobody_a_vote(sqlite_template, tmp_path):
    """Another process holds the write lock for seconds; voters wait and lose nothing."""
    import shutil

    file = tmp_path / "busy.sqlite3"
    shutil.copy(sqlite_template, file)
    url = f"sqlite:///{file}"
    database = connect(url)
    with database.write() as session:
        made = factories.study(session, now=utc_now(), pairs=30, querying={"retest": 0})
    (token,) = tokens_of(database, made, 1)
    port = free_port()
    server = start(url, tmp_path / "data", port)
    try:
        with httpx.Client(
            base_url=f"http://127.0.0.1:{port}/api/v1",
            headers={"Authorization": f"Bearer {token}"},
            timeout=30,
        ) as client:
            hold = (
                "import sqlite3,time,sys; c=sqlite3.connect(sys.argv[1],isolation_level=None); c.execute('BEGIN IMMEDIATE');"
                "print('held',flush=True); time.sleep(3); c.execute('COMMIT')"
            )
            for _ in range(2):
                shown = client.get(f"/studies/{made.slug}/next")
                assert shown.status_code == 200
                with subprocess.Popen(
                    [sys.executable, "-c", hold, str(file)], stdout=subprocess.PIPE
                ) as holder:
                    holder.stdout.readline()
                    answer = client.post(
                        f"/assignments/{shown.json()['assignment_id']}/answer", json={"choice": "tie"}
                    )
                    assert answer.status_code == 201, answer.text
                    assert answer.json()["judgment_id"] in stored(database)
    finally:
        server.terminate()
        server.wait(30)
        database.dispose()
