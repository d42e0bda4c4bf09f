"""Static files: compressed once, and kept by browsers for good where the address carries the file's fingerprint."""

from __future__ import annotations

import gzip
import os
from functools import lru_cache
from pathlib import Path
from typing import Any

from starlette.datastructures import Headers, QueryParams
from starlette.responses import Response
from starlette.staticfiles import StaticFiles
from starlette.types import Scope

WORKER = "offline.js"
"""The one script that may stand between a person's pages and the network."""
_COMPRESSED = frozenset({".css", ".js", ".svg", ".json", ".txt"})


class Assets(StaticFiles):
    """The static folder. A page asks for ``name?v=FINGERPRINT`` (see ``static_url``), so that such an answer never ages."""

    def file_response(
        self,
        full_path: str | os.PathLike[str],
        stat_result: os.stat_result,
        scope: Scope,
        status_code: int = 200,
    ) -> Response:
        """The file, compressed where the browser takes it."""
        path, headers = Path(full_path), Headers(scope=scope)
        response = super().file_response(full_path, stat_result, scope, status_code)
        lasting = "v" in QueryParams(scope.get("query_string", b""))
        extra: dict[str, Any] = {
            "Cache-Control": "public, max-age=31536000, immutable" if lasting else "no-cache",
            "Vary": "Accept-Encoding",
        }
        takes = "gzip" in headers.get("accept-encoding", "") and "range" not in headers
        if path.name == WORKER:
            extra["Service-Worker-Allowed"] = "/s/"
        if response.status_code == 200 and takes and path.suffix in _COMPRESSED:
            etag = response.headers.get("etag", "")
            body = _gzipped(path, stat_result.st_mtime_ns)
            media_type = response.media_type
            response = Response(
                body, media_type=media_type, headers={"Content-Encoding": "gzip", "ETag": etag}
            )
        response.headers.update(extra)
        return response


@lru_cache(maxsize=64)
def _gzipped(path: Path, _changed: int) -> bytes:
    return gzip.compress(path.read_bytes(), 9, mtime=0)
