"""Bodies of OpenAI's chat protocol, and what they ask of a generator. Unknown fields are refused."""

from collections.abc import Mapping, Sequence
from typing import Annotated, Any, Literal

from pydantic import Field, JsonValue

from sidecar.api.routes.replies.recalling import MemoryAsked
from sidecar.api.routes.replies.strict import Lenient, Strict
from sidecar.api.routes.text import NO_OTHERS, Text
from sidecar.generators.errors import InvalidRequest
from sidecar.generators.protocol import ChatMessage, GenerationRequest, OfferedTool, Role, Sampling, ToolCall

MOST_CHOICES = 16
ANY_OBJECT: dict[str, JsonValue] = {"type": "object"}
NO_PARAMETERS: dict[str, JsonValue] = {"type": "object", "properties": {}, "additionalProperties": False}
Stop = Text | Annotated[list[Text], Field(max_length=4)] | None
Effort = Literal["none", "minimal", "low", "medium", "high", "xhigh"]
Probability = Annotated[float, Field(ge=0, le=1)]
Penalty = Annotated[float, Field(ge=-2, le=2)]
Bias = Annotated[float, Field(ge=-100, le=100)]
Biases = Annotated[dict[Annotated[str, Field(pattern="^[0-9]{1,9}$")], Bias], Field(json_schema_extra=NO_OTHERS)]


class ContentPart(Lenient):
    type: Text
    text: Text | None = None


class CalledFunction(Lenient):
    name: Text
    arguments: Text


class CallBody(Lenient):
    id: Text
    function: CalledFunction


class MessageBody(Lenient):
    role: Role
    content: Text | list[ContentPart] | None = None
    reasoning_content: Text | None = None
    tool_calls: list[CallBody] | None = None
    tool_call_id: Text | None = None

    def message(self, place: int) -> ChatMessage:
        calls = [ToolCall(call.id, call.function.name, call.function.arguments) for call in self.tool_calls or []]
        content = text_of(self.content, f"messages.{place}.content")
        return ChatMessage(self.role, content, self.reasoning_content or "", calls, self.tool_call_id)


class FunctionBody(Lenient):
    name: Annotated[str, Field(pattern="^[a-zA-Z0-9_-]{1,64}$")]
    description: Text | None = None
    parameters: dict[str, JsonValue] | None = None

    def tool(self) -> OfferedTool:
        return OfferedTool(
            self.name, self.description or "", NO_PARAMETERS if self.parameters is None else self.parameters
        )


class ToolBody(Lenient):
    type: Literal["function"]
    function: FunctionBody


class NamedFunction(Lenient):
    name: Text


class ChosenTool(Lenient):
    type: Literal["function"]
    function: NamedFunction


class NamedSchema(Lenient):
    name: Text
    schema_: dict[str, JsonValue] = Field(default=ANY_OBJECT, alias="schema")


class FormatBody(Strict):
    type: Literal["text", "json_object", "json_schema"]
    json_schema: NamedSchema | None = None

    def schema_of_reply(self) -> Mapping[str, Any] | None:
        match self.type:
            case "text":
                return None
            case "json_object":
                return ANY_OBJECT
            case "json_schema":
                if self.json_schema is None:
                    raise InvalidRequest("Give the schema.", "response_format.json_schema")
                return self.json_schema.schema_


class StreamOptions(Lenient):
    include_usage: bool = False


class SampledBody(Strict):
    """Fields of both protocols that OpenAI has for text; the last four are those of local servers."""

    model: Text
    stream: bool = False
    stream_options: StreamOptions | None = None
    n: Annotated[int, Field(ge=1, le=MOST_CHOICES)] | None = None
    stop: Stop = None
    seed: int | None = None
    temperature: Annotated[float, Field(ge=0, le=2)] | None = None
    top_p: Probability | None = None
    frequency_penalty: Penalty | None = None
    presence_penalty: Penalty | None = None
    logit_bias: Biases | None = None
    max_tokens: Annotated[int, Field(ge=1)] | None = None
    user: Text | None = Field(None, description="Accepted; nothing is kept of it.")
    top_k: Annotated[int, Field(ge=0)] | None = None
    min_p: Probability | None = None
    repetition_penalty: Annotated[float, Field(gt=0, le=10)] | None = None

    def sampling(self, choice: int) -> Sampling:
        """How the choice with this index is drawn: choices of one seed differ, in the same way each time."""
        return Sampling(
            1.0 if self.temperature is None else self.temperature,
            1.0 if self.top_p is None else self.top_p,
            self.top_k or 0,
            self.min_p or 0.0,
            self.frequency_penalty or 0.0,
            self.presence_penalty or 0.0,
            self.repetition_penalty or 1.0,
            {int(token): bias for token, bias in (self.logit_bias or {}).items()},
            None if self.seed is None else self.seed + choice,
        )

    def stops(self) -> Sequence[str]:
        return [self.stop] if isinstance(self.stop, str) else self.stop or []


