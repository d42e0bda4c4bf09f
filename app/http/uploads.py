"""Request bodies read whole, up to a limit, for routes that take files as their body."""

from __future__ import annotations

from typing import Annotated

from fastapi import Depends, Request

from app.kit.errors import TooLarge


async def whole_body(request: Request) -> bytes:
    """The body, up to ``max_upload_mb``. Raises TooLarge as soon as the limit is passed."""
    limit = request.app.state.settings.max_upload_mb * 1_000_000
    said = request.headers.get("content-length")
    if said and said.isdigit() and int(said) > limit:
        raise TooLarge(f"Files up to {limit // 1_000_000} MB can be loaded here.")
    parts: list[bytes] = []
    size = 0
    async for chunk in request.stream():
        size += len(chunk)
        if size > limit:
            raise TooLarge(f"Files up to {limit // 1_000_000} MB can be loaded here.")
        parts.append(chunk)
    return b"".join(parts)


Body = Annotated[bytes, Depends(whole_body)]
