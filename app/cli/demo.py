"""demo: a study to look at, made once, and served."""

from __future__ import annotations

import argparse
import secrets
import socket
import threading
import time
import webbrowser
from typing import Any

from app.cli.serving import serve
from app.cli.setting import Rooms, opened, progress_bar
from app.db import migrate
from app.kit.clock import utc_now
from app.kit.settings import Settings
from app.simulation.demo import build as demo


def add_commands(commands: Any) -> None:
    parser = commands.add_parser("demo", help="a study on real content, to vote in and to look at")
    parser.add_argument("--port", type=int, default=8000)
    parser.add_argument("--no-browser", action="store_true", help="do not open a browser")
    parser.set_defaults(do=_demo)


def _demo(options: argparse.Namespace, settings: Settings, rooms: Rooms) -> int:
    settings.data_dir.mkdir(parents=True, exist_ok=True)
    migrate.upgrade(settings.resolved_database_url())
    _check_port(options.port)
    password = f"sound-{secrets.token_hex(4)}"
    with opened(settings, rooms) as database:
        made = demo.build(
            database, now=utc_now(), password=password, report=progress_bar("Simulated people answer")
        )
    base = f"http://127.0.0.1:{options.port}"
    print(
        f"""
Soundings is at {base}

Vote as anyone:          {base}/s/{made.open_slug}
Look as a researcher:    {base}/sign-in?next=/studies/{made.filled_slug}/overview
    e-mail               {made.email}
    password             {made.password}

The study "{made.filled_slug}" was answered by simulated people. Stop with Ctrl+C.
""",
        flush=True,
    )
    if not options.no_browser:
        threading.Thread(target=_open_when_up, args=(options.port, base), daemon=True).start()
    return serve("127.0.0.1", options.port, settings, rooms)


def _check_port(port: int) -> None:
    with socket.socket() as probe:
        if probe.connect_ex(("127.0.0.1", port)) == 0:
            raise OSError(f"Port {port} is taken; choose another with --port.")


def _open_when_up(port: int, base: str) -> None:
    for _ in range(100):
        time.sleep(0.1)
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                webbrowser.open(base)
                return
