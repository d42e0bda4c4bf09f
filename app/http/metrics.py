"""Counts and durations of requests, per process, as Prometheus text."""

from __future__ import annotations

import time
from collections import defaultdict
from threading import Lock

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from app.kit import log

BUCKETS_S = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 10.0)


class Metrics:
    """What this process has served since it started."""

    def __init__(self) -> None:
        self._lock = Lock()
        self._requests: dict[tuple[str, str, int], int] = defaultdict(int)
        self._buckets: dict[tuple[str, float], int] = defaultdict(int)
        self._sums: dict[str, float] = defaultdict(float)
        self._counts: dict[str, int] = defaultdict(int)

    def observe(self, method: str, route: str, status: int, seconds: float) -> None:
        """One request served."""
        with self._lock:
            self._requests[method, route, status] += 1
            self._sums[route] += seconds
            self._counts[route] += 1
            for bound in BUCKETS_S:
                if seconds <= bound:
                    self._buckets[route, bound] += 1

    def text(self) -> str:
        """All of it in Prometheus's text format."""
        with self._lock:
            lines = [
                "# HELP soundings_requests_total Requests served by the process that answers this; every worker counts its own.",
                "# TYPE soundings_requests_total counter",
                *(
                    f'soundings_requests_total{{method="{m}",route="{r}",status="{s}"}} {n}'
                    for (m, r, s), n in sorted(self._requests.items())
                ),
                "# HELP soundings_request_seconds Time to serve a request, in the process that answers this.",
                "# TYPE soundings_request_seconds histogram",
            ]
            for route in sorted(self._counts):
                lines.extend(
                    f'soundings_request_seconds_bucket{{route="{route}",le="{bound}"}} {self._buckets[route, bound]}'
                    for bound in BUCKETS_S
                )
                lines.append(
                    f'soundings_request_seconds_bucket{{route="{route}",le="+Inf"}} {self._counts[route]}'
                )
                lines.append(f'soundings_request_seconds_sum{{route="{route}"}} {self._sums[route]:.6f}')
                lines.append(f'soundings_request_seconds_count{{route="{route}"}} {self._counts[route]}')
        return "\n".join(lines) + "\n"


class Measured:
    """Counts every request under its route's pattern, and logs one line for each: never a path, which may hold a code."""

    def __init__(self, app: ASGIApp, *, metrics: Metrics) -> None:
        self._app, self._metrics = app, metrics

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        began, status = time.perf_counter(), 500

        async def watch(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
            await send(message)

        try:
            await self._app(scope, receive, watch)
        finally:
            route = getattr(scope.get("route"), "path", None) or "none"
            seconds = time.perf_counter() - began
            self._metrics.observe(scope["method"], route, status, seconds)
            if route not in {"/healthz", "/readyz", "/metrics"} and not route.startswith("/static"):
                log.event(
                    "request", method=scope["method"], route=route, status=status, ms=round(seconds * 1000, 1)
                )
