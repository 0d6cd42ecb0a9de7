"""Ollama's chat and generate; tests use the official `ollama` client."""

from collections.abc import AsyncGenerator, AsyncIterator, Sequence
from contextlib import aclosing
from datetime import UTC, datetime
from time import perf_counter_ns
from typing import Any

import orjson
from fastapi import APIRouter, Request, Response
from fastapi.responses import StreamingResponse

from memories.errors import DreamsError
from sidecar.api.routes.failures import OllamaFailure, documented, in_stream
from sidecar.api.routes.replies.chat import json_response, likely
from sidecar.api.routes.replies.generation import Choice, ChoicePiece, begin, generator, together
from sidecar.api.routes.replies.ollama_bodies import OllamaChatRequest, OllamaGenerateRequest, is_zero
from sidecar.api.routes.replies.recalling import Recalling, recalling
from sidecar.generators.protocol import End, Piece, ReplyToken, ToolCall
from sidecar.generators.queue import ServedGenerator

router = APIRouter(prefix="/api", tags=["Ollama"], responses=documented(404, 429, 502, 503, 504, form=OllamaFailure))
LINES = "application/x-ndjson"


class Wording:
    """How one of the two routes words a reply: chat in messages, generate in plain fields."""

    def __init__(self, model: str, *, is_chat: bool) -> None:
        self._model = model
        self._is_chat = is_chat
        self._started = perf_counter_ns()
        self._first: int | None = None

    def part(self, piece: Piece, calls: Sequence[ToolCall] = ()) -> dict[str, Any]:
        if self._first is None:
            self._first = perf_counter_ns()
        said: dict[str, Any] = {"role": "assistant"} if self._is_chat else {}
        said["content" if self._is_chat else "response"] = piece.text
        if piece.reasoning:
            said["thinking"] = piece.reasoning
        if calls:
            said["tool_calls"] = [
                {
                    "id": call.id,
                    "function": {"index": place, "name": call.name, "arguments": orjson.loads(call.arguments)},
                }
                for place, call in enumerate(calls)
            ]
        told = _logprobs(piece.tokens)
        return {**self._about(), **({"message": said} if self._is_chat else said), "done": False, **told}

    def last(self, end: End, load_seconds: float) -> dict[str, Any]:
        now = perf_counter_ns()
        first = self._first or now
        load = int(load_seconds * 1e9)
        return {
            "done": True,
            "done_reason": "length" if end.finish_reason == "length" else "stop",
            "total_duration": now - self._started,
            "load_duration": load,
            "prompt_eval_count": end.prompt_tokens,
            "prompt_eval_duration": max(first - self._started - load, 0),
            "eval_count": end.completion_tokens,
            "eval_duration": now - first,
        }

    def nothing(self, reason: str) -> dict[str, Any]:
        """The answer to a request without a prompt, which only loads or unloads."""
        return {**self.part(Piece()), "done": True, "done_reason": reason}

    def _about(self) -> dict[str, Any]:
        return {"model": self._model, "created_at": datetime.now(UTC).isoformat().replace("+00:00", "Z")}


@router.post("/chat", response_class=Response)
async def chat(request: Request, body: OllamaChatRequest) -> Response:
    """A reply to a conversation; without messages the model is loaded, or unloaded if keep_alive is 0."""
    return await _answer(request, body, is_chat=True)


@router.post("/generate", response_class=Response)
async def generate(request: Request, body: OllamaGenerateRequest) -> Response:
    """A reply to a prompt; without one the model is loaded, or unloaded if keep_alive is 0."""
    return await _answer(request, body, is_chat=False)


async def _answer(request: Request, body: OllamaChatRequest | OllamaGenerateRequest, *, is_chat: bool) -> Response:
    wording = Wording(body.model, is_chat=is_chat)
    served = generator(request, body.model)
    asked = body.asked()
    if asked is None:
        return json_response(await _load_or_not(served, wording, is_zero(body.keep_alive)))
    was_loaded = served.is_loaded
    recalled = await recalling(request, body.memory, [asked])
    if body.stream is not False:
        pieces = await begin(request, served, recalled.asked)
        load_seconds = 0.0 if was_loaded else served.load_seconds
        return StreamingResponse(_lines(wording, pieces, load_seconds, recalled), media_type=LINES)
    (choice,) = await together(request, served, recalled.asked)
    whole = Piece(choice.text, choice.reasoning, tokens=choice.tokens)
    load_seconds = 0.0 if was_loaded else served.load_seconds
    told = await recalled.told([choice.text])
    return json_response({**wording.part(whole, choice.calls), **wording.last(choice.end, load_seconds), **told})


async def _load_or_not(served: ServedGenerator, wording: Wording, is_unload: bool) -> dict[str, Any]:
    if is_unload:
        served.unload()
        return wording.nothing("unload")
    await served.load()
    return wording.nothing("load")


async def _lines(
    wording: Wording, pieces: AsyncGenerator[ChoicePiece], load_seconds: float, recalled: Recalling
) -> AsyncIterator[bytes]:
    """Calls of tools come whole, as Ollama sends them; what was recalled is told in the last line."""
    so_far = Choice()
    try:
        async with aclosing(pieces):
            async for _, piece in pieces:
                so_far.add(Piece(piece.text, tool_calls=piece.tool_calls))
                if piece.text or piece.reasoning:
                    yield _line(wording.part(piece))
                if piece.end is not None:
                    if so_far.calls:
                        yield _line(wording.part(Piece(), so_far.calls))
                    told = await recalled.told([so_far.text])
                    yield _line({**wording.part(Piece()), **wording.last(piece.end, load_seconds), **told})
    except Exception as error:
        yield _line({"error": in_stream(error).message})
        if not isinstance(error, DreamsError):
            raise


def _logprobs(tokens: Sequence[ReplyToken]) -> dict[str, Any]:
    told = [
        {**likely(token.likely), "top_logprobs": [likely(top) for top in token.top]}
        for token in tokens
        if token.likely is not None
    ]
    return {"logprobs": told} if told else {}


def _line(content: dict[str, Any]) -> bytes:
    return orjson.dumps(content) + b"\n"
