"""serve, worker, migrate, doctor."""

from __future__ import annotations

import argparse
import errno
import os
import signal
import socket
import sys
from typing import Any

from app.cli import checks
from app.cli.setting import Rooms, opened
from app.db import migrate
from app.jobs.worker import Worker
from app.kit import log
from app.kit.settings import Settings

HIGHEST_PORT = 65_535
GRACE_S = 20
"""Seconds that requests in hand are given when the server is told to stop."""


def add_commands(commands: Any) -> None:
    serve = commands.add_parser("serve", help="serve web and API; migrates first if needed")
    serve.add_argument("--host", default="127.0.0.1")
    serve.add_argument("--port", type=int, default=8000)
    serve.add_argument("--workers", type=int, default=1, help="processes; more than one needs PostgreSQL")
    serve.set_defaults(do=_serve)
    worker = commands.add_parser("worker", help="run background jobs only")
    worker.set_defaults(do=_worker)
    upgrade = commands.add_parser("migrate", help="bring the schema up to date")
    upgrade.set_defaults(do=_migrate)
    doctor = commands.add_parser("doctor", help="check settings, database, permissions, clock and assets")
    doctor.set_defaults(do=_doctor)


def _serve(options: argparse.Namespace, settings: Settings, rooms: Rooms) -> int:
    return serve(options.host, options.port, settings, rooms, workers=options.workers)


def serve(host: str, port: int, settings: Settings, rooms: Rooms, *, workers: int = 1) -> int:
    """Migrate if needed and serve until told to stop; requests in hand are finished."""
    import uvicorn

    if not 0 <= port <= HIGHEST_PORT:
        raise ValueError(f"--port lies between 0 and {HIGHEST_PORT}, {port} does not.")
    if workers < 1:
        raise ValueError(f"--workers is 1 or more, not {workers}.")

    sqlite = settings.resolved_database_url().startswith("sqlite")
    if workers > 1 and sqlite:
        raise ValueError("SQLite has one writer: use one worker, or PostgreSQL for more.")
    _refuse_taken(host, port)
    _prepare(settings)
    log.configure(settings.log_level)
    uvicorn.run(
        rooms.application,
        factory=True,
        host=host,
        port=port,
        workers=workers if workers > 1 else None,
        proxy_headers=True,
        forwarded_allow_ips=settings.trusted_proxies,
        timeout_graceful_shutdown=GRACE_S,
        access_log=False,
        log_level="warning",
        server_header=False,
    )
    return 0


def _refuse_taken(host: str, port: int) -> None:
    """Say at once where nobody can listen, before a database is migrated for nothing. Raises ValueError."""
    kind = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(kind, socket.SOCK_STREAM) as probe:
        if os.name == "posix":
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError as error:
            if error.errno == errno.EADDRINUSE:
                message = f"Port {port} of {host} is taken: something serves there already. Choose another with --port."
            else:
                message = f"Nobody can listen on {host}, port {port}: {error.strerror or error}."
            raise ValueError(message) from None


def _prepare(settings: Settings) -> None:
    settings.data_dir.mkdir(parents=True, exist_ok=True)
    settings.exports_dir().mkdir(parents=True, exist_ok=True)
    migrate.upgrade(settings.resolved_database_url())


def _worker(_options: argparse.Namespace, settings: Settings, rooms: Rooms) -> int:
    log.configure(settings.log_level)
    settings.exports_dir().mkdir(parents=True, exist_ok=True)
    with opened(settings, rooms) as database:
        worker = Worker(database, rooms.handlers(settings))
        for one in (signal.SIGTERM, signal.SIGINT):
            signal.signal(one, lambda *_: worker.stop())
        worker.run()
    return 0


def _migrate(_options: argparse.Namespace, settings: Settings, _rooms: Rooms) -> int:
    _prepare(settings)
    print(f"The database is at revision {migrate.head()}.")
    return 0


def _doctor(_options: argparse.Namespace, settings: Settings, rooms: Rooms) -> int:
    findings = checks.examine(settings, rooms)
    for finding in findings:
        print(
            f"{'ok  ' if finding.fine else 'MEND'} {finding.what}"
            + ("" if finding.fine else f": {finding.advice}")
        )
    bad = [f for f in findings if not f.fine]
    if bad:
        print(f"{len(bad)} of {len(findings)} checks need mending.", file=sys.stderr)
    return 1 if bad else 0
