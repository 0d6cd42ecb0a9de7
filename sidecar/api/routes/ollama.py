"""Ollama's protocol, limited to embedding; tests use the official `ollama` client."""

from time import perf_counter_ns
from typing import Any

import orjson
from fastapi import APIRouter, Request, Response
from pydantic import BaseModel, Field

from sidecar.api.routes.embedding import Texts, embed, registry
from sidecar.api.routes.failures import Sentence, documented
from sidecar.api.routes.text import Text
from sidecar.embedders.queue import ServedModel

# The release of Ollama whose protocol this implements; clients derive the available features from it.
PROTOCOL_VERSION = "0.12.0"
# What Ollama reports for a model that never expires.
NEVER = "9999-12-31T23:59:59Z"
router = APIRouter(prefix="/api", tags=["Ollama"], responses=documented(404, 503, form=Sentence))


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
    return {"models": [_described(model) for model in registry(request).models]}


@router.get("/ps")
async def running(request: Request) -> dict[str, list[dict[str, object]]]:
    """Lists the loaded models: every served model stays loaded while the sidecar runs."""
    return {
        "models": [
            {**_described(model), "expires_at": NEVER, "size_vram": 0, "context_length": model.embedder.context_tokens}
            for model in registry(request).models
        ]
    }


@router.post("/show")
async def show(request: Request, body: ModelRequest) -> dict[str, object]:
    """Returns a model's details and capabilities."""
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


def _json(content: dict[str, object]) -> Response:
    return Response(orjson.dumps(content, option=orjson.OPT_SERIALIZE_NUMPY), media_type="application/json")
