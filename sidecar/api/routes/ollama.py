"""Ollama's protocol: models and embeddings; tests use the official `ollama` client."""

from time import perf_counter_ns
from typing import Any

import orjson
from fastapi import APIRouter, Request, Response
from pydantic import BaseModel, Field

from sidecar.api.routes.embedding import Texts, embed, registry
from sidecar.api.routes.failures import OllamaFailure, documented
from sidecar.api.routes.text import Text
from sidecar.embedders.queue import ServedModel
from sidecar.generators.protocol import ModelCard

# The release of Ollama whose protocol this implements; clients derive the available features from it.
PROTOCOL_VERSION = "0.12.0"
# What Ollama reports for a model that never expires.
NEVER = "9999-12-31T23:59:59Z"
router = APIRouter(prefix="/api", tags=["Ollama"], responses=documented(404, 503, form=OllamaFailure))


class ModelRequest(BaseModel):
    model: Text


class EmbedRequest(ModelRequest):
    input: Text | Texts
    truncate: bool = Field(True, description="Cuts longer texts to the model's context; else they are an error.")
    dimensions: int | None = Field(None, description="Only the model's own number: vectors cannot be shortened.")
    keep_alive: float | str | None = Field(None, description="Ignored: models stay loaded while the sidecar runs.")
    options: dict[str, Any] | None = Field(None, description="Ignored: no option changes an embedding.")


class LegacyEmbedRequest(ModelRequest):
    prompt: Text


class EmbedResponse(BaseModel):
    model: str
    embeddings: list[list[float]]
    total_duration: int = Field(description="In nanoseconds.")
    load_duration: int = Field(description="Always 0: models are loaded before the sidecar answers.")
    prompt_eval_count: int = Field(description="How many tokens the model read.")


class LegacyEmbedResponse(BaseModel):
    embedding: list[float]


@router.get("/version")
async def version() -> dict[str, str]:
    return {"version": PROTOCOL_VERSION}


@router.get("/tags")
async def tags(request: Request) -> dict[str, list[dict[str, object]]]:
    """Lists the served models."""
    served = registry(request)
    return {"models": [*map(_described, served.models), *(_offered(each.card) for each in served.generators)]}


@router.get("/ps")
async def running(request: Request) -> dict[str, list[dict[str, object]]]:
    """Lists the loaded models: embedders as long as the sidecar runs, generators since they were first asked."""
    served = registry(request)
    loaded = [each.card for each in served.generators if each.is_loaded]
    kept = {"expires_at": NEVER, "size_vram": 0}
    return {
        "models": [
            *({**_described(one), **kept, "context_length": one.embedder.context_tokens} for one in served.models),
            *({**_offered(card), **kept, "context_length": card.context_tokens} for card in loaded),
        ]
    }


@router.post("/show")
async def show(request: Request, body: ModelRequest) -> dict[str, object]:
    """Returns a model's details and capabilities."""
    if body.model not in registry(request).embedder_names:
        return _shown(registry(request).generator(body.model).card)
    embedder = registry(request).find(body.model).embedder
    family = embedder.family
    return {
        "details": _described(registry(request).find(body.model))["details"],
        "model_info": {
            "general.architecture": family,
            "general.parameter_count": embedder.parameter_count,
            f"{family}.context_length": embedder.context_tokens,
            f"{family}.embedding_length": embedder.dimensions,
        },
        "capabilities": ["embedding"],
    }


@router.post("/embed", response_model=EmbedResponse)
async def embed_texts(request: Request, body: EmbedRequest) -> Response:
    """Returns a unit vector for each text, or an error if any of them cannot be embedded."""
    started = perf_counter_ns()
    texts = [body.input] if isinstance(body.input, str) else body.input
    embedded = await embed(request, body.model, texts, body.dimensions, body.truncate)
    return _json(
        {
            "model": body.model,
            "embeddings": embedded.vectors,
            "total_duration": perf_counter_ns() - started,
            "load_duration": 0,
            "prompt_eval_count": embedded.token_count,
        }
    )


@router.post("/embeddings", response_model=LegacyEmbedResponse)
async def embed_prompt(request: Request, body: LegacyEmbedRequest) -> Response:
    """Returns the vector of one text: Ollama's older protocol."""
    embedded = await embed(request, body.model, [body.prompt])
    return _json({"embedding": embedded.vectors[0]})


def _described(model: ServedModel) -> dict[str, object]:
    embedder = model.embedder
    return {
        "name": f"{embedder.name}:latest",
        "model": f"{embedder.name}:latest",
        "size": embedder.size_bytes,
        "digest": embedder.digest,
        "details": {
            "format": "safetensors",
            "family": embedder.family,
            "families": [embedder.family],
            "parameter_size": f"{embedder.parameter_count / 1e6:.0f}M",
            "quantization_level": "F32",
        },
    }


def _offered(card: ModelCard) -> dict[str, object]:
    return {
        "name": card.name,
        "model": card.name,
        "size": card.size_bytes,
        "digest": card.digest,
        "details": {
            "format": "safetensors",
            "family": card.family,
            "families": [card.family],
            "parameter_size": f"{card.parameter_count / 1e6:.0f}M",
            "quantization_level": card.quantization,
        },
    }


def _shown(card: ModelCard) -> dict[str, object]:
    return {
        "details": _offered(card)["details"],
        "model_info": {
            "general.architecture": card.family,
            "general.parameter_count": card.parameter_count,
            f"{card.family}.context_length": card.context_tokens,
        },
        "capabilities": list(card.capabilities),
    }


def _json(content: dict[str, object]) -> Response:
    return Response(orjson.dumps(content, option=orjson.OPT_SERIALIZE_NUMPY), media_type="application/json")
