"""Archives that a browser, curl or a Python script can fetch in parts."""

from __future__ import annotations

import re
from pathlib import Path

from fastapi import Request, Response
from fastapi.responses import StreamingResponse

from app.exports.archive import archive, length

_FROM = re.compile(r"bytes=(\d+)-")


def archive_response(request: Request, folder: Path, name: str, fingerprint: str | None) -> Response:
    """The whole directory as a zip file. ``Range: bytes=N-`` goes on from byte N, as long as the files are still the same.

    Other ranges are answered with everything, as the standard allows.
    """
    tag = f'"{(fingerprint or name)[:32]}-{name}"'
    total = length(folder, name)
    headers = {"Content-Disposition": f'attachment; filename="{name}.zip"', "ETag": tag}
    if total is None:
        return StreamingResponse(archive(folder, name), media_type="application/zip", headers=headers)
    headers["Accept-Ranges"] = "bytes"
    start = _start(request, tag)
    if start is not None and start >= total:
        return Response(status_code=416, headers={"Content-Range": f"bytes */{total}"})
    begin = start or 0
    headers["Content-Length"] = str(total - begin)
    if start is not None:
        headers["Content-Range"] = f"bytes {begin}-{total - 1}/{total}"
    return StreamingResponse(
        archive(folder, name, start=begin),
        status_code=200 if start is None else 206,
        media_type="application/zip",
        headers=headers,
    )


def _start(request: Request, tag: str) -> int | None:
    """The byte to go on from; None for everything, also where the files have changed since the first part was fetched."""
    asked = _FROM.fullmatch(request.headers.get("range", "").strip())
    if asked is None or request.headers.get("if-range", tag) != tag:
        return None
    return int(asked[1])
