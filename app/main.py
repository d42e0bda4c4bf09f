"""The only place where all rooms meet: the application, what each kind of job does, and the loop that serves both."""

from __future__ import annotations

import asyncio
import contextlib
import threading
from collections.abc import AsyncIterator, Callable
from typing import Any

import sqlalchemy as sa
from fastapi import Depends, FastAPI, Request, Response
from fastapi.exceptions import RequestValidationError
from fastapi.responses import PlainTextResponse
from starlette.exceptions import HTTPException
from starlette.types import Receive, Scope, Send

from app import __version__, api, web
from app.api import problems
from app.db import migrate
from app.db.session import Database, connect
from app.exports import places
from app.http.limits import TokenBuckets
from app.http.metrics import Measured, Metrics
from app.http.security import Hosts, SameOriginWrites, SecurityHeaders, TooLargeAsProblem, plain_address
from app.inference import feature
from app.jobs.worker import Handler, Worker
from app.kit import log
from app.kit.clock import utc_now
from app.kit.errors import AppError
from app.kit.paths import folder
from app.kit.settings import Settings
from app.querying import refreshing
from app.querying import registry as acquisitions
from app.questions import registry as questions
from app.reports import fitting
from app.simulation import keeping
from app.web import errors as web_errors
from app.web.assets import Assets

WRITERS = 2
"""Writing requests in worker threads at once on SQLite, where one at a time is at work."""


class Site(FastAPI):
    """The application as servers call it."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http" and scope["path"].startswith("/api/"):
            send = TooLargeAsProblem(send)
        await super().__call__(scope, receive, send)


def handlers(settings: Settings) -> dict[str, Handler]:
    """What each kind of job does."""

    def build_export(database: Database, payload: dict[str, Any], report: Callable[[float], None]) -> None:
        places.make(database, payload["export_id"], settings.exports_dir(), report)

    def fit(database: Database, payload: dict[str, Any], report: Callable[[float], None]) -> None:  # noqa: ARG001
        fitting.fit(database, payload["study_id"], now=utc_now())

    def select(database: Database, payload: dict[str, Any], report: Callable[[float], None]) -> None:  # noqa: ARG001
        model = settings.sentence_model or None
        refreshing.refresh(database, payload["study_id"], now=utc_now(), sentence_model=model)

    background: dict[str, Handler] = {"export": build_export, "fit": fit, "select": select}

    def try_out(database: Database, payload: dict[str, Any], report: Callable[[float], None]) -> None:
        keeping.make(database, payload, background, now=utc_now(), report=report)

    return background | {keeping.KIND: try_out}


def from_environment() -> FastAPI:
    """The application as the environment's settings say: what server processes import."""
    settings = Settings()
    log.configure(settings.log_level)
    return create_app(settings)


def create_app(settings: Settings) -> FastAPI:
    """The whole application. The database must exist and be migrated; seams are loaded now, so that a bad file in one
    refuses the start rather than a request.
    """
    questions.kinds()
    questions.meta_kinds()
    acquisitions.acquisitions()
    feature.kinds()
    database = connect(settings.resolved_database_url(), pool_size=settings.pool_size)
    app = Site(
        title="Soundings",
        version=__version__,
        summary="Ask people which AI answers they prefer, and how they want that to be understood.",
        docs_url=None,
        redoc_url=None,
        openapi_url="/api/openapi.json",
        lifespan=_lifespan,
        dependencies=[Depends(plain_address)],
        max_body_size=settings.max_body_mb * 1_000_000,
        telemetry={"tracing": False, "metrics": False},
    )
    app.state.settings, app.state.database = settings, database
    app.state.gate = asyncio.Semaphore(WRITERS) if database.is_sqlite else None
    app.state.sign_in_buckets = TokenBuckets(settings.sign_in_per_minute)
    app.state.join_buckets = TokenBuckets(settings.join_per_minute)
    app.state.metrics = Metrics()
    _routes(app)
    _errors(app)
    https = settings.public_url.startswith("https://")
    trusted = {settings.public_url.rstrip("/")} if settings.public_url else set()
    app.add_middleware(SameOriginWrites, trusted=trusted)
    app.add_middleware(SecurityHeaders, https=https)
    app.add_middleware(Hosts, allowed=_hosts(settings))
    app.add_middleware(Measured, metrics=app.state.metrics)
    return app


@contextlib.asynccontextmanager
async def _lifespan(app: FastAPI) -> AsyncIterator[None]:
    """Run background jobs in a thread of this process, unless other processes do."""
    settings: Settings = app.state.settings
    worker = Worker(app.state.database, handlers(settings)) if settings.embedded_worker else None
    thread = threading.Thread(target=worker.run, name="jobs", daemon=True) if worker else None
    if thread:
        thread.start()
    try:
        yield
    finally:
        if worker and thread:
            worker.stop()
            await asyncio.to_thread(thread.join, 20)
        app.state.database.dispose()


def _routes(app: FastAPI) -> None:
    for router in api.routers():
        app.include_router(router, prefix="/api/v1")
    for router in web.routers():
        app.include_router(router, include_in_schema=False)
    app.mount("/static", Assets(directory=folder("static")), name="static")

    @app.get("/healthz", include_in_schema=False)
    def healthz() -> PlainTextResponse:
        return PlainTextResponse("alive")

    @app.get("/readyz", include_in_schema=False)
    def readyz(request: Request) -> PlainTextResponse:
        state = readiness(request.app.state.database)
        return PlainTextResponse(state or "ready", 503 if state else 200)

    @app.get("/metrics", include_in_schema=False)
    def metrics(request: Request) -> PlainTextResponse:
        return PlainTextResponse(request.app.state.metrics.text(), media_type="text/plain; version=0.0.4")


def readiness(database: Database) -> str | None:
    """None when the database answers and is migrated, else what is the matter."""
    try:
        with database.reader.connect() as connection:
            at, wanted = migrate.current(connection), migrate.head()
    except sa.exc.SQLAlchemyError:
        return "the database does not answer"
    return None if at == wanted else "the database is not migrated; run `soundings migrate`"


def _errors(app: FastAPI) -> None:
    def is_api(request: Request) -> bool:
        return request.url.path.startswith("/api/")

    @app.exception_handler(AppError)
    def refused(request: Request, error: AppError) -> Response:
        log.event("refused", code=error.code, status=error.status)
        return problems.from_app_error(error) if is_api(request) else web_errors.refused(request, error)

    @app.exception_handler(RequestValidationError)
    def malformed(request: Request, error: RequestValidationError) -> Response:
        if not is_api(request):
            return web_errors.malformed(request)
        creates_study = request.method == "POST" and request.url.path == "/api/v1/studies"
        return problems.from_validation(error, study_file=creates_study)

    @app.exception_handler(HTTPException)
    def framework(request: Request, error: HTTPException) -> Response:
        return (
            problems.from_http_exception(error) if is_api(request) else web_errors.framework(request, error)
        )

    @app.exception_handler(Exception)
    def unexpected(request: Request, error: Exception) -> Response:
        log.failure("unexpected", error, kind=type(error).__name__)
        return problems.unexpected() if is_api(request) else web_errors.unexpected(request)


def _hosts(settings: Settings) -> list[str]:
    """Host names that are answered: those listed, else that of the public address and the loopback ones."""
    listed = settings.host_list()
    if listed or not settings.public_url:
        return listed
    name = settings.public_url.split("://", 1)[-1].split("/", 1)[0].rsplit(":", 1)[0]
    return [name, "localhost", "127.0.0.1"]
