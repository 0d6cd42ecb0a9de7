"""Splits the text of a reply, as it comes, into words, thoughts and calls of tools, and ends it at a stop string."""

import re
from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from enum import Enum
from uuid import uuid4

from sidecar.generators.protocol import Piece, ReplyToken, ToolCallPart

CALL_HEAD = re.compile(r'\s*\{\s*"name"\s*:\s*"([^"]+)"\s*,\s*"arguments"\s*:\s*(?=\S)')
# What may end a call: the brace of the call itself is no part of its arguments.
CALL_END = re.compile(r"[}\s]*\Z")


class Part(Enum):
    WORDS = "words"
    THOUGHTS = "thoughts"
    CALL = "call"


class ReplyParser:
    """Takes the text of a reply in any pieces, and gives the same parts however it is cut.

    Text that may be the beginning of a mark or of a stop string is held back until that is known. Thoughts stand
    between <think> and </think>, at the beginning only; calls between <tool_call> and </tool_call>. Stop strings hold
    in the words alone, and are no part of them. Without `may_think`, what reads like a mark of thoughts is words.
    """

    def __init__(
        self, stop: Sequence[str] = (), *, thinks: bool = False, with_tools: bool = False, may_think: bool = True
    ) -> None:
        self._part = Part.THOUGHTS if thinks else Part.WORDS
        self._stop = tuple(text for text in stop if text)
        self._with_tools = with_tools
        self._may_think = may_think and not thinks
        self._held = ""
        self._tokens: deque[tuple[ReplyToken, int]] = deque()
        self._call_text = ""
        self._call_began = False
        self._is_first = thinks or may_think
        self.call_count = 0
        self.is_stopped = False
        self.thought_tokens = 0

    def add(self, text: str, tokens: Iterable[tuple[ReplyToken, int]] = ()) -> list[Piece]:
        """The pieces that are certain now; `tokens` come with the number of characters that each adds to the text."""
        self._held += text
        for token, length in tokens:
            self.thought_tokens += self._part is Part.THOUGHTS
            self._tokens.append((token, length))
        return list(self._certain())

    def finish(self) -> list[Piece]:
        """What was held back, when no more comes."""
        pieces = list(self._certain())
        if not self.is_stopped:
            pieces += self._let_go(len(self._held))
            pieces += self._end_call() if self._part is Part.CALL else []
        return pieces

    def _certain(self) -> Iterator[Piece]:
        while not self.is_stopped:
            found = self._first_complete()
            if found is None:
                break
            place, mark = found
            yield from self._let_go(place)
            self._drop(len(mark))
            yield from self._pass(mark)
        if not self.is_stopped:
            yield from self._let_go(len(self._held) - _longest_beginning(self._held, self._marks()))

    def _first_complete(self) -> tuple[int, str] | None:
        """The mark that is complete first, and where it begins; so it is the same however the text is cut."""
        places = [(self._held.find(mark), mark) for mark in self._marks()]
        complete = [
            (place, mark)
            for place, mark in places
            if place >= 0 and not (mark == "<think>" and self._held[:place].strip())
        ]
        return min(complete, key=lambda found: (found[0] + len(found[1]), found[0]), default=None)

    def _marks(self) -> tuple[str, ...]:
        match self._part:
            case Part.THOUGHTS:
                return ("</think>",)
            case Part.CALL:
                return ("</tool_call>",)
            case Part.WORDS:
                marks = self._stop + (("<tool_call>",) if self._with_tools else ())
                return (*marks, "<think>") if self._may_think else marks

    def _pass(self, mark: str) -> Iterator[Piece]:
        """Goes on after a mark."""
        match mark:
            case "<think>" if self._part is Part.WORDS and self._may_think:
                self._part = Part.THOUGHTS
            case "<tool_call>" if self._part is Part.WORDS and self._with_tools and mark not in self._stop:
                self._part, self._call_text, self._call_began = Part.CALL, "", False
            case "</think>" if self._part is Part.THOUGHTS:
                self._part, self._may_think, self._is_first = Part.WORDS, False, True
            case "</tool_call>" if self._part is Part.CALL:
                yield from self._end_call()
                self._part, self._is_first = Part.WORDS, True
            case _:
                self.is_stopped = True

    def _let_go(self, length: int) -> Iterator[Piece]:
        text, self._held = self._held[:length], self._held[length:]
        tokens = self._take_tokens(length)
        match self._part:
            case Part.THOUGHTS:
                if text:
                    yield Piece(reasoning=text)
            case Part.CALL:
                yield from self._go_on_with_call(text)
            case Part.WORDS:
                # Templates part thoughts and calls from words by empty lines.
                shown = text.lstrip("\n") if self._is_first and (self.call_count or not self._may_think) else text
                if shown.strip():
                    self._may_think = False
                if shown:
                    self._is_first = False
                if shown or tokens:
                    yield Piece(text=shown, tokens=tokens)

    def _drop(self, length: int) -> None:
        self._held = self._held[length:]
        self._take_tokens(length)

    def _take_tokens(self, length: int) -> tuple[ReplyToken, ...]:
        """The tokens whose last character is among the next `length` characters."""
        taken = []
        while self._tokens and self._tokens[0][1] <= length:
            token, own = self._tokens.popleft()
            length -= own
            taken.append(token)
        if self._tokens and length:
            token, own = self._tokens.popleft()
            self._tokens.appendleft((token, own - length))
        return tuple(taken)

    def _go_on_with_call(self, text: str) -> Iterator[Piece]:
        self._call_text += text
        if not self._call_began:
            head = CALL_HEAD.match(self._call_text)
            if head is None:
                return
            self._call_began = True
            self._call_text = self._call_text[head.end() :]
            part = ToolCallPart(self.call_count, "", f"call_{uuid4().hex[:24]}", head[1])
            yield Piece(tool_calls=(part,))
        certain = CALL_END.search(self._call_text)
        assert certain is not None  # noqa: S101 - it matches an empty end too
        arguments, self._call_text = self._call_text[: certain.start()], self._call_text[certain.start() :]
        if arguments:
            yield Piece(tool_calls=(ToolCallPart(self.call_count, arguments),))

    def _end_call(self) -> list[Piece]:
        if not self._call_began:
            return []
        rest = self._call_text.rstrip().removesuffix("}").rstrip()
        part = ToolCallPart(self.call_count, rest)
        self.call_count += 1
        self._call_text, self._call_began = "", False
        return [Piece(tool_calls=(part,))] if rest else []


def _longest_beginning(text: str, marks: Sequence[str]) -> int:
    """The length of the longest end of `text` with which one of the marks begins."""
    longest = max((len(mark) for mark in marks), default=1) - 1
    for length in range(min(longest, len(text)), 0, -1):
        if any(len(mark) > length and mark.startswith(text[-length:]) for mark in marks):
            return length
    return 0
