"""Routes for operators: liveness, readiness, recognition, and Prometheus metrics of what the sidecar has done."""

from collections.abc import Iterable
from functools import partial
from time import perf_counter
from typing import Annotated, Any

from fastapi import APIRouter, Query, Request, Response
from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, Counter, Gauge, Histogram, generate_latest
from starlette.concurrency import run_in_threadpool
from starlette.middleware.base import RequestResponseEndpoint

from memories.errors import StoreUnreachable
from memories.serving import recognition
from memories.settings import settings
from memories.views.monitor import Measured
from sidecar.api.routes.failures import OllamaFailure, documented
from sidecar.registry import Registry
from sidecar.store import ServedStore

health = APIRouter(tags=["Operation"])
router = APIRouter(tags=["Operation"])
AS_TEXT: dict[int | str, dict[str, Any]] = {200: {"content": {"text/plain": {"schema": {"type": "string"}}}}}


class Metrics:
    """Prometheus metrics of one sidecar since it started, and the figures of the dream cycle."""

    def __init__(self, registry: Registry) -> None:
        self.collected = CollectorRegistry()
        self.requests = Counter("sidecar_requests", "Requests answered", ["path", "status"], registry=self.collected)
        self.seconds = Histogram("sidecar_request_seconds", "Time to answer", ["path"], registry=self.collected)
        self.texts = Counter("sidecar_embedded_texts", "Texts embedded", ["model"], registry=self.collected)
        self.tokens = Counter("sidecar_embedded_tokens", "Tokens read by embedders", ["model"], registry=self.collected)

        waiting = Gauge("sidecar_unanswered_texts", "Texts not yet embedded", ["model"], registry=self.collected)
        for model in registry.models:
            waiting.labels(model.embedder.name).set_function(partial(getattr, model, "unanswered_texts"))

        self.generated_tokens = Counter(
            "sidecar_generated_tokens", "Tokens of replies", ["model"], registry=self.collected
        )
        self.read_tokens = Counter(
            "sidecar_read_tokens", "Tokens of prompts that were read", ["model"], registry=self.collected
        )
        self.first_token_seconds = Histogram(
            "sidecar_first_token_seconds", "Time to the first token", ["model"], registry=self.collected
        )
        self.tokens_per_second = Histogram(
            "sidecar_tokens_per_second",
            "Tokens a second after the first",
            ["model"],
            registry=self.collected,
            buckets=(1, 2, 5, 10, 20, 50, 100, 200, 500, 1000),
        )
        self.replies = Gauge(
            "sidecar_replies", "Replies in work or waiting", ["model", "state"], registry=self.collected
        )

        about = "A figure of the visible dream cycle (docs/biology.md)"
        self.biology = Gauge("dreams_biology", about, ["figure"], registry=self.collected)
        self.lowest = Gauge("dreams_biology_low", "The smallest value expected", ["figure"], registry=self.collected)
        self.highest = Gauge("dreams_biology_high", "The largest value expected", ["figure"], registry=self.collected)

    def tell_replies(self, registry: Registry) -> None:
        """Sets how many replies each generator is giving, and how many requests wait for it."""
        for generator in registry.generators:
            self.replies.labels(generator.card.name, "running").set(generator.running)
            self.replies.labels(generator.card.name, "waiting").set(generator.waiting)

    def tell(self, readings: Iterable[Measured]) -> None:
        """Sets the dream cycle's figures to these readings, and removes all others."""
        for gauge in (self.biology, self.lowest, self.highest):
            gauge.clear()
        for reading in readings:
            if reading.value is not None:
                self.biology.labels(reading.figure).set(reading.value)
                self.lowest.labels(reading.figure).set(reading.low)
                self.highest.labels(reading.figure).set(reading.high)


async def measure(request: Request, call_next: RequestResponseEndpoint) -> Response:
    """Counts and times a request under its route; unknown paths share one label, so that they cannot fill memory."""
    started = perf_counter()
    response = await call_next(request)
    route = request.scope.get("route")
    path = getattr(route, "path", "unknown")
    metrics: Metrics = request.app.state.metrics
    metrics.requests.labels(path, str(response.status_code)).inc()
    metrics.seconds.labels(path).observe(perf_counter() - started)
    return response


@health.get("/healthz", responses=documented(form=OllamaFailure))
async def healthz() -> dict[str, str]:
    """Says that the process answers."""
    return {"status": "ok"}


@health.get(recognition.PATH, response_class=Response, responses=AS_TEXT | documented(503, form=OllamaFailure))
def recognise(request: Request, nonce: Annotated[str, Query(pattern="^[0-9a-f]{64}$")]) -> Response:
    """Proves to a client of the same DREAMS_HOME that this is its sidecar."""
    key = recognition.secret(settings().dreams_home)
    return Response(recognition.proof(key, nonce, request.scope["server"]), media_type="text/plain")


@health.get("/readyz", responses=documented(503, form=OllamaFailure))
async def readyz(request: Request) -> dict[str, object]:
    """Lists the models that are ready, or fails with 503 if Postgres is configured or in use and does not answer.

    Models are loaded before the port answers.
    """
    store: ServedStore | None = request.app.state.store
    try:
        if store is not None:
            await run_in_threadpool(store.check)
    except StoreUnreachable as error:
        # This route needs no key, so it must not reveal where Postgres is.
        raise StoreUnreachable("Postgres does not answer: start it, or correct POSTGRES_DB_URL.") from error
    return {"status": "ready", "models": request.app.state.registry.names}


@router.get("/metrics", response_class=Response, responses=AS_TEXT | documented(form=OllamaFailure))
async def metrics(request: Request) -> Response:
    """Returns Prometheus metrics of the sidecar and, if Postgres is configured or in use, of the dream cycle."""
    store: ServedStore | None = request.app.state.store
    try:
        request.app.state.metrics.tell(await run_in_threadpool(store.readings) if store is not None else [])
    except StoreUnreachable:
        # The sidecar's own metrics are still reported; /readyz says what is wrong with the store.
        request.app.state.metrics.tell([])
    request.app.state.metrics.tell_replies(request.app.state.registry)
    return Response(generate_latest(request.app.state.metrics.collected), media_type=CONTENT_TYPE_LATEST)
