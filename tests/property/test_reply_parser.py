"""A reply has the same words, thoughts and calls however its text arrives."""

from hypothesis import given
from hypothesis import strategies as st

from sidecar.generators.decoding.parsing import ReplyParser
from sidecar.generators.protocol import Piece, ReplyToken

ALPHABET = st.sampled_from(
    ["a", "b", "ab", "\n", " ", "{", "}", '"', "<think>", "</think>", "<tool_call>", "</tool_call>"]
)
CALL = '<tool_call>{"name": "f", "arguments": {"a": {"b": 1}}}</tool_call>'
TEXTS = st.lists(ALPHABET | st.sampled_from([CALL, "<", "th", "<too"]), max_size=12).map("".join)
STOPS = st.lists(st.sampled_from(["ab", "b\n", "bab", "<th", "a b", "}}"]), max_size=3)


def parsed(parts: list[str], stop: list[str], thinks: bool, with_tools: bool) -> tuple[object, ...]:
    parser = ReplyParser(stop, thinks=thinks, with_tools=with_tools)
    pieces: list[Piece] = []
    for number, part in enumerate(parts):
        pieces += parser.add(part, [(ReplyToken(number), len(part))])
    pieces += parser.finish()
    calls: dict[int, list[str | None]] = {}
    for call in (call for piece in pieces for call in piece.tool_calls):
        entry = calls.setdefault(call.place, [None, ""])
        entry[0] = call.name or entry[0]
        entry[1] = (entry[1] or "") + call.arguments
    text, thoughts = "".join(piece.text for piece in pieces), "".join(piece.reasoning for piece in pieces)
    return text, thoughts, calls, parser.is_stopped


@given(TEXTS, STOPS, st.booleans(), st.booleans(), st.data())
def test_however_it_is_cut(text: str, stop: list[str], thinks: bool, with_tools: bool, data: st.DataObject) -> None:
    cuts = sorted(data.draw(st.lists(st.integers(0, len(text)), max_size=6)))
    parts = [text[begin:end] for begin, end in zip([0, *cuts], [*cuts, len(text)], strict=True)]
    whole = parsed([text], stop, thinks, with_tools)
    assert parsed(parts, stop, thinks, with_tools) == whole
    assert parsed(list(text), stop, thinks, with_tools) == whole


@given(TEXTS, STOPS)
def test_no_stop_string_is_shown(text: str, stop: list[str]) -> None:
    shown, _, _, is_stopped = parsed([text], stop, False, False)
    assert not any(each in shown for each in stop)
    assert is_stopped or not any(each in text for each in stop) or "<think>" in text


def test_words_thoughts_and_calls_are_told_apart() -> None:
    text = f"<think>Hm.</think>\n\nLet me look.{CALL}\n{CALL}"
    assert parsed([text], [], False, True)[:3] == (
        "Let me look.", "Hm.", {0: ["f", '{"a": {"b": 1}}'], 1: ["f", '{"a": {"b": 1}}']},
    )  # fmt: skip


def test_tokens_come_with_the_words_they_end() -> None:
    parser = ReplyParser(["end"])
    shown = parser.add("one e", [(ReplyToken(1), 4), (ReplyToken(2), 1)])
    assert [(piece.text, [token.id for token in piece.tokens]) for piece in shown] == [("one ", [1])]
    shown = parser.add("lk", [(ReplyToken(3), 2)])
    assert [(piece.text, [token.id for token in piece.tokens]) for piece in shown] == [("elk", [2, 3])]
    assert parser.add("end", [(ReplyToken(4), 3)]) == []
    assert parser.is_stopped
