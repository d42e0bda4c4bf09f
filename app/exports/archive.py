"""An export's directory as one zip file, streamed: nothing is held in memory, the same directory gives the same bytes, and its
length is known beforehand, so that a broken download can go on where it stopped.
"""

from __future__ import annotations

import io
import zipfile
from collections.abc import Iterator
from pathlib import Path

_STAMP = (1980, 1, 1, 0, 0, 0)
_BLOCK = 1 << 20
_ROOM = 1 << 31
"""From this size on entries may need longer headers, and the length is not told."""


class _Pipe(io.RawIOBase):
    """Takes what the zip writer says and hands it on; it cannot be gone back in, so sizes follow each file."""

    def __init__(self) -> None:
        self._parts: list[bytes] = []

    def writable(self) -> bool:
        return True

    def write(self, data: object) -> int:
        told = bytes(data)  # type: ignore[call-overload]
        self._parts.append(told)
        return len(told)

    def take(self) -> bytes:
        told, self._parts = b"".join(self._parts), []
        return told


def archive(folder: Path, name: str, *, start: int = 0) -> Iterator[bytes]:
    """The files of a finished export under ``name/``, in the order of their paths, as pieces of a zip file, from a byte on.

    Files are stored as they are: packing them would leave the length unknown until the end. What lies before ``start`` is
    read again and dropped.
    """
    skip = start
    for piece in _pieces(folder, name, empty=False):
        if skip >= len(piece):
            skip -= len(piece)
        else:
            yield piece[skip:]
            skip = 0


def length(folder: Path, name: str) -> int | None:
    """How many bytes ``archive`` gives, without reading a file; None where that is not known beforehand."""
    total = sum(p.stat().st_size for p in _files(folder))
    if total >= _ROOM:
        return None
    return total + sum(len(piece) for piece in _pieces(folder, name, empty=True))


def _files(folder: Path) -> list[Path]:
    return sorted(p for p in folder.rglob("*") if p.is_file())


def _pieces(folder: Path, name: str, *, empty: bool) -> Iterator[bytes]:
    """The zip file; ``empty``: its headers alone."""
    pipe = _Pipe()
    with zipfile.ZipFile(pipe, "w", allowZip64=True) as out:
        for path in _files(folder):
            entry = zipfile.ZipInfo(f"{name}/{path.relative_to(folder).as_posix()}", _STAMP)
            entry.compress_type = zipfile.ZIP_STORED
            entry.external_attr = 0o644 << 16
            entry.create_system = 3
            with path.open("rb") as source, out.open(entry, "w", force_zip64=True) as target:
                while not empty and (block := source.read(_BLOCK)):
                    target.write(block)
                    yield pipe.take()
            yield pipe.take()
    yield pipe.take()
