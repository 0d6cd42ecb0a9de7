"""OpenAI's chat completions; tests use the official `openai` client."""

import secrets
import time
from collections.abc import AsyncGenerator, AsyncIterator, Mapping, Sequence
from contextlib import aclosing
from typing import Any

import orjson
from fastapi import APIRouter, Request, Response
from fastapi.responses import StreamingResponse

from memories.errors import DreamsError
from sidecar.api.routes.failures import documented, in_stream
from sidecar.api.routes.replies.chat_bodies import ChatRequest
from sidecar.api.routes.replies.generation import Choice, ChoicePiece, begin, generator, together
from sidecar.api.routes.replies.recalling import Recalling, recalling
from sidecar.generators.protocol import End, LikelyToken, Piece, ReplyToken
from sidecar.generators.queue import ServedGenerator

router = APIRouter(prefix="/v1", tags=["OpenAI"], responses=documented(404, 429, 502, 503, 504))
LEAST_LOGPROB = -9999.0
"""As OpenAI writes minus infinity, which JSON has not."""
EVENT_STREAM = "text/event-stream"


@router.post("/chat/completions", response_class=Response)
async def chat_completions(request: Request, body: ChatRequest) -> Response:
    """A reply to a conversation, whole or as server-sent events."""
    served = generator(request, body.model)
    recalled = await recalling(request, body.memory, body.asked())
    about = envelope("chatcmpl", body.model, served)
    if body.stream:
        with_usage = body.stream_options is not None and body.stream_options.include_usage
        pieces = await begin(request, served, recalled.asked)
        return event_stream(_chunks(about | {"object": "chat.completion.chunk"}, pieces, recalled, with_usage))
    choices = await together(request, served, recalled.asked)
    return json_response(
        {
            **about,
            "object": "chat.completion",
            "choices": [_whole(index, choice, bool(body.logprobs)) for index, choice in enumerate(choices)],
            "usage": usage([choice.end for choice in choices]),
            **await recalled.told([choice.text for choice in choices]),
        }
    )


def envelope(prefix: str, model: str, served: ServedGenerator) -> dict[str, Any]:
    return {
        "id": f"{prefix}-{secrets.token_hex(12)}",
        "created": int(time.time()),
        "model": model,
        "system_fingerprint": f"fp_{served.card.digest[:10] or served.card.name}",
    }


async def _chunks(
    about: Mapping[str, Any], pieces: AsyncGenerator[ChoicePiece], recalled: Recalling, with_usage: bool
) -> AsyncIterator[bytes]:
    """The parts of each choice, and last, without a choice, what was recalled and the usage, where they are asked."""
    no_usage: dict[str, Any] = {"usage": None} if with_usage else {}
    ends: list[End] = []
    texts = [""] * len(recalled.asked)

    def chunk(index: int, delta: Mapping[str, Any], piece: Piece | None = None) -> bytes:
        choice = {
            "index": index,
            "delta": delta,
            "logprobs": None if piece is None else logprobs(piece.tokens),
            "finish_reason": piece.end.finish_reason if piece and piece.end else None,
        }
        return event({**about, "choices": [choice], **no_usage})

    async with aclosing(pieces):
        for index in range(len(texts)):
            yield chunk(index, {"role": "assistant", "content": "", "refusal": None})
        async for index, piece in pieces:
            delta = _delta(piece)
            texts[index] += piece.text
            if piece.end is not None:
                ends.append(piece.end)
            if delta or piece.end is not None or any(token.likely for token in piece.tokens):
                yield chunk(index, delta, piece)
    last = {"usage": usage(ends)} if with_usage else {}
    last |= await recalled.told(texts)
    if last:
        yield event({**about, "choices": [], **last})


def _delta(piece: Piece) -> dict[str, Any]:
    delta: dict[str, Any] = {}
    if piece.text:
        delta["content"] = piece.text
    if piece.reasoning:
        delta["reasoning_content"] = piece.reasoning
    if piece.tool_calls:
        delta["tool_calls"] = [
            {"index": part.place, "function": {"arguments": part.arguments}}
            if part.name is None
            else {
                "index": part.place,
                "id": part.id,
                "type": "function",
                "function": {"name": part.name, "arguments": part.arguments},
            }
            for part in piece.tool_calls
        ]
    return delta


def _whole(index: int, choice: Choice, with_logprobs: bool) -> dict[str, Any]:
    message: dict[str, Any] = {
        "role": "assistant",
        "content": choice.text if choice.text or not choice.calls else None,
        "refusal": None,
        "annotations": [],
    }
    if choice.reasoning:
        message["reasoning_content"] = choice.reasoning
    if choice.calls:
        message["tool_calls"] = [
            {"id": call.id, "type": "function", "function": {"name": call.name, "arguments": call.arguments}}
            for call in choice.calls
        ]
    told = logprobs(choice.tokens) or ({"content": [], "refusal": None} if with_logprobs else None)
    return {"index": index, "message": message, "logprobs": told, "finish_reason": choice.end.finish_reason}


def logprobs(tokens: Sequence[ReplyToken]) -> dict[str, Any] | None:
    """The log probabilities of these tokens; None when none were asked for."""
    told = [
        {**likely(token.likely), "top_logprobs": [likely(top) for top in token.top]}
        for token in tokens
        if token.likely is not None
    ]
    return {"content": told, "refusal": None} if told else None


def likely(token: LikelyToken) -> dict[str, Any]:
    return {
        "token": token.data.decode("utf-8", "replace"),
        "bytes": list(token.data),
        "logprob": max(token.logprob, LEAST_LOGPROB),
    }


def usage(ends: Sequence[End]) -> dict[str, Any]:
    """Tokens of a prompt, which all choices share, and of all replies."""
    prompt = max((end.prompt_tokens for end in ends), default=0)
    completion = sum(end.completion_tokens for end in ends)
    return {
        "prompt_tokens": prompt,
        "completion_tokens": completion,
        "total_tokens": prompt + completion,
        "prompt_tokens_details": {"cached_tokens": min((end.cached_tokens for end in ends), default=0)},
        "completion_tokens_details": {"reasoning_tokens": sum(end.reasoning_tokens for end in ends)},
    }


def event_stream(events: AsyncIterator[bytes]) -> StreamingResponse:
    """Server-sent events, and [DONE] after them; a failure in the middle is an event too."""
    return StreamingResponse(_until_done(events), media_type=EVENT_STREAM, headers={"Cache-Control": "no-cache"})


async def _until_done(events: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
    try:
        async for each in events:
            yield each
    except Exception as error:
        yield event({"error": in_stream(error).model_dump()})
        if not isinstance(error, DreamsError):
            raise
    yield b"data: [DONE]\n\n"


def event(data: Mapping[str, Any]) -> bytes:
    return b"data: " + orjson.dumps(data) + b"\n\n"


def json_response(content: Mapping[str, Any]) -> Response:
    return Response(orjson.dumps(content), media_type="application/json")
