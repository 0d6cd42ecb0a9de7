"""Whatever a memory says, it stays within its quotation, and the quotation can be cut out again."""

import html
import json
import textwrap
from collections.abc import Callable
from datetime import UTC, datetime
from uuid import UUID

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from memories.quotation import citation, quoted, quoted_notes, without_quotations
from memories.records import Memoir

WHEN = datetime(2026, 3, 1, 9, tzinfo=UTC)
MEMORY_ID = UUID("1a2b3c4d-0000-4000-8000-000000000000")
PIECES = st.sampled_from(
    [
        "<", ">", "/", "&lt;", "&gt;", "\\u003c", "\\u003e", "recalled-memory", "recalled-notes", ' id="', '"', "\\",
        str(MEMORY_ID), "</recalled-memory>", "</recalled-notes>", f'<recalled-memory id="{MEMORY_ID}">',
        '<recalled-notes about="x">', "&lt;/recalled-memory&gt;", "\n", "\n> ", " ", "\u200b", "\uff1c", "é", "\U0001f469",
    ]
)  # fmt: skip
HOSTILE = st.lists(st.one_of(PIECES, st.text(st.characters(exclude_categories=["Cs"]), max_size=8)), max_size=12).map(
    "".join
)
WRAPS: dict[str, Callable[[str], str]] = {
    "plain": str,
    "quoted": lambda text: textwrap.indent(text, "> ", lambda _: True),
    "JSON": json.dumps,
    "JSON for the web": lambda text: json.dumps(text).replace("<", "\\u003c").replace(">", "\\u003e"),
    "HTML": html.escape,
}


@pytest.mark.parametrize("wrap", WRAPS.values(), ids=WRAPS)
@given(content=HOSTILE, context=HOSTILE, tag=HOSTILE)
@settings(max_examples=400, deadline=None)
def test_a_quotation_is_cut_out_exactly(wrap: Callable[[str], str], content: str, context: str, tag: str) -> None:
    memory = Memoir(MEMORY_ID, content, context, "", [tag], {}, WHEN, WHEN)
    block = f"{quoted(memory)} and {quoted_notes(f'memory {context}', content)}"
    assert without_quotations(wrap(f"Before {block} after")) == (
        wrap(f"Before {citation(MEMORY_ID)} and  after"),
        [MEMORY_ID],
    )


@given(HOSTILE)
@settings(max_examples=400, deadline=None)
def test_any_text_can_be_looked_through(text: str) -> None:
    left, found = without_quotations(text)
    assert len(left) <= len(text)
    assert found or left == text or "recalled-notes" in text
