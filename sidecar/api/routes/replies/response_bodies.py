"""Bodies of OpenAI's responses, and what they ask of a generator."""

from typing import Annotated, Any, Literal

from pydantic import Field, JsonValue

from sidecar.api.routes.replies.chat_bodies import (
    ANY_OBJECT,
    ContentPart,
    Effort,
    FunctionBody,
    Probability,
    chosen_tool,
    effort,
    text_of,
)
from sidecar.api.routes.replies.recalling import MemoryAsked
from sidecar.api.routes.replies.strict import Lenient, Strict
from sidecar.api.routes.text import Text
from sidecar.generators.errors import InvalidRequest
from sidecar.generators.protocol import ChatMessage, GenerationRequest, Role, Sampling, ToolCall


class InputItem(Lenient):
    """One item of the conversation; which fields count depends on the type."""

    type: Literal["message", "function_call", "function_call_output", "reasoning"] = "message"
    role: Role | None = None
    content: Text | list[ContentPart] | None = None
    call_id: Text | None = None
    name: Text | None = None
    arguments: Text | None = None
    output: Text | list[ContentPart] | None = None


class FlatTool(FunctionBody):
    type: Literal["function"]


class FlatChoice(Lenient):
    type: Literal["function"]
    name: Text


class FlatFormat(Lenient):
    type: Literal["text", "json_object", "json_schema"]
    name: Text | None = None
    schema_: dict[str, JsonValue] | None = Field(None, alias="schema")


class TextConfig(Lenient):
    format: FlatFormat | None = None


class ReasoningConfig(Lenient):
    effort: Effort | None = None


class ResponseRequest(Strict):
    model: Text
    input: Text | Annotated[list[InputItem], Field(min_length=1)]
    instructions: Text | None = None
    stream: bool | None = False
    temperature: Annotated[float, Field(ge=0, le=2)] | None = None
    top_p: Probability | None = None
    max_output_tokens: Annotated[int, Field(ge=1)] | None = None
    text: TextConfig | None = None
    tools: list[FlatTool] | None = None
    tool_choice: Literal["none", "auto", "required"] | FlatChoice | None = None
    parallel_tool_calls: bool | None = None
    include: list[Text] | None = None
    top_logprobs: Annotated[int, Field(ge=0, le=20)] | None = None
    reasoning: ReasoningConfig | None = None
    previous_response_id: Text | None = Field(None, description="Not supported: nothing is stored.")
    conversation: JsonValue = Field(None, description="Not supported: nothing is stored.")
    background: bool | None = Field(None, description="Not supported.")
    store: bool | None = Field(None, description="Accepted; nothing is stored.")
    metadata: dict[str, JsonValue] | None = None
    user: Text | None = Field(None, description="Accepted; nothing is kept of it.")
    service_tier: Text | None = Field(None, description="Accepted; there is one tier.")
    truncation: Literal["disabled", "auto"] | None = Field(None, description="Only disabled: nothing is left out.")
    prompt_cache_key: Text | None = Field(None, description="Accepted; prompts that begin alike share what was read.")
    prompt_cache_retention: Text | None = Field(None, description="Accepted.")
    safety_identifier: Text | None = Field(None, description="Accepted; nothing is kept of it.")
    stream_options: dict[str, JsonValue] | None = Field(None, description="Accepted.")
    max_tool_calls: int | None = Field(None, description="Accepted; it is about tools that this server has not.")
    memory: MemoryAsked | None = Field(None, description="Recalls memories for the reply; off by default.")

    @property
    def with_logprobs(self) -> bool:
        return "message.output_text.logprobs" in (self.include or [])

    def asked(self) -> GenerationRequest:
        """What is asked of the generator. Raises InvalidRequest for what is not supported."""
        for name in ("previous_response_id", "conversation", "background"):
            if getattr(self, name):
                raise InvalidRequest(f"Leave out {name} and send the earlier items: nothing is stored here.", name)
        if self.truncation == "auto":
            raise InvalidRequest("Shorten the input yourself: nothing is left out here.", "truncation")
        tools = [tool.tool() for tool in self.tools or []]
        choice = self.tool_choice.name if isinstance(self.tool_choice, FlatChoice) else self.tool_choice
        return GenerationRequest(
            messages=self._messages(),
            max_tokens=self.max_output_tokens,
            sampling=Sampling(
                temperature=1.0 if self.temperature is None else self.temperature,
                top_p=1.0 if self.top_p is None else self.top_p,
            ),
            schema=self._schema(),
            tools=tools,
            tool_choice=chosen_tool(choice, tools),
            parallel_tool_calls=self.parallel_tool_calls is not False,
            top_logprobs=(self.top_logprobs or 0) if self.with_logprobs else None,
            **effort(self.reasoning.effort if self.reasoning else None),
        )

    def _schema(self) -> dict[str, Any] | None:
        format = self.text.format if self.text else None
        match None if format is None else format.type:
            case None | "text":
                return None
            case "json_object":
                return dict(ANY_OBJECT)
            case _:
                if format is None or format.schema_ is None:
                    raise InvalidRequest("Give the schema.", "text.format.schema")
                return dict(format.schema_)

    def _messages(self) -> list[ChatMessage]:
        messages = [ChatMessage("system", self.instructions)] if self.instructions else []
        if isinstance(self.input, str):
            return [*messages, ChatMessage("user", self.input)]
        for place, item in enumerate(self.input):
            messages = _with_item(messages, item, f"input.{place}")
        return messages


def _with_item(messages: list[ChatMessage], item: InputItem, parameter: str) -> list[ChatMessage]:
    """The conversation with one more item: a reply's words and calls are one message of the assistant."""
    last = messages[-1] if messages and messages[-1].role == "assistant" else None
    match item.type:
        case "reasoning":
            return messages
        case "function_call":
            if item.call_id is None or item.name is None:
                raise InvalidRequest("Give the call's call_id and name.", parameter)
            call = ToolCall(item.call_id, item.name, item.arguments or "{}")
            if last is not None:
                return [*messages[:-1], last._replace(tool_calls=[*last.tool_calls, call])]
            return [*messages, ChatMessage("assistant", "", tool_calls=[call])]
        case "function_call_output":
            if item.call_id is None:
                raise InvalidRequest("Give the call_id that this answers.", f"{parameter}.call_id")
            output = text_of(item.output, f"{parameter}.output")
            return [*messages, ChatMessage("tool", output, tool_call_id=item.call_id)]
        case "message":
            if item.role is None:
                raise InvalidRequest("Give the message's role.", f"{parameter}.role")
            return [*messages, ChatMessage(item.role, text_of(item.content, f"{parameter}.content"))]
