"""An export's directory as one zip file, streamed: nothing is held in memory and the same directory gives the same bytes."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Iterator
from pathlib import Path

_STAMP = (1980, 1, 1, 0, 0, 0)
_BLOCK = 1 << 20
_PACKED = {".parquet"}
"""Files that are compressed already are stored as they are."""


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


def archive(folder: Path, name: str) -> Iterator[bytes]:
    """The files of a finished export under ``name/``, in the order of their paths, as pieces of a zip file."""
    pipe = _Pipe()
    with zipfile.ZipFile(pipe, "w", allowZip64=True) as out:
        for path in sorted(p for p in folder.rglob("*") if p.is_file()):
            entry = zipfile.ZipInfo(f"{name}/{path.relative_to(folder).as_posix()}", _STAMP)
            entry.compress_type = zipfile.ZIP_STORED if path.suffix in _PACKED else zipfile.ZIP_DEFLATED
            entry.external_attr = 0o644 << 16
            entry.create_system = 3
            with path.open("rb") as source, out.open(entry, "w", force_zip64=True) as target:
                while block := source.read(_BLOCK):
                    target.write(block)
                    yield pipe.take()
            yield pipe.take()
    yield pipe.take()
