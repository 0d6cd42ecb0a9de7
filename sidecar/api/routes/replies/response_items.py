"""Builds the items of one of OpenAI's responses from the pieces of a reply, and the events that tell of it."""

import secrets
import time
from collections.abc import Iterator, Sequence
from typing import Any

from sidecar.api.routes.failures import Problem
from sidecar.api.routes.replies.chat import likely
from sidecar.api.routes.replies.response_bodies import ResponseRequest
from sidecar.generators.protocol import End, Piece, ReplyToken, ToolCallPart

Event = dict[str, Any]


class ResponseItems:
    """The response so far. Items are thoughts, words and calls, in the order in which they begin.

    `told` is what is told beside them: the memories that were recalled.
    """

    def __init__(self, body: ResponseRequest) -> None:
        self._body = body
        self._id = f"resp_{secrets.token_hex(12)}"
        self._created = int(time.time())
        self._output: list[dict[str, Any]] = []
        self._is_open = False
        self._events = 0
        self._status = "in_progress"
        self._end: End | None = None
        self._error: dict[str, str] | None = None
        self.told: dict[str, Any] = {}

    def begin(self) -> Iterator[Event]:
        yield self._event("response.created", response=self.response())
        yield self._event("response.in_progress", response=self.response())

    def add(self, piece: Piece) -> list[Event]:
        """The events of one piece; the last closes the response."""
        events: list[Event] = []
        if piece.reasoning:
            events += self._add_reasoning(piece.reasoning)
        if piece.text:
            events += self._add_text(piece.text, piece.tokens)
        for part in piece.tool_calls:
            events += self._add_call(part)
        if piece.end is not None:
            events += self._finish(piece.end)
        return events

    def fail(self, problem: Problem) -> Event:
        self._status = "failed"
        self._error = {"code": problem.code or problem.type, "message": problem.message}
        return self._event("response.failed", response=self.response())

    def response(self) -> dict[str, Any]:
        body, end = self._body, self._end
        is_cut = self._status == "incomplete"
        format = body.text.format if body.text else None
        return {
            "id": self._id,
            "object": "response",
            "created_at": self._created,
            "status": self._status,
            "error": self._error,
            "incomplete_details": {"reason": "max_output_tokens"} if is_cut else None,
            "instructions": body.instructions,
            "max_output_tokens": body.max_output_tokens,
            "model": body.model,
            "output": [dict(item) for item in self._output],
            "parallel_tool_calls": body.parallel_tool_calls is not False,
            "previous_response_id": None,
            "reasoning": {"effort": body.reasoning.effort if body.reasoning else None, "summary": None},
            "store": False,
            "temperature": 1.0 if body.temperature is None else body.temperature,
            "text": {"format": {"type": "text"} if format is None else format.model_dump(by_alias=True)},
            "tool_choice": "auto" if body.tool_choice is None else body.model_dump()["tool_choice"],
            "tools": [tool.model_dump() for tool in body.tools or []],
            "top_p": 1.0 if body.top_p is None else body.top_p,
            "truncation": "disabled",
            "usage": None if end is None else _usage(end),
            "metadata": body.metadata or {},
            **self.told,
        }

    def _event(self, kind: str, **fields: Any) -> Event:
        self._events += 1
        return {"type": kind, "sequence_number": self._events - 1, **fields}

    @property
    def _place(self) -> dict[str, Any]:
        """Of the last item."""
        return {"item_id": self._output[-1]["id"], "output_index": len(self._output) - 1}

    def _open(self, item: dict[str, Any]) -> Iterator[Event]:
        yield from self._close()
        self._output.append(item)
        self._is_open = True
        shown = item | {"content": []} if "content" in item else item
        yield self._event("response.output_item.added", output_index=len(self._output) - 1, item=dict(shown))
        if item["type"] in ("message", "reasoning"):
            part = _copy(item["content"][0])
            yield self._event("response.content_part.added", **self._place, content_index=0, part=part)

    def _close(self) -> Iterator[Event]:
        if not self._is_open:
            return
        self._is_open = False
        item = self._output[-1]
        item["status"] = "completed" if self._status != "incomplete" else "incomplete"
        if item["type"] == "function_call":
            done = {"arguments": item["arguments"], "name": item["name"]}
            yield self._event("response.function_call_arguments.done", **self._place, **done)
        else:
            (part,) = item["content"]
            at = {**self._place, "content_index": 0}
            if item["type"] == "message":
                told = {"text": part["text"], "logprobs": part["logprobs"]}
                yield self._event("response.output_text.done", **at, **told)
            else:
                yield self._event("response.reasoning_text.done", **at, text=part["text"])
            yield self._event("response.content_part.done", **at, part=_copy(part))
        yield self._event("response.output_item.done", output_index=len(self._output) - 1, item=_copy(item))

    def _is_in(self, kind: str) -> bool:
        return self._is_open and self._output[-1]["type"] == kind

    def _add_reasoning(self, text: str) -> Iterator[Event]:
        if not self._is_in("reasoning"):
            part = {"type": "reasoning_text", "text": ""}
            yield from self._open({**_new("rs", "reasoning"), "summary": [], "content": [part]})
        self._output[-1]["content"][0]["text"] += text
        yield self._event("response.reasoning_text.delta", **self._place, content_index=0, delta=text)

    def _add_text(self, text: str, tokens: Sequence[ReplyToken]) -> Iterator[Event]:
        if not self._is_in("message"):
            part = {"type": "output_text", "text": "", "annotations": [], "logprobs": []}
            yield from self._open({**_new("msg", "message"), "role": "assistant", "content": [part]})
        told = [
            {**likely(token.likely), "top_logprobs": [likely(top) for top in token.top]}
            for token in tokens
            if token.likely is not None
        ]
        part = self._output[-1]["content"][0]
        part["text"] += text
        part["logprobs"] += told
        yield self._event("response.output_text.delta", **self._place, content_index=0, delta=text, logprobs=told)

    def _add_call(self, part: ToolCallPart) -> Iterator[Event]:
        if part.name is not None:
            call = {"call_id": part.id, "name": part.name, "arguments": ""}
            yield from self._open({**_new("fc", "function_call"), **call})
        if part.arguments:
            self._output[-1]["arguments"] += part.arguments
            yield self._event("response.function_call_arguments.delta", **self._place, delta=part.arguments)

    def _finish(self, end: End) -> Iterator[Event]:
        self._end = end
        self._status = "incomplete" if end.finish_reason == "length" else "completed"
        yield from self._close()
        yield self._event(f"response.{self._status}", response=self.response())


def _new(prefix: str, kind: str) -> dict[str, Any]:
    return {"id": f"{prefix}_{secrets.token_hex(12)}", "type": kind, "status": "in_progress"}


def _copy(item: dict[str, Any]) -> dict[str, Any]:
    """As it is now: an event must not change when the item grows."""
    return {name: [dict(part) for part in value] if name == "content" else value for name, value in item.items()}


def _usage(end: End) -> dict[str, Any]:
    return {
        "input_tokens": end.prompt_tokens,
        "input_tokens_details": {"cached_tokens": end.cached_tokens, "cache_write_tokens": 0},
        "output_tokens": end.completion_tokens,
        "output_tokens_details": {"reasoning_tokens": end.reasoning_tokens},
        "total_tokens": end.prompt_tokens + end.completion_tokens,
    }
