"""The loop that does jobs, in a thread of the server or in its own process; ``main`` hands in what each kind does."""

from __future__ import annotations

import os
import socket
import threading
import time
from collections.abc import Callable, Mapping
from typing import Any

from app.db.session import Database
from app.jobs import writes
from app.kit import log
from app.kit.clock import utc_now

Handler = Callable[[Database, dict[str, Any], Callable[[float], None]], None]
"""Does one kind of work: database, payload, and a function to report progress (0..1) with."""


class Worker:
    """Takes jobs one at a time until told to stop. A job that raises is tried again; the worker goes on."""

    def __init__(self, database: Database, handlers: Mapping[str, Handler], *, idle_s: float = 0.5) -> None:
        self._database, self._handlers, self._idle_s = database, handlers, idle_s
        self._name = f"{socket.gethostname()}-{os.getpid()}-{threading.get_ident() % 10_000}"
        self._stop = threading.Event()

    def stop(self) -> None:
        """Finish the job in hand and end."""
        self._stop.set()

    def run(self) -> None:
        """Work until stopped."""
        while not self._stop.is_set():
            try:
                worked = self.step()
            except Exception as error:  # noqa: BLE001 - the database may be away for a moment; the loop must outlive it
                log.failure("worker.step_failed", error)
                worked = False
            if not worked:
                self._stop.wait(self._idle_s)

    def drain(self) -> int:
        """Do everything that is due and return how many jobs that was: for commands and tests."""
        done = 0
        while self.step():
            done += 1
        return done

    def step(self) -> bool:
        """Do one job, if one is due."""
        with self._database.write() as session:
            job = writes.take(session, worker=self._name, now=utc_now())
        if job is None:
            return False
        began = time.perf_counter()
        try:
            self._handlers[job.kind](self._database, job.payload, self._reporter(job.id))
        except Exception as error:  # noqa: BLE001 - whatever it was, the row says so and the next job runs
            log.failure("job.failed", error, job_id=job.id, kind=job.kind, attempt=job.attempts)
            with self._database.write() as session:
                writes.fail(session, job.id, f"{type(error).__name__}: {error}", now=utc_now())
        else:
            with self._database.write() as session:
                writes.finish(session, job.id, now=utc_now())
            log.event(
                "job.done", job_id=job.id, kind=job.kind, ms=round((time.perf_counter() - began) * 1000)
            )
        return True

    def _reporter(self, job_id: int) -> Callable[[float], None]:
        last = 0.0

        def report(share: float) -> None:
            nonlocal last
            if time.monotonic() - last > 1:
                last = time.monotonic()
                with self._database.write() as session:
                    writes.progress(session, job_id, share, now=utc_now())

        return report
