"""Generates for all protocols: finds the generator, merges replies, watches for clients that leave, and counts."""

import asyncio
from collections.abc import AsyncGenerator, Coroutine, Sequence
from contextlib import aclosing
from dataclasses import dataclass, field
from time import perf_counter
from typing import Any, NamedTuple, TypeVar

from fastapi import HTTPException, Request

from sidecar.api.routes.embedding import registry
from sidecar.api.routes.operation import Metrics
from sidecar.generators.errors import InvalidRequest
from sidecar.generators.protocol import End, GenerationRequest, Piece, ReplyToken, ToolCall, ToolCallPart
from sidecar.generators.queue import ServedGenerator
from sidecar.registry import UnknownModelError

Result = TypeVar("Result")
NO_END = End("stop", 0, 0)


class ChoicePiece(NamedTuple):
    """A piece of one of the replies to a request; `choice` counts these from 0."""

    choice: int
    piece: Piece


@dataclass(slots=True)
class Choice:
    """A reply, put together from its pieces."""

    text: str = ""
    reasoning: str = ""
    calls: list[ToolCall] = field(default_factory=list)
    tokens: list[ReplyToken] = field(default_factory=list)
    end: End = NO_END

    def add(self, piece: Piece) -> None:
        self.text += piece.text
        self.reasoning += piece.reasoning
        self.tokens += piece.tokens
        for part in piece.tool_calls:
            self._add_call(part)
        self.end = piece.end or self.end

    def call_pieces(self) -> list[Piece]:
        """Each call as a piece of its own."""
        return [
            Piece(tool_calls=(ToolCallPart(place, call.arguments, call.id, call.name),))
            for place, call in enumerate(self.calls)
        ]

    def _add_call(self, part: ToolCallPart) -> None:
        if part.place == len(self.calls):
            self.calls.append(ToolCall(part.id or "", part.name or "", part.arguments))
        else:
            call = self.calls[part.place]
            self.calls[part.place] = call._replace(arguments=call.arguments + part.arguments)


def generator(request: Request, name: str, parameter: str = "model") -> ServedGenerator:
    """The generator that a parameter names. Raises UnknownModelError, and InvalidRequest for one that only embeds."""
    try:
        return registry(request).generator(name)
    except UnknownModelError:
        if name in registry(request).embedder_names:
            raise InvalidRequest(f"Use another model, {name} only embeds.", parameter) from None
        raise


async def begin(
    request: Request, served: ServedGenerator, asked: Sequence[GenerationRequest]
) -> AsyncGenerator[ChoicePiece]:
    """The pieces of the replies, once the first is there: before that a request can still fail with a status.

    Raises what `ServedGenerator.reply` does.
    """
    pieces = _measured(request.app.state.metrics, served, _merged(served, asked))
    try:
        first = await anext(pieces)
    except BaseException:
        await pieces.aclose()
        raise
    return _with_first(first, pieces)


async def _with_first(first: ChoicePiece, rest: AsyncGenerator[ChoicePiece]) -> AsyncGenerator[ChoicePiece]:
    async with aclosing(rest):
        yield first
        async for piece in rest:
            yield piece


async def together(request: Request, served: ServedGenerator, asked: Sequence[GenerationRequest]) -> list[Choice]:
    """All replies, whole; they are cancelled when the client leaves. Raises what `begin` does."""
    return await unless_gone(request, _together(request, served, asked))


async def _together(request: Request, served: ServedGenerator, asked: Sequence[GenerationRequest]) -> list[Choice]:
    choices = [Choice() for _ in asked]
    async with aclosing(await begin(request, served, asked)) as pieces:
        async for index, piece in pieces:
            choices[index].add(piece)
    return choices


async def unless_gone(request: Request, work: Coroutine[Any, Any, Result]) -> Result:
    """The result of `work`, which is cancelled when the client disconnects: nobody reads the error that says so."""
    working = asyncio.ensure_future(work)
    leaving = asyncio.ensure_future(_gone(request))
    try:
        await asyncio.wait((working, leaving), return_when=asyncio.FIRST_COMPLETED)
        if not working.done():
            raise HTTPException(408, "The client left before its reply was whole.")
        return await working
    finally:
        leaving.cancel()
        working.cancel()
        await asyncio.wait((working,))


async def _gone(request: Request) -> None:
    while (await request.receive())["type"] != "http.disconnect":
        pass


async def _merged(served: ServedGenerator, asked: Sequence[GenerationRequest]) -> AsyncGenerator[ChoicePiece]:
    """The pieces of several replies as they come."""
    if len(asked) == 1:
        async with aclosing(served.reply(asked[0])) as pieces:
            async for piece in pieces:
                yield ChoicePiece(0, piece)
        return
    arrived: asyncio.Queue[ChoicePiece | None] = asyncio.Queue()

    async def follow(index: int, one: GenerationRequest) -> None:
        try:
            async with aclosing(served.reply(one)) as pieces:
                async for piece in pieces:
                    await arrived.put(ChoicePiece(index, piece))
        finally:
            await arrived.put(None)

    following = [asyncio.create_task(follow(index, one)) for index, one in enumerate(asked)]
    try:
        for _ in following:
            while (arrival := await arrived.get()) is not None:
                yield arrival
        await asyncio.gather(*following)
    finally:
        for task in following:
            task.cancel()
        await asyncio.gather(*following, return_exceptions=True)


async def _measured(
    metrics: Metrics, served: ServedGenerator, pieces: AsyncGenerator[ChoicePiece]
) -> AsyncGenerator[ChoicePiece]:
    """The same pieces, with their tokens counted and the time to the first of them taken."""
    name, started = served.card.name, perf_counter()
    first: float | None = None
    async with aclosing(pieces):
        async for choice in pieces:
            piece = choice.piece
            if first is None and (piece.text or piece.reasoning or piece.tool_calls):
                first = perf_counter()
                metrics.first_token_seconds.labels(name).observe(first - started)
            if piece.end is not None:
                metrics.read_tokens.labels(name).inc(piece.end.prompt_tokens - piece.end.cached_tokens)
                metrics.generated_tokens.labels(name).inc(piece.end.completion_tokens)
                if first is not None and piece.end.completion_tokens > 1:
                    seconds = max(perf_counter() - first, 1e-9)
                    metrics.tokens_per_second.labels(name).observe((piece.end.completion_tokens - 1) / seconds)
            yield choice
