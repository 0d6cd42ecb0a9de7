"""OpenAI's older completions: text that goes on, without roles."""

from collections.abc import AsyncGenerator, AsyncIterator, Mapping, Sequence
from contextlib import aclosing
from typing import Annotated, Any

from fastapi import APIRouter, Request, Response
from pydantic import Field

from sidecar.api.routes.failures import documented
from sidecar.api.routes.replies.chat import LEAST_LOGPROB, envelope, event, event_stream, json_response, usage
from sidecar.api.routes.replies.chat_bodies import SampledBody
from sidecar.api.routes.replies.generation import ChoicePiece, begin, generator, together
from sidecar.api.routes.text import Text
from sidecar.generators.errors import InvalidRequest
from sidecar.generators.protocol import End, GenerationRequest, ReplyToken

router = APIRouter(prefix="/v1", tags=["OpenAI"], responses=documented(404, 429, 502, 503, 504))
MOST_PROMPTS = 16
DEFAULT_TOKENS = 16


class CompletionRequest(SampledBody):
    prompt: Text | Annotated[list[Text], Field(min_length=1, max_length=MOST_PROMPTS)]
    logprobs: Annotated[int, Field(ge=0, le=5)] | None = None
    echo: bool | None = None
    best_of: int | None = Field(None, description="Only as many as n.")
    suffix: Text | None = Field(None, description="Not supported: these models go on at the end.")

    @property
    def prompts(self) -> Sequence[str]:
        return [self.prompt] if isinstance(self.prompt, str) else self.prompt

    def asked(self) -> list[GenerationRequest]:
        """One request for each choice of each prompt. Raises InvalidRequest for what is not supported."""
        if self.suffix:
            raise InvalidRequest("Leave out suffix: these models go on at the end of a text.", "suffix")
        if self.best_of not in (None, self.n or 1):
            raise InvalidRequest("Leave out best_of, or set it to n.", "best_of")
        return [
            GenerationRequest(
                prompt=prompt,
                max_tokens=self.max_tokens or DEFAULT_TOKENS,
                sampling=self.sampling(choice),
                stop=self.stops(),
                top_logprobs=self.logprobs,
            )
            for prompt in self.prompts
            for choice in range(self.n or 1)
        ]


@router.post("/completions", response_class=Response)
async def completions(request: Request, body: CompletionRequest) -> Response:
    """Goes on with a text, or with each of several."""
    served = generator(request, body.model)
    asked = body.asked()
    about = envelope("cmpl", body.model, served) | {"object": "text_completion"}
    echoed = [one.prompt or "" if body.echo else "" for one in asked]
    if body.stream:
        with_usage = body.stream_options is not None and body.stream_options.include_usage
        return event_stream(_chunks(about, await begin(request, served, asked), echoed, with_usage))
    choices = await together(request, served, asked)
    told = [
        {
            "index": index,
            "text": echoed[index] + choice.text,
            "logprobs": _logprobs(choice.tokens, len(echoed[index])) if body.logprobs is not None else None,
            "finish_reason": choice.end.finish_reason,
        }
        for index, choice in enumerate(choices)
    ]
    return json_response({**about, "choices": told, "usage": _usage([choice.end for choice in choices], body)})


async def _chunks(
    about: Mapping[str, Any], pieces: AsyncGenerator[ChoicePiece], echoed: Sequence[str], with_usage: bool
) -> AsyncIterator[bytes]:
    no_usage: dict[str, Any] = {"usage": None} if with_usage else {}
    ends: list[End] = []
    offsets = [len(text) for text in echoed]

    def chunk(index: int, text: str, tokens: Sequence[ReplyToken] = (), end: End | None = None) -> bytes:
        told = _logprobs(tokens, offsets[index]) if any(token.likely for token in tokens) else None
        reason = None if end is None else end.finish_reason
        choice = {"index": index, "text": text, "logprobs": told, "finish_reason": reason}
        return event({**about, "choices": [choice], **no_usage})

    async with aclosing(pieces):
        for index, text in enumerate(echoed):
            if text:
                yield chunk(index, text)
        async for index, piece in pieces:
            if piece.text or piece.end is not None:
                yield chunk(index, piece.text, piece.tokens, piece.end)
            offsets[index] += len(piece.text)
            if piece.end is not None:
                ends.append(piece.end)
    if with_usage:
        yield event({**about, "choices": [], "usage": usage(ends)})


def _usage(ends: Sequence[End], body: CompletionRequest) -> dict[str, Any]:
    """Tokens of all prompts, each counted once, and of all replies."""
    told = usage(ends)
    told["prompt_tokens"] = sum(end.prompt_tokens for end in ends[:: body.n or 1])
    return told | {"total_tokens": told["prompt_tokens"] + told["completion_tokens"]}


def _logprobs(tokens: Sequence[ReplyToken], offset: int) -> dict[str, Any]:
    """In the form of this older protocol: lists side by side."""
    told: dict[str, list[Any]] = {"tokens": [], "token_logprobs": [], "top_logprobs": [], "text_offset": []}
    for token in tokens:
        if token.likely is None:
            continue
        text = token.likely.data.decode("utf-8", "replace")
        told["tokens"].append(text)
        told["token_logprobs"].append(max(token.likely.logprob, LEAST_LOGPROB))
        told["top_logprobs"].append(
            {top.data.decode("utf-8", "replace"): max(top.logprob, LEAST_LOGPROB) for top in token.top}
        )
        told["text_offset"].append(offset)
        offset += len(text)
    return told
