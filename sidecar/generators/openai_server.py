"""Generates with a server that speaks OpenAI's protocol: vLLM, llama.cpp, LM Studio, OpenAI."""

import json
from collections.abc import Iterator, Mapping
from typing import Any, get_args
from urllib.parse import urlsplit

from sidecar.generators.errors import RemoteFailure
from sidecar.generators.protocol import (
    ChatMessage,
    End,
    FinishReason,
    GenerationRequest,
    LikelyToken,
    Piece,
    ReplyToken,
    ToolCallPart,
)
from sidecar.generators.remote import RemoteServer

# Its models take no max_tokens; other servers may know nothing else.
OPENAI_HOST = "api.openai.com"
DATA = "data:"
DONE = "[DONE]"
UNKNOWN_TOKEN = -1


class OpenAIServer:
    """The model `name` of a server; raises what `RemoteServer.lines` does."""

    def __init__(self, server: RemoteServer, name: str) -> None:
        self._server = server
        self._name = name

    def generate(self, request: GenerationRequest) -> Iterator[Piece]:
        is_chat = request.prompt is None
        finish_reason: str | None = None
        usage: Mapping[str, Any] = {}
        with self._server.lines("/chat/completions" if is_chat else "/completions", self._body(request)) as lines:
            yield Piece()
            for line in lines:
                if not line.startswith(DATA):
                    continue
                data = line[len(DATA) :].strip()
                if data == DONE:
                    break
                chunk = self._chunk(data)
                usage = chunk.get("usage") or usage
                for choice in chunk.get("choices") or []:
                    finish_reason = choice.get("finish_reason") or finish_reason
                    yield _piece(choice, is_chat)
        if finish_reason is None:
            raise RemoteFailure(f"{self._server.url} broke off before the end of its reply: ask again")
        yield Piece(end=_end(finish_reason, usage))

    def _chunk(self, data: str) -> Mapping[str, Any]:
        try:
            chunk = json.loads(data)
        except ValueError as error:
            raise RemoteFailure(f"what answers at {self._server.url} does not speak OpenAI's protocol") from error
        if not isinstance(chunk, dict) or "error" in chunk:
            raise RemoteFailure(f"{self._server.url} failed in the middle of its reply: ask again")
        return chunk

    def _body(self, request: GenerationRequest) -> dict[str, Any]:
        sampling = request.sampling
        is_openai = urlsplit(self._server.url).hostname == OPENAI_HOST
        body: dict[str, Any] = {
            "model": self._name,
            "stream": True,
            "stream_options": {"include_usage": True},
            "temperature": sampling.temperature,
            "top_p": sampling.top_p,
            "frequency_penalty": sampling.frequency_penalty,
            "presence_penalty": sampling.presence_penalty,
            "max_completion_tokens" if is_openai else "max_tokens": request.max_tokens,
            "seed": sampling.seed,
            "stop": list(request.stop) or None,
            "logit_bias": {str(token): bias for token, bias in sampling.logit_bias.items()} or None,
            "reasoning_effort": request.reasoning_effort,
        }
        if sampling.top_k and not is_openai:
            body["top_k"] = sampling.top_k
        if request.prompt is not None:
            body |= {"prompt": request.prompt, "logprobs": request.top_logprobs}
        else:
            body["messages"] = [_message(message) for message in request.messages]
            if request.top_logprobs is not None:
                body |= {"logprobs": True, "top_logprobs": request.top_logprobs}
        if request.schema is not None:
            schema = {"name": "reply", "schema": request.schema, "strict": True}
            body["response_format"] = {"type": "json_schema", "json_schema": schema}
        if request.tools:
            body |= _tools(request)
        return {name: value for name, value in body.items() if value is not None}


def _tools(request: GenerationRequest) -> dict[str, Any]:
    choice: object = request.tool_choice
    if choice not in ("auto", "none", "required"):
        choice = {"type": "function", "function": {"name": choice}}
    return {
        "tools": [{"type": "function", "function": {**tool._asdict()}} for tool in request.tools],
        "tool_choice": choice,
        "parallel_tool_calls": request.parallel_tool_calls,
    }


def _message(message: ChatMessage) -> dict[str, Any]:
    told: dict[str, Any] = {"role": message.role, "content": message.content}
    if message.tool_calls:
        told["tool_calls"] = [
            {"id": call.id, "type": "function", "function": {"name": call.name, "arguments": call.arguments}}
            for call in message.tool_calls
        ]
    if message.tool_call_id is not None:
        told["tool_call_id"] = message.tool_call_id
    return told


def _piece(choice: Mapping[str, Any], is_chat: bool) -> Piece:
    if not is_chat:
        return Piece(text=choice.get("text") or "")
    delta = choice.get("delta") or {}
    calls = tuple(
        ToolCallPart(
            call.get("index", 0),
            (call.get("function") or {}).get("arguments") or "",
            call.get("id"),
            (call.get("function") or {}).get("name"),
        )
        for call in delta.get("tool_calls") or []
    )
    reasoning = delta.get("reasoning_content") or delta.get("reasoning") or ""
    tokens = tuple(
        ReplyToken(UNKNOWN_TOKEN, _likely(told), tuple(map(_likely, told.get("top_logprobs") or [])))
        for told in (choice.get("logprobs") or {}).get("content") or []
    )
    return Piece(delta.get("content") or "", reasoning, calls, tokens)


def _likely(told: Mapping[str, Any]) -> LikelyToken:
    data = told.get("bytes")
    return LikelyToken(bytes(data) if data else str(told["token"]).encode(), float(told["logprob"]))


def _end(finish_reason: str, usage: Mapping[str, Any]) -> End:
    reasons: dict[str, FinishReason] = {reason: reason for reason in get_args(FinishReason)}
    return End(
        reasons.get(finish_reason, "stop"),
        usage.get("prompt_tokens", 0),
        usage.get("completion_tokens", 0),
        (usage.get("completion_tokens_details") or {}).get("reasoning_tokens") or 0,
        (usage.get("prompt_tokens_details") or {}).get("cached_tokens") or 0,
    )