class ChatRequest(SampledBody):
    messages: Annotated[list[MessageBody], Field(min_length=1)]
    max_completion_tokens: Annotated[int, Field(ge=1)] | None = None
    logprobs: bool | None = None
    top_logprobs: Annotated[int, Field(ge=0, le=20)] | None = None
    tools: list[ToolBody] | None = None
    tool_choice: Literal["none", "auto", "required"] | ChosenTool | None = None
    parallel_tool_calls: bool | None = None
    response_format: FormatBody | None = None
    reasoning_effort: Effort | None = None
    modalities: list[Literal["text"]] | None = None
    store: bool | None = Field(None, description="Accepted; nothing is stored.")
    metadata: dict[str, JsonValue] | None = Field(None, description="Accepted; nothing is kept of it.")
    service_tier: Text | None = Field(None, description="Accepted; there is one tier.")
    prompt_cache_key: Text | None = Field(None, description="Accepted; prompts that begin alike share what was read.")
    prompt_cache_retention: Text | None = Field(None, description="Accepted.")
    safety_identifier: Text | None = Field(None, description="Accepted; nothing is kept of it.")
    verbosity: Text | None = Field(None, description="Accepted; the model decides.")
    prediction: JsonValue = Field(None, description="Accepted; nothing is predicted.")
    memory: MemoryAsked | None = Field(None, description="Recalls memories for the reply; off by default.")

    def asked(self) -> list[GenerationRequest]:
        """One request for each choice. Raises InvalidRequest for what does not go together."""
        if self.top_logprobs is not None and not self.logprobs:
            raise InvalidRequest("Set logprobs to true to get top_logprobs.", "top_logprobs")
        tools = [tool.function.tool() for tool in self.tools or []]
        shared: dict[str, Any] = {
            "messages": [message.message(place) for place, message in enumerate(self.messages)],
            "max_tokens": self.max_completion_tokens or self.max_tokens,
            "stop": self.stops(),
            "schema": None if self.response_format is None else self.response_format.schema_of_reply(),
            "tools": tools,
            "tool_choice": chosen_tool(self.tool_choice, tools),
            "parallel_tool_calls": self.parallel_tool_calls is not False,
            "top_logprobs": (self.top_logprobs or 0) if self.logprobs else None,
            **effort(self.reasoning_effort),
        }
        return [GenerationRequest(sampling=self.sampling(choice), **shared) for choice in range(self.n or 1)]


def text_of(content: str | list[ContentPart] | None, parameter: str) -> str:
    """The text of a message. Raises InvalidRequest when it has parts of another kind, such as images."""
    if content is None or isinstance(content, str):
        return content or ""
    for place, part in enumerate(content):
        if part.text is None or part.type not in ("text", "input_text", "output_text", "refusal"):
            raise InvalidRequest(f"Send text: this model reads no parts of type {part.type}.", f"{parameter}.{place}")
    return "".join(part.text or "" for part in content)


def chosen_tool(choice: str | ChosenTool | None, tools: Sequence[OfferedTool]) -> str:
    """As a request to a generator has it. Raises InvalidRequest when a tool is demanded that is not offered."""
    if choice is None or choice in ("none", "auto"):
        return "auto" if choice is None else str(choice)
    name = choice if isinstance(choice, str) else choice.function.name
    if name == "required" and isinstance(choice, str):
        if not tools:
            raise InvalidRequest("Offer tools, or leave out tool_choice.", "tool_choice")
    elif name not in {tool.name for tool in tools}:
        raise InvalidRequest(f"Offer the tool {name}, or choose another.", "tool_choice")
    return name


def effort(given: str | None) -> dict[str, Any]:
    return {"reasoning_effort": None if given == "none" else given, "think": False if given == "none" else None}
