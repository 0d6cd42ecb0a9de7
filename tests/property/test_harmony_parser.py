"""A reply in harmony has the same words, thoughts and calls however its tokens are cut, and shows no mark."""

from hypothesis import given
from hypothesis import strategies as st

from sidecar.generators.decoding.harmony import MARKS, HarmonyParser
from sidecar.generators.protocol import Piece, ReplyToken

START, CHANNEL, CONSTRAIN, MESSAGE, END, CALL, RETURN = range(len(MARKS))
TEXT_ID = 100
# The text of a token, or the number of a mark.
Reply = list[str | int]
PROMPT = "<|start|>assistant"
THOUGHT: Reply = [CHANNEL, "analysis", MESSAGE, "Hm, <|end|> is text.", END, START, "assistant"]
PREAMBLE: Reply = [CHANNEL, "commentary", MESSAGE, "I look.", END, START, "assistant"]
ANSWER: Reply = [CHANNEL, "final", MESSAGE, "Yes."]
CALLS: list[Reply] = [
    [CHANNEL, "commentary to=functions.f ", CONSTRAIN, "json", MESSAGE, '{"a": "}"}'],
    [CHANNEL, "commentary to=functions.f", CONSTRAIN, "json", MESSAGE, '{"a": "}"}'],
    [" to=functions.f", CHANNEL, "commentary json", MESSAGE, '{"a": "}"}'],
    [CHANNEL, "analysis to=functions.f", MESSAGE, '{"a": "}"}'],
]
TEXTS = [
    "a",
    "ab",
    "\n",
    " ",
    "assistant",
    "user",
    "analysis",
    "final",
    "commentary",
    " to=functions.f",
    "to=",
    "<|end|>",
]
REPLIES = st.lists(st.sampled_from(TEXTS) | st.integers(0, len(MARKS) - 1), max_size=16)
MESSAGES = st.lists(st.sampled_from([THOUGHT, PREAMBLE, ANSWER, [END, START, "assistant"], *CALLS]), max_size=5).map(
    lambda messages: [part for message in messages for part in message]
)
STOPS = st.lists(st.sampled_from(["ab", "b\n", "es", "a b", "<|"]), max_size=2)


def parsed(
    reply: Reply, stop: list[str] | None = None, with_tools: bool = True, begun: str = PROMPT
) -> tuple[str, str, dict[int, list[str]], bool]:
    parser = HarmonyParser(dict(enumerate(MARKS)), stop or (), with_tools=with_tools, begun=begun)
    pieces: list[Piece] = []
    for part in reply:
        if isinstance(part, int):
            pieces += parser.add("", [(ReplyToken(part), 0)])
        else:
            pieces += parser.add(part, [(ReplyToken(TEXT_ID), len(part))])
    pieces += parser.finish()
    calls: dict[int, list[str]] = {}
    for call in (call for piece in pieces for call in piece.tool_calls):
        entry = calls.setdefault(call.place, ["", ""])
        entry[0] += call.name or ""
        entry[1] += call.arguments
    assert len(calls) == parser.call_count
    text, thoughts = "".join(piece.text for piece in pieces), "".join(piece.reasoning for piece in pieces)
    return text, thoughts, calls, parser.is_stopped


def whole_texts(reply: Reply) -> Reply:
    """The reply with each text between two marks in one token."""
    whole: Reply = []
    for part in reply:
        if whole and isinstance(part, str) and isinstance(whole[-1], str):
            whole[-1] += part
        else:
            whole.append(part)
    return whole


def cut(reply: Reply, data: st.DataObject) -> Reply:
    parts: Reply = []
    for part in reply:
        if isinstance(part, int):
            parts.append(part)
        else:
            cuts = sorted(data.draw(st.lists(st.integers(0, len(part)), max_size=3)))
            parts += [part[begin:end] for begin, end in zip([0, *cuts], [*cuts, len(part)], strict=True)]
    return parts


