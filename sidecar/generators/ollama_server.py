"""Generates with a running Ollama."""

import json
from collections.abc import Iterator, Mapping
from typing import Any
from uuid import uuid4

from sidecar.generators.errors import InvalidRequest, RemoteFailure
from sidecar.generators.protocol import ChatMessage, End, FinishReason, GenerationRequest, Piece, ToolCallPart
from sidecar.generators.remote import RemoteServer


class OllamaServer:
    """The model `name` of an Ollama; raises what `RemoteServer.lines` does, and InvalidRequest as `generate` says."""

    def __init__(self, server: RemoteServer, name: str) -> None:
        self._server = server
        self._name = name

    def generate(self, request: GenerationRequest) -> Iterator[Piece]:
        """The pieces of a reply. Raises InvalidRequest for what Ollama has not: forced tools, token bias."""
        if request.tools and request.tool_choice not in ("auto", "none"):
            raise InvalidRequest("Leave out tool_choice: Ollama lets the model choose.", "tool_choice")
        if request.sampling.logit_bias:
            raise InvalidRequest("Leave out logit_bias: Ollama has none.", "logit_bias")
        if request.top_logprobs is not None:
            raise InvalidRequest("Leave out logprobs: they are not asked of Ollama.", "logprobs")
        is_chat = request.prompt is None
        calls = 0
        with self._server.lines("/api/chat" if is_chat else "/api/generate", self._body(request)) as lines:
            yield Piece()
            for line in filter(None, lines):
                chunk = self._chunk(line)
                message = chunk.get("message") or {}
                parts = tuple(_call(calls + place, call) for place, call in enumerate(message.get("tool_calls") or []))
                calls += len(parts)
                text = message.get("content") if is_chat else chunk.get("response")
                thinking = message.get("thinking") if is_chat else chunk.get("thinking")
                if text or thinking or parts:
                    yield Piece(text or "", thinking or "", parts)
                if chunk.get("done"):
                    yield Piece(end=_end(chunk, calls))
                    return
        raise RemoteFailure(f"{self._server.url} broke off before the end of its reply: ask again")

    def _chunk(self, line: str) -> Mapping[str, Any]:
        try:
            chunk = json.loads(line)
        except ValueError as error:
            raise RemoteFailure(f"what answers at {self._server.url} does not speak Ollama's protocol") from error
        if not isinstance(chunk, dict) or "error" in chunk:
            raise RemoteFailure(f"{self._server.url} failed in the middle of its reply: ask again")
        return chunk

    def _body(self, request: GenerationRequest) -> dict[str, Any]:
        sampling = request.sampling
        options = {
            "temperature": sampling.temperature,
            "top_p": sampling.top_p,
            "top_k": sampling.top_k or None,
            "min_p": sampling.min_p or None,
            "frequency_penalty": sampling.frequency_penalty,
            "presence_penalty": sampling.presence_penalty,
            "repeat_penalty": sampling.repeat_penalty,
            "seed": sampling.seed,
            "stop": list(request.stop) or None,
            "num_predict": request.max_tokens,
        }
        body: dict[str, Any] = {
            "model": self._name,
            "stream": True,
            "options": {name: value for name, value in options.items() if value is not None},
        }
        if request.prompt is not None:
            body |= {"prompt": request.prompt, "raw": True}
        else:
            body["messages"] = [_message(message) for message in request.messages]
        if request.schema is not None:
            body["format"] = dict(request.schema)
        if request.tools and request.tool_choice != "none":
            body["tools"] = [{"type": "function", "function": tool._asdict()} for tool in request.tools]
        if request.think is not None:
            body["think"] = request.think
        elif request.reasoning_effort is not None:
            body["think"] = request.reasoning_effort
        return body


def _message(message: ChatMessage) -> dict[str, Any]:
    told: dict[str, Any] = {"role": "system" if message.role == "developer" else message.role}
    told["content"] = message.content
    if message.tool_calls:
        told["tool_calls"] = [
            {"function": {"name": call.name, "arguments": json.loads(call.arguments or "{}")}}
            for call in message.tool_calls
        ]
    return told


def _call(place: int, call: Mapping[str, Any]) -> ToolCallPart:
    function = call.get("function") or {}
    arguments = json.dumps(function.get("arguments") or {}, ensure_ascii=False)
    return ToolCallPart(place, arguments, f"call_{uuid4().hex[:24]}", str(function.get("name", "")))


def _end(chunk: Mapping[str, Any], calls: int) -> End:
    reason: FinishReason = "length" if chunk.get("done_reason") == "length" else "tool_calls" if calls else "stop"
    return End(reason, chunk.get("prompt_eval_count") or 0, chunk.get("eval_count") or 0)
