"""Renders a conversation with a model's own chat template, in a sandbox: the template is data from a folder."""

import json
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from jinja2 import Template, TemplateError, nodes
from jinja2.exceptions import SecurityError
from jinja2.ext import loopcontrols
from jinja2.sandbox import ImmutableSandboxedEnvironment

from sidecar.generators.decoding.harmony import messages_in_harmony, speaks_harmony
from sidecar.generators.errors import InvalidRequest, UnloadableModel
from sidecar.generators.protocol import ChatMessage, OfferedTool

MOST_STEPS = 100_000
"""Rounds of loops and calls of macros in one rendering."""
LONGEST_TEXT_CHARACTERS = 10_000_000


class ChatTemplate:
    """A Jinja template of messages. Raises UnloadableModel when it cannot be parsed."""

    def __init__(self, source: str, special_texts: Mapping[str, str]) -> None:
        self._special_texts = special_texts
        self.knows_tools = "tools" in source
        self.knows_thinking = "<think>" in source or "enable_thinking" in source
        self._knows_developer = "developer" in source
        self._speaks_harmony = speaks_harmony(source)
        self._environment = BoundedSandbox()
        try:
            self._template: Template = self._environment.from_string(source)
        except TemplateError as error:
            raise UnloadableModel(f"the chat template of this model cannot be read: replace it ({error})") from error

    def render(
        self,
        messages: Sequence[ChatMessage],
        tools: Sequence[OfferedTool] = (),
        think: bool | None = None,
        reasoning_effort: str | None = None,
    ) -> str:
        """The prompt, up to where the reply begins. Raises InvalidRequest when the template refuses the messages."""
        if tools and not self.knows_tools:
            messages = _with_tools_described(messages, tools)
        if self._speaks_harmony:
            messages = messages_in_harmony(messages)
        options: dict[str, Any] = {} if think is None else {"enable_thinking": think}
        if reasoning_effort is not None:
            options["reasoning_effort"] = reasoning_effort
        self._environment.restart()
        try:
            return self._template.render(
                messages=[self._plain(message) for message in messages],
                tools=[_described(tool) for tool in tools] if tools and self.knows_tools else None,
                documents=None,
                add_generation_prompt=True,
                **self._special_texts,
                **options,
            )
        except SecurityError as error:
            raise UnloadableModel(f"the chat template of this model does what no template may: {error}") from error
        except (TemplateError, TypeError, ValueError, LookupError, ArithmeticError, RecursionError) as error:
            raise InvalidRequest(
                f"Change the messages, the model's chat template refuses them: {error}", "messages"
            ) from error

    def _plain(self, message: ChatMessage) -> dict[str, Any]:
        role, content = message.role, message.content
        if role == "developer" and not self._knows_developer:
            role = "system"
        if not self.knows_tools:
            content += "".join(
                f'\n<tool_call>{{"name": "{call.name}", "arguments": {call.arguments}}}</tool_call>'
                for call in message.tool_calls
            )
            if role == "tool":
                role, content = "user", f"<tool_response>\n{content}\n</tool_response>"
            return {"role": role, "content": content}
        plain: dict[str, Any] = {"role": role, "content": content}
        if message.reasoning:
            plain["thinking" if self._speaks_harmony else "reasoning_content"] = message.reasoning
        if message.tool_calls:
            plain["tool_calls"] = [
                {"id": call.id, "type": "function", "function": {"name": call.name, "arguments": _object(call)}}
                for call in message.tool_calls
            ]
        if message.tool_call_id is not None:
            plain["tool_call_id"] = message.tool_call_id
        return plain


class BoundedSandbox(ImmutableSandboxedEnvironment):
    """A sandbox in which templates reach no attribute of Python, change nothing, and end."""

    intercepted_binops = frozenset(("*", "**"))

    def __init__(self) -> None:
        super().__init__(trim_blocks=True, lstrip_blocks=True, extensions=[loopcontrols])
        self._steps = 0
        self.filters["tojson"] = _to_json
        self.globals["raise_exception"] = _refuse
        self.globals["strftime_now"] = lambda form: datetime.now(UTC).strftime(form)
        self.globals["count_step"] = self._count_step

    def restart(self) -> None:
        self._steps = 0

    def _parse(self, source: str, name: str | None, filename: str | None) -> nodes.Template:
        tree = super()._parse(source, name, filename)
        bodies = [loop.body for loop in tree.find_all(nodes.For)] + [macro.body for macro in tree.find_all(nodes.Macro)]
        for body in bodies:
            call = nodes.Call(nodes.Name("count_step", "load"), [], [], None, None)
            body.insert(0, nodes.ExprStmt(call, lineno=1).set_environment(self))
        return tree

    def _count_step(self) -> None:
        self._steps += 1
        if self._steps > MOST_STEPS:
            raise SecurityError("it does not end")

    def call_binop(self, context: Any, operator: str, left: Any, right: Any) -> Any:
        for text, times in ((left, right), (right, left)):
            if isinstance(text, str | list | tuple) and isinstance(times, int):
                if len(text) * times > LONGEST_TEXT_CHARACTERS:
                    raise SecurityError("it makes too long a text")
            elif operator == "**":
                raise SecurityError("it raises numbers to powers")
        return super().call_binop(context, operator, left, right)


def _refuse(reason: str) -> None:
    raise TemplateError(reason)


def _to_json(value: object, ensure_ascii: bool = False, indent: int | None = None, **options: Any) -> str:
    return json.dumps(value, ensure_ascii=ensure_ascii, indent=indent, **options)


def _object(call: Any) -> Any:
    try:
        return json.loads(call.arguments)
    except ValueError:
        return call.arguments


def _described(tool: OfferedTool) -> dict[str, Any]:
    function = {"name": tool.name, "description": tool.description, "parameters": dict(tool.parameters)}
    return {"type": "function", "function": function}


def _with_tools_described(messages: Sequence[ChatMessage], tools: Sequence[OfferedTool]) -> Sequence[ChatMessage]:
    """Tells a model whose template knows no tools which there are, in its first system message."""
    described = "\n".join(json.dumps(_described(tool), ensure_ascii=False) for tool in tools)
    told = (
        f"You may call these tools:\n<tools>\n{described}\n</tools>\n"
        'To call one, answer: <tool_call>{"name": "...", "arguments": {...}}</tool_call>'
    )
    if messages and messages[0].role in ("system", "developer"):
        return [messages[0]._replace(content=f"{messages[0].content}\n\n{told}"), *messages[1:]]
    return [ChatMessage("system", told), *messages]
