"""Harmony, the form in which gpt-oss speaks: messages in channels, of thoughts, of calls and of words.

A reply goes on after `<|start|>assistant`: `<|channel|>analysis<|message|>Hm.<|end|><|start|>assistant<|channel|>final
<|message|>Yes.<|return|>`, or with a call, `<|channel|>commentary to=functions.time <|constrain|>json<|message|>{}
<|call|>`. The marks are tokens of their own, so that a text that spells one is text. Source: docs/format.md of OpenAI's
harmony repository, whose parser knows one vocabulary only, and downloads it.
"""

import re
from collections.abc import Iterable, Mapping, Sequence
from enum import Enum
from uuid import uuid4

from sidecar.generators.decoding.parsing import ReplyParser
from sidecar.generators.protocol import ChatMessage, Piece, ReplyToken, ToolCallPart

START, CHANNEL, CONSTRAIN, MESSAGE = "<|start|>", "<|channel|>", "<|constrain|>", "<|message|>"
END, CALL, RETURN = "<|end|>", "<|call|>", "<|return|>"
MARKS = (START, CHANNEL, CONSTRAIN, MESSAGE, END, CALL, RETURN)
FUNCTIONS = "functions."
RECIPIENT = re.compile(r"(?:^|[\s>])to=([^\s<]+)")
# What a header may be before its first mark.
ROLE = re.compile(r"\s*(?:assistant)?\s*(?:t|to|to=\S*\s*)?")
PARTING = "\n\n"


def speaks_harmony(template: str) -> bool:
    """Whether a chat template is one of harmony."""
    return CHANNEL in template


def messages_in_harmony(messages: Sequence[ChatMessage]) -> list[ChatMessage]:
    """The messages as gpt-oss's template takes them: one with instructions, then one call each with its answer.

    It passes over instructions that stand elsewhere and over all calls but the first of a message, and it takes either
    thoughts or words beside a call.
    """
    told = "\n\n".join(message.content for message in messages if message.role in ("system", "developer"))
    answers = {message.tool_call_id: message for message in messages if message.role == "tool"}
    called = {call.id for message in messages for call in message.tool_calls}
    found = [ChatMessage("developer", told)] if told else []
    for message in messages:
        if message.role in ("system", "developer") or (message.role == "tool" and message.tool_call_id in called):
            continue
        thoughts = PARTING.join(filter(None, (message.reasoning, message.content)))
        for call in message.tool_calls:
            found.append(message._replace(content="", reasoning=thoughts, tool_calls=(call,)))
            found += [answers[call.id]] if call.id in answers else []
            thoughts = ""
        found += [] if message.tool_calls else [message]
    return found


class Position(Enum):
    HEADER = "header"
    WORDS = "words"
    THOUGHTS = "thoughts"
    CALL = "call"


