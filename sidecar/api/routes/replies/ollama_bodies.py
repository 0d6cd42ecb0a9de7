"""Bodies of Ollama's chat and generate, and what they ask of a generator. Unknown fields are let pass, as there."""

import re
from collections.abc import Mapping
from typing import Annotated, Any, Literal
from uuid import uuid4

import orjson
from pydantic import Field, JsonValue

from sidecar.api.routes.replies.chat_bodies import ANY_OBJECT, ToolBody
from sidecar.api.routes.replies.recalling import MemoryAsked
from sidecar.api.routes.replies.strict import Lenient
from sidecar.api.routes.text import Text
from sidecar.generators.errors import InvalidRequest
from sidecar.generators.protocol import ChatMessage, GenerationRequest, Role, Sampling, ToolCall

ZERO = re.compile(r"-?0+(?:\.0+)?\s*[a-z]*")
# Ollama's own, where a request names none.
TEMPERATURE, TOP_P, TOP_K, REPEAT_PENALTY = 0.8, 0.9, 40, 1.1


class OllamaOptions(Lenient):
    """Options about hardware and context are let pass: the model runs as it was loaded."""

    temperature: Annotated[float, Field(ge=0, le=10)] | None = None
    top_p: Annotated[float, Field(ge=0, le=1)] | None = None
    top_k: int | None = None
    min_p: Annotated[float, Field(ge=0, le=1)] | None = None
    repeat_penalty: Annotated[float, Field(gt=0, le=10)] | None = None
    frequency_penalty: float | None = None
    presence_penalty: float | None = None
    seed: int | None = None
    stop: Text | list[Text] | None = None
    num_predict: int | None = Field(default=None, description="Below zero: as many as the context has room for.")

    def sampling(self) -> Sampling:
        return Sampling(
            TEMPERATURE if self.temperature is None else self.temperature,
            TOP_P if self.top_p is None else self.top_p,
            max(0, TOP_K if self.top_k is None else self.top_k),
            self.min_p or 0.0,
            self.frequency_penalty or 0.0,
            self.presence_penalty or 0.0,
            REPEAT_PENALTY if self.repeat_penalty is None else self.repeat_penalty,
            seed=self.seed,
        )


class CalledTool(Lenient):
    name: Text
    arguments: dict[str, JsonValue] = Field(default_factory=dict)


class OllamaCall(Lenient):
    id: Text | None = None
    function: CalledTool


class OllamaMessage(Lenient):
    role: Role
    content: Text | None = None
    thinking: Text | None = None
    images: list[JsonValue] | None = None
    tool_calls: list[OllamaCall] | None = None
    tool_call_id: Text | None = None

    def message(self) -> ChatMessage:
        if self.images:
            raise InvalidRequest("Send text: this model sees no images.")
        calls = [
            ToolCall(call.id or f"call_{uuid4().hex[:24]}", call.function.name, _json(call.function.arguments))
            for call in self.tool_calls or []
        ]
        return ChatMessage(self.role, self.content or "", self.thinking or "", calls, self.tool_call_id)


class OllamaRequest(Lenient):
    """Fields of both routes."""

    model: Text
    stream: bool | None = Field(None, description="True when it is missing.")
    format: Literal["", "json"] | dict[str, JsonValue] | None = None
    options: OllamaOptions | None = None
    keep_alive: float | str | None = Field(None, description="0 unloads a model that is not asked anything.")
    think: bool | Literal["low", "medium", "high"] | None = None
    logprobs: bool | None = None
    top_logprobs: Annotated[int, Field(ge=0, le=20)] | None = None
    memory: MemoryAsked | None = Field(None, description="Recalls memories for the reply; off by default.")

    def shared(self) -> dict[str, Any]:
        options = self.options or OllamaOptions()
        stop = [options.stop] if isinstance(options.stop, str) else options.stop or []
        limit = options.num_predict
        return {
            "max_tokens": None if limit is None or limit < 1 else limit,
            "sampling": options.sampling(),
            "stop": stop,
            "schema": self._schema(),
            "top_logprobs": (self.top_logprobs or 0) if self.logprobs else None,
            "think": None if self.think is None else bool(self.think),
            "reasoning_effort": self.think if isinstance(self.think, str) else None,
        }

    def _schema(self) -> Mapping[str, Any] | None:
        match self.format:
            case None | "":
                return None
            case "json":
                return ANY_OBJECT
            case schema:
                return schema


class OllamaChatRequest(OllamaRequest):
    messages: list[OllamaMessage] = Field(default_factory=list)
    tools: list[ToolBody] | None = None

    def asked(self) -> GenerationRequest | None:
        """What is asked of the generator; None without messages. Raises InvalidRequest for images."""
        if not self.messages:
            return None
        return GenerationRequest(
            messages=[message.message() for message in self.messages],
            tools=[tool.function.tool() for tool in self.tools or []],
            **self.shared(),
        )


class OllamaGenerateRequest(OllamaRequest):
    prompt: Text = ""
    system: Text | None = None
    raw: bool | None = Field(None, description="The prompt goes to the model without its chat template.")
    suffix: Text | None = Field(None, description="Not supported: these models go on at the end.")
    images: list[JsonValue] | None = Field(None, description="Not supported: these models see no images.")
    template: Text | None = Field(None, description="Not supported: the model's own is used; raw leaves it out.")
    context: list[int] | None = Field(None, description="Not supported: send the conversation to /api/chat.")

    def asked(self) -> GenerationRequest | None:
        """What is asked of the generator; None without a prompt. Raises InvalidRequest for what is not supported."""
        for name in ("suffix", "images", "template", "context"):
            if getattr(self, name):
                raise InvalidRequest(f"Leave out {name}, which this server does not support.", name)
        if not self.prompt:
            return None
        if self.raw:
            return GenerationRequest(prompt=self.prompt, **self.shared())
        system = [ChatMessage("system", self.system)] if self.system else []
        return GenerationRequest(messages=[*system, ChatMessage("user", self.prompt)], **self.shared())


def is_zero(keep_alive: float | str | None) -> bool:
    """Whether a model is to be unloaded at once: 0, "0", "0s"."""
    return keep_alive == 0 or (isinstance(keep_alive, str) and ZERO.fullmatch(keep_alive.strip()) is not None)


def _json(value: object) -> str:
    return orjson.dumps(value).decode()