@given(REPLIES | MESSAGES, STOPS, st.booleans(), st.data())
def test_however_it_is_cut(reply: Reply, stop: list[str], with_tools: bool, data: st.DataObject) -> None:
    whole = parsed(whole_texts(reply), stop, with_tools)
    assert parsed(cut(reply, data), stop, with_tools) == whole
    letters = [letter for part in reply for letter in ([part] if isinstance(part, int) else part)]
    assert parsed(letters, stop, with_tools) == whole
    assert not any(each in whole[0] for each in stop)
    assert with_tools or not whole[2]


@given(REPLIES)
def test_no_mark_is_shown_and_no_text_lost(reply: Reply) -> None:
    words, thoughts, calls, _ = parsed([part for part in reply if part != "<|end|>"])
    assert "<|" not in words + thoughts + "".join(text for call in calls.values() for text in call)
    texts = [part for part in reply if isinstance(part, str)]
    if texts and len(texts) == len(reply):
        assert parsed(reply)[0].strip() == "".join(texts).strip()


def test_thoughts_and_words_are_told_apart() -> None:
    assert parsed([*THOUGHT, *ANSWER, RETURN]) == ("Yes.", "Hm, <|end|> is text.", {}, True)
    assert parsed([*THOUGHT, *THOUGHT, *PREAMBLE, *ANSWER])[:2] == (
        "I look.\n\nYes.", "Hm, <|end|> is text.\n\nHm, <|end|> is text.",
    )  # fmt: skip


def test_a_call_is_found_wherever_its_recipient_stands() -> None:
    for call in CALLS:
        called = {0: ["f", '{"a": "}"}']}
        assert parsed([*THOUGHT, *call, CALL]) == ("", "Hm, <|end|> is text.", called, True)
        assert parsed([*PREAMBLE, *call])[::2] == ("I look.", called)
        assert parsed(call, with_tools=False)[:3] == ("", '{"a": "}"}', {})
    assert parsed([CHANNEL, "commentary to=functions.f", MESSAGE, CALL])[2] == {0: ["f", "{}"]}
    assert parsed([CHANNEL, "commentary to=python", MESSAGE, "1 + 1", CALL])[:3] == ("", "1 + 1", {})


def test_what_is_no_message_is_words_and_a_header_that_breaks_off_is_nothing() -> None:
    parser = HarmonyParser(dict(enumerate(MARKS)), begun=PROMPT)
    assert [piece.text for piece in parser.add("Hello")] == ["Hello"]
    assert parsed([CHANNEL, "analysis", MESSAGE, "Hm.", END, "assist", "ance!"])[:2] == ("assistance!", "Hm.")
    assert parsed([CHANNEL, "fin"])[:3] == ("", "", {})
    assert parsed([START, "assistant", MESSAGE, "No channel."])[0] == "No channel."


def test_the_reply_ends_where_anothers_message_begins() -> None:
    assert parsed([*ANSWER, END, START, "user", MESSAGE, "And now?", END, *ANSWER])[0::3] == ("Yes.", True)
    invented: Reply = [START, "functions.f to=assistant", CHANNEL, "commentary", MESSAGE, "{}"]
    assert parsed([*CALLS[0], END, *invented])[2:] == ({0: ["f", '{"a": "}"}']}, True)


def test_a_reply_goes_on_where_its_prompt_ends() -> None:
    assert parsed(["s.", END, START, *THOUGHT], begun=f"{PROMPT}<|channel|>final<|message|>Ye")[:2] == (
        "s.",
        THOUGHT[3],
    )
    assert parsed(["m."], begun=f"{PROMPT}<|channel|>analysis<|message|>H")[:2] == ("", "m.")
    assert parsed([MESSAGE, "Hm."], begun=f"{PROMPT}<|channel|>analysis")[:2] == ("", "Hm.")
    called = f"{PROMPT} to=functions.f<|channel|>commentary json<|message|>{{}}<|call|>"
    assert parsed([START, "assistant", *ANSWER], begun=called) == ("Yes.", "", {}, False)
    assert parsed(["Once <think>upon</think>"], begun="")[0] == "Once <think>upon</think>"
