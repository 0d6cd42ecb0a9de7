"""What an operator asks: is it alive, is it ready, how much has it done."""

from functools import partial
from time import perf_counter

from fastapi import APIRouter, Request, Response
from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, Counter, Gauge, Histogram, generate_latest
from starlette.middleware.base import RequestResponseEndpoint

from sidecar.registry import Registry

health = APIRouter(tags=["Operation"])
router = APIRouter(tags=["Operation"])


class Metrics:
    """What one sidecar has done since it started."""

    def __init__(self, registry: Registry) -> None:
        self.collected = CollectorRegistry()
        self.requests = Counter("sidecar_requests", "Requests answered", ["path", "status"], registry=self.collected)
        self.seconds = Histogram("sidecar_request_seconds", "Time to answer", ["path"], registry=self.collected)
        self.texts = Counter("sidecar_embedded_texts", "Texts embedded", ["model"], registry=self.collected)
        self.tokens = Counter("sidecar_embedded_tokens", "Tokens read by embedders", ["model"], registry=self.collected)

        waiting = Gauge("sidecar_unanswered_texts", "Texts in work or waiting", ["model"], registry=self.collected)
        for model in registry.models:
            waiting.labels(model.embedder.name).set_function(partial(getattr, model, "unanswered_texts"))


async def measure(request: Request, call_next: RequestResponseEndpoint) -> Response:
    """Count and time a request under its route; unknown paths share one label, so that none can fill the memory."""
    started = perf_counter()
    response = await call_next(request)
    route = request.scope.get("route")
    path = getattr(route, "path", "unknown")
    metrics: Metrics = request.app.state.metrics
    metrics.requests.labels(path, str(response.status_code)).inc()
    metrics.seconds.labels(path).observe(perf_counter() - started)
    return response


@health.get("/healthz")
async def healthz() -> dict[str, str]:
    """The process answers."""
    return {"status": "ok"}


@health.get("/readyz")
async def readyz(request: Request) -> dict[str, object]:
    """The models that can be used now; they are loaded before the port answers."""
    return {"status": "ready", "models": [model.embedder.name for model in request.app.state.registry.models]}


@router.get("/metrics")
async def metrics(request: Request) -> Response:
    """Prometheus text."""
    return Response(generate_latest(request.app.state.metrics.collected), media_type=CONTENT_TYPE_LATEST)
