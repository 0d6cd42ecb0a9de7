"""Embeds texts for both protocols: finds the model, enforces the limits, waits for the vectors and counts them."""

from typing import Annotated

from fastapi import Request
from pydantic import Field

from memories.errors import InputError
from sidecar.api.routes.operation import Metrics
from sidecar.api.routes.text import Text
from sidecar.embedders.queue import Embedded
from sidecar.registry import Registry
from sidecar.settings import SidecarSettings

Texts = Annotated[list[Text], Field(description="The texts, at most SIDECAR_REQUEST_TEXTS.")]


def registry(request: Request) -> Registry:
    served: Registry = request.app.state.registry
    return served


async def embed(
    request: Request, model_name: str, texts: list[str], dimensions: int | None = None, truncate: bool = True
) -> Embedded:
    settings: SidecarSettings = request.app.state.settings
    metrics: Metrics = request.app.state.metrics
    model = registry(request).find(model_name)
    if len(texts) > settings.request_texts:
        raise InputError(f"Send at most {settings.request_texts} texts at once: this request has {len(texts)}.")
    if dimensions not in (None, model.embedder.dimensions):
        raise InputError(
            f"Leave dimensions out, or set it to {model.embedder.dimensions}: {model_name} gives no others."
        )
    embedded = await model.embed(texts, truncate)
    metrics.texts.labels(model.embedder.name).inc(len(texts))
    metrics.tokens.labels(model.embedder.name).inc(embedded.token_count)
    return embedded
