"""People at work as fast as they can: a keep-alive HTTP client in few lines, and servers in processes of their own."""

from __future__ import annotations

import asyncio
import contextlib
import os
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]


class Connection:
    """One kept-alive connection to a local server."""

    def __init__(self, port: int, token: str = "") -> None:
        self.port, self.token = port, token

    async def open(self) -> None:
        self.reader, self.writer = await asyncio.open_connection("127.0.0.1", self.port)

    async def call(self, method: str, path: str, body: bytes = b"") -> tuple[int, bytes, float]:
        """Send and read one request: status, body, and milliseconds from the first byte sent to the last one read."""
        head = f"{method} {path} HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/json\r\n"
        if self.token:
            head += f"Authorization: Bearer {self.token}\r\n"
        began = time.perf_counter()
        self.writer.write(f"{head}Content-Length: {len(body)}\r\n\r\n".encode() + body)
        answer = (await self.reader.readuntil(b"\r\n\r\n")).lower()
        length = answer.partition(b"content-length:")[2].partition(b"\r\n")[0]
        content = await self.reader.readexactly(int(length or b"0"))
        return int(answer[9:12]), content, (time.perf_counter() - began) * 1000

    def close(self) -> None:
        self.writer.close()


@contextlib.contextmanager
def process(command: list[str], port: int, url: str, folder: Path, ready: str) -> Iterator[int]:
    """A server in a process of its own; yields its number once ``ready`` answers."""
    environment = os.environ | {
        "SOUNDINGS_DATABASE_URL": url,
        "SOUNDINGS_DATA_DIR": str(folder),
        "SOUNDINGS_LOG_LEVEL": "ERROR",
        "PYTHONPATH": str(ROOT),
    }
    server = subprocess.Popen([sys.executable, *command], cwd=ROOT, env=environment)
    try:
        deadline = time.monotonic() + 60
        while True:
            with contextlib.suppress(OSError):
                urllib.request.urlopen(f"http://127.0.0.1:{port}{ready}", timeout=5).close()
                break
            if server.poll() is not None or time.monotonic() > deadline:
                raise RuntimeError("the server did not start")
            time.sleep(0.1)
        yield server.pid
    finally:
        server.terminate()
        server.wait(40)


def free_port() -> int:
    """A port nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def cpu_seconds(pid: int) -> float:
    """Processor seconds that a process has used; 0 where the system does not say."""
    with contextlib.suppress(OSError, IndexError, ValueError):
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")
    return 0.0
