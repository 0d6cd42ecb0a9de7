"""Builds the sidecar's application: its routes, and the middleware in front of them."""

from fastapi import Depends, FastAPI

from sidecar.api import docs
from sidecar.api.middleware import BYTES_PER_MEGABYTE, BodyLimit, JsonAssumed, KeyDemanded, ThisMachineOnly, bearer
from sidecar.api.routes import (
    asking,
    failures,
    memories,
    ollama,
    openai,
    operation,
    reports,
)
from sidecar.api.routes.replies import chat, completions, ollama_chat, responses
from sidecar.registry import Registry
from sidecar.settings import SidecarSettings
from sidecar.store import ServedStore


def create_app(registry: Registry, settings: SidecarSettings, store: ServedStore | None) -> FastAPI:
    """The application for the models of `registry` and, if given, the memories of `store`; the caller closes both."""
    app = FastAPI(
        title="Codex Dreams sidecar",
        description="Memories, and models behind Ollama's and OpenAI's protocols.",
        docs_url=None,
        redoc_url=None,
    )
    app.state.registry = registry
    app.state.settings = settings
    app.state.store = store
    app.state.metrics = operation.Metrics(registry)
    app.add_middleware(JsonAssumed)
    app.add_middleware(BodyLimit, limit_bytes=settings.request_megabytes * BYTES_PER_MEGABYTE)
    if settings.api_key is None:
        app.add_middleware(ThisMachineOnly)
    else:
        app.add_middleware(KeyDemanded, key=settings.api_key.get_secret_value())
    app.middleware("http")(operation.measure)
    app.include_router(operation.health)
    app.include_router(docs.router)
    keyed = [] if settings.api_key is None else [Depends(bearer)]
    models = (ollama.router, ollama_chat.router, openai.router, chat.router, completions.router, responses.router)
    of_store = () if store is None else (memories.router, asking.router, reports.router)
    for router in (operation.router, *models, *of_store):
        app.include_router(router, dependencies=keyed)
    failures.register(app)
    return app
