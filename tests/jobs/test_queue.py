"""The queue: work asked for twice is done once, survives workers that die, and is shared by any number of them."""

from __future__ import annotations

import threading
import time
from datetime import timedelta

import pytest
import sqlalchemy as sa

from app.db.session import connect
from app.jobs import writes
from app.jobs.tables import Job
from app.jobs.worker import Worker
from app.kit.clock import utc_now


def ask(database, key, *, kind="count", now=None, **payload):
    with database.write() as session:
        writes.enqueue(session, kind, key, now=now or utc_now(), payload=payload)


def states(database):
    with database.read() as session:
        return [(j.key, j.state, j.attempts) for j in session.scalars(sa.select(Job).order_by(Job.id))]


def test_asking_twice_is_asking_once_and_after_that_again(database):
    done = []
    worker = Worker(database, {"count": lambda _, payload, __: done.append(payload["n"])})
    ask(database, "a", n=1)
    ask(database, "a", n=2)
    ask(database, "b", n=3)
    assert worker.drain() == 2
    assert done == [1, 3]
    ask(database, "a", n=4)
    assert worker.drain() == 1
    assert done == [1, 3, 4]


def test_work_asked_for_while_it_runs_is_done_after_it_and_never_beside_it(database):
    """A second worker leaves alone what the first is at, and does other work."""
    running, seen = [], []

    def work(_, payload, __):
        running.append(payload["n"])
        seen.append(tuple(running))
        if payload["n"] == 1:
            ask(database, "a", n=2)
            ask(database, "b", n=3)
            assert Worker(database, handlers).drain() == 1
        running.remove(payload["n"])

    handlers = {"count": work}
    ask(database, "a", n=1)
    assert Worker(database, handlers).drain() == 2
    assert seen == [(1,), (1, 3), (2,)]


def test_what_fails_is_tried_three_times_and_told(database, clock):
    def fails(*_):
        raise ValueError("no such thing")

    ask(database, "a")
    worker = Worker(database, {"count": fails})
    for _ in range(5):
        worker.drain()
        with database.write() as session:
            session.execute(sa.update(Job).values(run_at=clock.now))
    assert states(database) == [("a", "failed", 3)]
    with database.read() as session:
        assert session.scalar(sa.select(Job.error)) == "ValueError: no such thing"


def test_a_worker_that_died_is_followed_by_another(database, clock):
    ask(database, "a", now=clock.now)
    with database.write() as session:
        taken = writes.take(session, worker="gone", now=clock.now)
        assert taken.key == "a"
    with database.write() as session:
        assert writes.take(session, worker="next", now=clock.tick(minutes=1)) is None
    with database.write() as session:
        writes.progress(session, taken.id, 0.5, now=clock.tick(minutes=3))
    with database.write() as session:
        assert writes.take(session, worker="next", now=clock.tick(minutes=3)) is None  # it still reports
    with database.write() as session:
        again = writes.take(session, worker="next", now=clock.now + timedelta(minutes=5))
        assert (again.key, again.worker, again.attempts) == ("a", "next", 2)


@pytest.mark.parametrize("workers", [4])
def test_many_workers_do_each_job_once(database_url, database, workers):
    """Each in a connection of its own, as processes on other machines have."""
    done, lock, inside = [], threading.Lock(), set()

    def work(_, payload, __):
        with lock:
            assert payload["n"] not in inside
            inside.add(payload["n"])
        time.sleep(0.002)
        with lock:
            inside.discard(payload["n"])
            done.append(payload["n"])

    for n in range(24):
        ask(database, f"k{n}", n=n)
    opened = [connect(database_url) for _ in range(workers)]
    hands = [Worker(one, {"count": work}) for one in opened]
    threads = [threading.Thread(target=hand.drain) for hand in hands]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    for hand in hands:
        hand.drain()
    for one in opened:
        one.dispose()
    assert sorted(done) == list(range(24))
    assert {state for _, state, _ in states(database)} == {"done"}
