"""OpenAI's protocol: models and embeddings; tests use the official `openai` client."""

import base64
from typing import Annotated, Literal

import orjson
from fastapi import APIRouter, Request, Response
from pydantic import BaseModel, Field, Strict
from starlette.concurrency import run_in_threadpool
from starlette.convertors import Convertor, register_url_convertor

from memories.errors import InputError
from sidecar.api.routes.embedding import Texts, embed, registry
from sidecar.api.routes.failures import documented
from sidecar.api.routes.text import Text
from sidecar.embedders.protocol import Vectors
from sidecar.embedders.queue import ServedModel


class ModelName(Convertor[str]):
    """A model's name in a path; those of other servers have slashes."""

    regex = "(?!.*/activate$).+"

    def convert(self, value: str) -> str:
        return value

    def to_string(self, value: str) -> str:
        return value


register_url_convertor("model", ModelName())
router = APIRouter(prefix="/v1", tags=["OpenAI"], responses=documented(404, 503))
Given = Field(min_length=1)
Tokens = Annotated[list[Annotated[int, Strict()]], Given]


class EmbeddingRequest(BaseModel):
    model: Text
    input: (
        Text | Annotated[Texts, Field(json_schema_extra={"minItems": 1})] | Tokens | Annotated[list[Tokens], Given]
    ) = Field(description="Texts, or token ids of the model's tokenizer, including the special tokens at both ends.")
    encoding_format: Literal["float", "base64"] = "float"
    dimensions: int | None = Field(None, description="Only the model's own number: vectors cannot be shortened.")
    user: str | None = Field(None, description="Ignored, and not stored.")


class Embedding(BaseModel):
    object: Literal["embedding"]
    index: int
    embedding: list[float] | str = Field(description="A list of numbers or, in base64, little-endian float32.")


class Usage(BaseModel):
    prompt_tokens: int
    total_tokens: int


class EmbeddingResponse(BaseModel):
    object: Literal["list"]
    model: str
    data: list[Embedding]
    usage: Usage


@router.get("/models")
async def models(request: Request) -> dict[str, object]:
    """Lists the served models."""
    return {"object": "list", "data": [_described(name) for name in registry(request).names]}


@router.get("/models/{name:model}")
async def model(request: Request, name: str) -> dict[str, object]:
    """Describes a served model."""
    return _described(registry(request).own_name(name))


@router.post("/models/{name:path}/activate")
async def activate(request: Request, name: str) -> dict[str, object]:
    """Makes a generator the one that the name `default` means; replies that another is giving go on."""
    return _described(registry(request).activate(name).card.name)


@router.post("/embeddings", response_model=EmbeddingResponse)
async def embeddings(request: Request, body: EmbeddingRequest) -> Response:
    """Returns a unit vector for each text, or an error if any of them cannot be embedded."""
    texts = await run_in_threadpool(_texts_of, body, registry(request).find(body.model))
    if not texts:
        raise InputError("Give at least one text as input.")
    embedded = await embed(request, body.model, texts, body.dimensions)
    in_base64 = body.encoding_format == "base64"
    content = {
        "object": "list",
        "model": body.model,
        "data": [
            {"object": "embedding", "index": index, "embedding": _base64(vector) if in_base64 else vector}
            for index, vector in enumerate(embedded.vectors)
        ],
        "usage": {"prompt_tokens": embedded.token_count, "total_tokens": embedded.token_count},
    }
    return Response(orjson.dumps(content, option=orjson.OPT_SERIALIZE_NUMPY), media_type="application/json")


def _texts_of(body: EmbeddingRequest, model: ServedModel) -> list[str]:
    """The request's input as texts. Raises InputError for tokens that are not the model's."""
    match body.input:
        case str() as text:
            return [text]
        case [int(), *_] as tokens:
            return [_text_of(tokens, model)]  # type: ignore[arg-type]
        case several:
            return [each if isinstance(each, str) else _text_of(each, model) for each in several]  # type: ignore[arg-type]


def _text_of(tokens: list[int], model: ServedModel) -> str:
    text = model.embedder.text_of(tokens)
    if text is None:
        name = model.embedder.name
        raise InputError(
            f"Send texts: these numbers are not token ids of {name} for a text (with LangChain, set "
            "check_embedding_ctx_length=False)."
        )
    return text


def _described(name: str) -> dict[str, object]:
    return {"id": name, "object": "model", "created": 0, "owned_by": "codex-dreams"}


def _base64(vector: Vectors) -> str:
    return base64.b64encode(vector.astype("<f4").tobytes()).decode()
