"""OpenAI's responses, the set that agents use; tests use the official `openai` client."""

from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import aclosing
from typing import Any

import orjson
from fastapi import APIRouter, Request, Response
from fastapi.responses import StreamingResponse

from memories.errors import DreamsError
from sidecar.api.routes.failures import documented, in_stream
from sidecar.api.routes.replies.chat import EVENT_STREAM, json_response
from sidecar.api.routes.replies.generation import Choice, ChoicePiece, begin, generator, together
from sidecar.api.routes.replies.recalling import Recalling, recalling
from sidecar.api.routes.replies.response_bodies import ResponseRequest
from sidecar.api.routes.replies.response_items import Event, ResponseItems
from sidecar.generators.protocol import Piece

router = APIRouter(prefix="/v1", tags=["OpenAI"], responses=documented(404, 429, 502, 503, 504))


@router.post("/responses", response_class=Response)
async def responses(request: Request, body: ResponseRequest) -> Response:
    """A reply in items, whole or as server-sent events. Nothing is stored: send the earlier items again."""
    served = generator(request, body.model)
    recalled = await recalling(request, body.memory, [body.asked()])
    items = ResponseItems(body)
    if body.stream:
        events = _events(items, await begin(request, served, recalled.asked), recalled)
        return StreamingResponse(events, media_type=EVENT_STREAM, headers={"Cache-Control": "no-cache"})
    (choice,) = await together(request, served, recalled.asked)
    items.told = await recalled.told([choice.text])
    for piece in _pieces_of(choice):
        items.add(piece)
    return json_response(items.response())


def _pieces_of(choice: Choice) -> list[Piece]:
    """A whole reply as pieces in the order of its items."""
    parts = [Piece(reasoning=choice.reasoning)] if choice.reasoning else []
    parts += [Piece(text=choice.text, tokens=choice.tokens)] if choice.text else []
    return [*parts, *choice.call_pieces(), Piece(end=choice.end)]


async def _events(
    items: ResponseItems, pieces: AsyncGenerator[ChoicePiece], recalled: Recalling
) -> AsyncIterator[bytes]:
    text = ""
    try:
        for event in items.begin():
            yield _encoded(event)
        async with aclosing(pieces):
            async for _, piece in pieces:
                text += piece.text
                if piece.end is not None:
                    items.told = await recalled.told([text])
                for event in items.add(piece):
                    yield _encoded(event)
    except Exception as error:
        yield _encoded(items.fail(in_stream(error)))
        if not isinstance(error, DreamsError):
            raise


def _encoded(event: Event) -> bytes:
    data: dict[str, Any] = event
    return b"event: " + str(data["type"]).encode() + b"\ndata: " + orjson.dumps(data) + b"\n\n"