class HarmonyParser:
    """Takes the tokens of a reply, and gives its words, thoughts and calls; `marks` has the marks by their ids.

    The reply goes on after `begun`, the prompt from its last <|start|> on. Messages in the channel `analysis` are
    thoughts, and so are those to a recipient that was not offered; others are words, and so is text outside of
    messages. A header that breaks off is dropped. The reply ends where another's message begins. Stop strings hold in
    the words alone, and are no part of them.
    """

    def __init__(
        self,
        marks: Mapping[int, str],
        stop: Sequence[str] = (),
        *,
        with_tools: bool = False,
        begun: str = "",
    ) -> None:
        self._marks = marks
        self._with_tools = with_tools
        self._place = Position.WORDS
        self._header = ""
        self._header_tokens: list[tuple[ReplyToken, int]] = []
        self._spoken: set[Position] = set()
        self._has_arguments = False
        self._words = ReplyParser(stop, may_think=False)
        self.call_count = 0
        self.thought_tokens = 0
        self.is_stopped = False
        if begun:
            self._begin(begun)

    def add(self, text: str, tokens: Iterable[tuple[ReplyToken, int]] = ()) -> list[Piece]:
        """The pieces that are certain now; `tokens` come with the number of characters that each adds to the text.

        The characters of a mark are those that came before it.
        """
        pieces: list[Piece] = []
        for token, length in tokens:
            mark = self._marks.get(token.id)
            self.thought_tokens += self._place is Position.THOUGHTS and mark is None
            told = [(token, length)] if mark is None else []
            pieces += self._go_on(text[:length], told)
            pieces += self._pass(mark) if mark is not None else []
            text = text[length:]
        return pieces + self._go_on(text, [])

    def finish(self) -> list[Piece]:
        """What was held back, when no more comes."""
        return [] if self.is_stopped else [*self._leave(), *self._words.finish()]

    def _begin(self, begun: str) -> None:
        """Goes on in the prompt."""
        header, message, content = begun.partition(MESSAGE)
        if message and not any(mark in content for mark in (END, CALL, RETURN)):
            self._header = header
            self._place = self._place_of_content()
        else:
            self._place = Position.HEADER
            self._header = header if CHANNEL in header and not message else ""

    def _go_on(self, text: str, tokens: list[tuple[ReplyToken, int]]) -> list[Piece]:
        if self.is_stopped or not (text or tokens):
            return []
        match self._place:
            case Position.HEADER:
                self._header += text
                self._header_tokens += tokens
                return [] if self._may_be_header() else self._as_words()
            case Position.WORDS:
                return self._say(text, tokens)
            case Position.THOUGHTS if text:
                self._spoken.add(self._place)
                return [Piece(reasoning=text)]
            case Position.CALL if text:
                self._has_arguments = self._has_arguments or bool(text.strip())
                return [Piece(tool_calls=(ToolCallPart(self.call_count, text),))]
        return []

    def _pass(self, mark: str) -> list[Piece]:
        """Goes on after a mark."""
        if self.is_stopped:
            return []
        in_header = self._place is Position.HEADER
        match mark:
            case "<|message|>":
                return self._open() if in_header else []
            case "<|channel|>" if in_header:
                self._header += CHANNEL
            case "<|constrain|>" if in_header:
                self._header += " "
            case "<|start|>" | "<|channel|>" | "<|end|>":
                pieces = self._leave()
                self._place, self._header = Position.HEADER, "" if mark == END else mark
                self._header_tokens.clear()
                return pieces
            case "<|call|>" | "<|return|>":
                pieces = self.finish()
                self.is_stopped = True
                return pieces
        return []

    def _open(self) -> list[Piece]:
        """Begins the content of a message."""
        role = self._header.removeprefix(START).partition(CHANNEL)[0].split()
        if role and role[0] != "assistant" and not role[0].startswith("to="):
            self.is_stopped = True
            return self._words.finish()
        place = self._place_of_content()
        if place is not Position.CALL:
            return self._enter(place)
        self._place, self._has_arguments = place, False
        name = self._recipient().removeprefix(FUNCTIONS)
        return [Piece(tool_calls=(ToolCallPart(self.call_count, "", f"call_{uuid4().hex[:24]}", name),))]

    def _leave(self) -> list[Piece]:
        """Ends the message that the reply is in."""
        if self._place is Position.HEADER and self._header.strip() and not self._has_mark():
            return self._as_words()
        if self._place is Position.CALL:
            self._place = Position.HEADER
            self.call_count += 1
            empty = ToolCallPart(self.call_count - 1, "{}")
            return [] if self._has_arguments else [Piece(tool_calls=(empty,))]
        return []

    def _may_be_header(self) -> bool:
        role = self._header
        return self._has_mark() or "assistant".startswith(role.strip()) or ROLE.fullmatch(role) is not None

    def _has_mark(self) -> bool:
        return START in self._header or CHANNEL in self._header

    def _as_words(self) -> list[Piece]:
        """Lets the text go that is no header, but stands outside of messages."""
        text, tokens = self._header, list(self._header_tokens)
        self._header = ""
        self._header_tokens.clear()
        return [*self._enter(Position.WORDS), *self._say(text, tokens)]

    def _enter(self, place: Position) -> list[Piece]:
        """Goes on at another place, after an empty line where an earlier message of the kind had text."""
        self._place = place
        if place not in self._spoken:
            return []
        return [Piece(reasoning=PARTING)] if place is Position.THOUGHTS else self._say(PARTING, [])

    def _say(self, text: str, tokens: list[tuple[ReplyToken, int]]) -> list[Piece]:
        if text:
            self._spoken.add(Position.WORDS)
        pieces = self._words.add(text, tokens)
        self.is_stopped = self._words.is_stopped
        return pieces

    def _place_of_content(self) -> Position:
        recipient = self._recipient()
        if recipient.startswith(FUNCTIONS) and self._with_tools:
            return Position.CALL
        channel = self._header.rpartition(CHANNEL)[2].split() if CHANNEL in self._header else []
        return Position.THOUGHTS if channel[:1] == ["analysis"] or recipient not in ("", "all") else Position.WORDS

    def _recipient(self) -> str:
        found = RECIPIENT.search(self._header)
        return found[1] if found is not None else ""
