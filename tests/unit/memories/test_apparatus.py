"""What stands around a text is told from it, whatever the text; the text keeps its places."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from memories.apparatus import apparatus

TRAILED = """Mend the sluice (#31)

It had rusted.

Fixes: #12
Change-Id: I3f9
Co-authored-by: Ada Byron <ada@example.org>
"""
APPENDED = """Bump the pump from 1 to 2

---
updated-dependencies:
- dependency-name: pump
...

Signed-off-by: robot <r@example.org>"""
REVERTED = (
    'Revert "Mend the sluice"\n\nThis reverts commit 0123456789abcdef0123456789abcdef01234567.\n\nIt leaked again.'
)
MAIL = "From: a@example.org\nTo: b@example.org\nSubject: The barn roof\n\nIt leaks.\n\n-- \nAda\n+44 1"
ANSWER = "Ja, es leckt.\n\nAm 3. Mai schrieb Ada:\n> Und das Dach?\n> Leckt es?\n"
NOTE = "---\ntitle: Bees\ntags: [garden]\n---\n\nThey swarmed.\n<!-- look again -->\n{{date}}"
LICENSED = "# Copyright Ada\n# SPDX-License-Identifier: MIT\n\nThe sluice opens at noon."
LOGGED = "At night it stopped.\n2026-01-01 10:00:01 INFO start\n2026-01-01 10:00:02 ERROR sluice stuck\n"
CONTENTS = "- [One](#one)\n- [Two](#two)\n- [Three](#three)\n\nThe sluice is old."
ENCODED = "See the picture " + "iVBORw0KGgoAAAANSUhEUgAA" * 5 + " of it."


@pytest.mark.parametrize(
    ("content", "text"),
    [
        (TRAILED, "Mend the sluice (#31) It had rusted."),
        (APPENDED, "Bump the pump from 1 to 2"),
        (REVERTED, 'Revert "Mend the sluice" It leaked again.'),
        (MAIL, "It leaks."),
        (ANSWER, "Ja, es leckt."),
        (NOTE, "They swarmed."),
        (LICENSED, "The sluice opens at noon."),
        (LOGGED, "At night it stopped."),
        (CONTENTS, "The sluice is old."),
        (ENCODED, "See the picture of it."),
        ("Flour: two cups\nSalt: a spoon", "Flour: two cups Salt: a spoon"),
        ("> All that is gold does not glitter.", "> All that is gold does not glitter."),
    ],
)
def test_apparatus_is_no_text(content: str, text: str) -> None:
    assert " ".join(apparatus(content).text.split()) == text


def test_what_apparatus_says_is_kept() -> None:
    assert apparatus(TRAILED).people == ["Ada Byron"]
    assert apparatus(REVERTED).reverted == ["0123456789abcdef0123456789abcdef01234567"]


@pytest.mark.parametrize(
    ("content", "title"),
    [
        (TRAILED, "Mend the sluice (#31)"),
        (MAIL, "The barn roof"),
        (NOTE, "Bees"),
        ("# The old sluice #\n\nIt is old.", "The old sluice"),
        ("The old sluice\n==============\n\nIt is old.", "The old sluice"),
        ("It rained.\n\nThe sluice held.", ""),
        ("The old sluice", ""),
    ],
)
def test_a_title_is_found(content: str, title: str) -> None:
    assert apparatus(content).title == title


def test_code_is_left_out_on_demand() -> None:
    content = "Run it:\n```sh\nopen sluice\n```\nThen wait."
    assert "open sluice" in apparatus(content).text
    assert apparatus(content, with_code=False).text.split() == ["Run", "it:", "Then", "wait."]
    assert apparatus("```\nonly code\n```", with_code=False).text.split() == ["```", "only", "code", "```"]


PIECES = st.sampled_from(
    [TRAILED, MAIL, NOTE, LOGGED, "> quoted\n", "---\n", "<!--", "-->", "a: b\n", "\n", "x ", "{{", "```\n", "\r\n"]
)


@given(st.lists(PIECES | st.text(max_size=20), max_size=12).map("".join))
def test_every_character_keeps_its_place(content: str) -> None:
    text = apparatus(content).text
    assert len(text) == len(content)
    assert all(kept in (" ", "\n") or kept == given for kept, given in zip(text, content, strict=True))


@pytest.mark.parametrize(
    "piece",
    ["*", "> ", "- [a](#b)\n", "a: b\n", "X-by: a\n", "<!--", "{{", "a.... ", "2026-01-01 10:00 x\n", "---\n", "````"],
)
def test_monotonous_text_is_read_in_linear_time(piece: str) -> None:
    assert len(apparatus(piece * 20_000).text) <= len(piece) * 20_000


@pytest.mark.parametrize(
    "repeated",
    [
        " ",
        "`",
        "Author:" + " " * 99_000 + "<",
        "# " + " " * 40_000 + "a" + " " * 40_000 + "b",
        "---\nusage: x\n" + "-a: b\n" * 400 + "end\n",
        ("a" + "." * 115 + "1\n") * 2 + "a" + "." * 200 + "x\n",
        "-----BEGIN KEY-----\n",
    ],
)
def test_no_text_takes_long(repeated: str) -> None:
    # Backtracking would take minutes on some of these, or never end.
    text = (repeated * (100_000 // len(repeated) + 1))[:100_000]
    assert len(apparatus(text, with_code=False).text) == len(text)
