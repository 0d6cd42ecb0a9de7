"""Sentences of any text are quotations: byte for byte, in order, and nothing but blanks is left out."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from memories.evidence.sentences import LONGEST_CHARACTERS, is_question, sentences

TEXTS = st.text() | st.lists(
    st.sampled_from(["Mr. ", "W. Batten", "so.", " ", "\n", "Ja! ", "雨。", "3. ", "a" * 700])
).map("".join)


@given(TEXTS)
def test_each_sentence_stands_where_it_says(content: str) -> None:
    data = content.encode("utf-8", "surrogatepass")
    end = 0
    for sentence in sentences(content):
        assert data[sentence.start_byte : sentence.end_byte].decode() == sentence.text == sentence.text.strip()
        assert data[end : sentence.start_byte].decode().strip() == ""
        assert len(sentence.text) <= LONGEST_CHARACTERS
        end = sentence.end_byte
    assert data[end:].decode().strip() == ""


def test_a_point_after_an_initial_or_a_title_ends_no_sentence() -> None:
    content = "I went to Sir W. Batten with Mr. Coventry. So home, and to bed.\n雨が降った。傘がない。"
    assert [sentence.text for sentence in sentences(content)] == [
        "I went to Sir W. Batten with Mr. Coventry.",
        "So home, and to bed.",
        "雨が降った。",
        "傘がない。",
    ]
    assert [sentence.text for sentence in sentences("أين المفتاح؟ تحت الحصيرة.")] == ["أين المفتاح؟", "تحت الحصيرة."]


def test_a_question_is_known_by_its_mark_in_any_script() -> None:
    asked = ["Who?", "(Who, then?)", "„Wer?“", "**Why?**", "Really?!", "谁？", "من؟", "ማን፧", "Who?  ", "Ποιος\u037e"]
    told = ["Ada.", 'He asked "who?" and left.', "https://example.org/find?q=1", "谁。", "", "3"]
    assert [text for text in asked if not is_question(text)] == []
    assert [text for text in told if is_question(text)] == []


@pytest.mark.parametrize("repeated", ["Mr. ", "a"])
def test_a_long_sentence_takes_no_longer_than_many_short_ones(repeated: str) -> None:
    # Minutes, if each part copied the rest of the text.
    content = repeated * 600_000
    assert all(len(sentence.text) <= LONGEST_CHARACTERS for sentence in sentences(content))
