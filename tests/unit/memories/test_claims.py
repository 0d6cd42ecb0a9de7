"""A claim holds only when one quoted sentence says it; what models get wrong does not."""

import pytest

from memories.evidence.claims import said

SOURCES = [
    "In May 2026 I replaced both pumps at Tidewater with Marcel. We decided not to sell the old boat before the survey.",
    "Father paid Ines 30 euros for 5 kg of pears.",
    "Wir verkaufen das Boot nicht.",
    "我们不卖船。",
    "Alice moved from Oslo to Bergen.",
]


@pytest.mark.parametrize(
    ("claim", "source"),
    [
        ("In May 2026 you replaced both pumps at Tidewater with Marcel.", 0),
        ("You replaced both pumps at Tidewater.", 0),
        ("You replaced both pumps at Tidewater in May 2026.", 0),
        ("You have decided not to sell the boat.", 0),
        ("You decided you wouldn't sell", None),
        ("Your father paid Ines 30 euros [2].", 1),
        ("Das Boot nicht", 2),
        ("我们不卖船。", 3),
        ("Alice moved to Bergen.", 4),
    ],
)
def test_what_is_said_is_found(claim: str, source: int | None) -> None:
    (found,) = said(claim, SOURCES)
    assert list(found.sources) == ([] if source is None else [source])


@pytest.mark.parametrize(
    "lie",
    [
        "In May 2027 you replaced both pumps at Tidewater with Marcel.",
        "In May 2026 you replaced both pumps at Tidewater with Bea.",
        "Bea replaced both pumps at Tidewater.",
        "In May 2026 I replaced both pumps at Tidewater with Marcel and broke them.",
        "You decided to sell the old boat before the survey.",
        "You decided not to sell the old boat after the survey.",
        "You replaced the old boat.",
        "Ines paid father 30 euros.",
        "Father paid Ines 5 euros.",
        "Father didn't pay Ines.",
        "Father paid Ines nothing.",
        "Wir verkaufen das Boot.",
        "我们卖船。",
        "Alice moved to Oslo.",
        "Alice moved from Bergen to Oslo.",
        "En mai 2026, vous avez remplacé les deux pompes.",
        "<b>Alice</b> moved from Oslo to Trondheim.",
        "They were.",
        "Yes.",
    ],
)
def test_a_lie_rests_on_nothing(lie: str) -> None:
    assert [list(each.sources) for each in said(lie, SOURCES)] == [[]]


def test_references_belong_to_the_sentence_before_them() -> None:
    first, second, third = said("Alice moved to Bergen. [5] You replaced both pumps [1][2]. Ada", SOURCES)
    assert (first.text, first.numbers, first.sources) == ("Alice moved to Bergen.", [5], [4])
    assert (second.text, second.numbers, second.sources) == ("You replaced both pumps.", [1, 2], [0])
    assert (third.text, third.numbers) == ("Ada", [])
    marked = said("You replaced both pumps in May [1]. You decided not to sell. [1] Ada came.", SOURCES)
    assert [(each.text, list(each.numbers)) for each in marked] == [
        ("You replaced both pumps in May.", [1]), ("You decided not to sell.", [1]), ("Ada came.", []),
    ]  # fmt: skip
    assert [each.text for each in said("Alice moved to Bergen. [1a2b3c4d]\n[memory 1a2b3c4d]", SOURCES)] == [
        "Alice moved to Bergen."
    ]


@pytest.mark.parametrize("repeated", [" ", "[1]", "a ", "no. "])
def test_a_reply_of_any_length_is_read(repeated: str) -> None:
    # Minutes, if each blank began a search for the next reference.
    assert not any(each.sources for each in said(repeated * 200_000, SOURCES))
