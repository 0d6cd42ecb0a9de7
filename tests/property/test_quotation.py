"""A memory cannot break out of its quotation; quotations handed out are cut from transcripts, nothing else is."""

import html
import json
import textwrap
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from uuid import UUID

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from memories.postgres.database import Connection, connect
from memories.quoting.handed_out import with_citations
from memories.quoting.quotation import Quoter, citation, quotation_key
from memories.records import Memoir
from tests.conftest import new_database

WHEN = datetime(2026, 3, 1, 9, tzinfo=UTC)
MEMORY_ID = UUID("1a2b3c4d-0000-4000-8000-000000000000")
EARLIER = Quoter(b"the key of another store").text(MEMORY_ID, WHEN, "z")
PIECES = st.sampled_from(
    [
        "<", ">", "/", "&lt;", "&gt;", "\\u003c", "\\u003e", "recalled-memory", "recalled-notes", ' id="', '"', "\\",
        str(MEMORY_ID), "</recalled-memory>", "</recalled-notes>", f'<recalled-memory id="{MEMORY_ID}">',
        '<recalled-notes about="x">', "&lt;/recalled-memory&gt;", "\n", "\n> ", " ", "\u200b", "\uff1c", "é", "\U0001f469",
        "<re\u200bcalled-memory>", "</reca\u00adlled-memory>", "</r\u0435called-memory>", "<        /recalled-memory>",
        "&#60;/recalled-memory&#62;", "\uff1c/\uff52\uff45called-memory\uff1e", "\x85> ", "\u2028",
        EARLIER, EARLIER.split("\n")[0], EARLIER.split("\n")[-1],
    ]
)  # fmt: skip
HOSTILE = st.lists(st.one_of(PIECES, st.text(st.characters(exclude_categories=["Cs"]), max_size=8)), max_size=12).map(
    "".join
)
WRAPS: dict[str, Callable[[str], str]] = {
    "plain": str,
    "quoted": lambda text: textwrap.indent(text, "> ", lambda _: True),
    "JSON": json.dumps,
    "JSON in JSON": lambda text: json.dumps(json.dumps(text)),
    "JSON for the web": lambda text: json.dumps(text).replace("<", "\\u003c").replace(">", "\\u003e"),
    "HTML": html.escape,
}


@pytest.fixture(scope="module")
def connection(server: str, migrated_template: str) -> Iterator[Connection]:
    """A store that knows one memory, a forgotten one."""
    with connect(new_database(server, migrated_template), autocommit=True) as opened:
        opened.execute("insert into dreams.tombstones (content_hash, memory_id) values ('x', %s)", (MEMORY_ID,))
        yield opened


@pytest.fixture(scope="module")
def key(connection: Connection) -> bytes:
    return quotation_key(connection)


@pytest.mark.parametrize("wrap", WRAPS.values(), ids=WRAPS)
@given(content=HOSTILE, context=HOSTILE, tag=HOSTILE)
@settings(max_examples=150)
def test_a_quotation_is_cut_out_exactly(
    connection: Connection, key: bytes, wrap: Callable[[str], str], content: str, context: str, tag: str
) -> None:
    memory, quoter = Memoir(MEMORY_ID, content, context, "", [tag], {}, WHEN, WHEN), Quoter(key)
    block = f"{quoter.memory(memory)} and {quoter.notes(f'memory {context}', content)}"
    assert with_citations(connection, wrap(f"Before {block} after")) == (
        wrap(f"Before {citation(MEMORY_ID)} and  after"),
        [MEMORY_ID],
    )


@given(content=HOSTILE)
def test_no_text_holds_the_marker_that_closes_its_quotation(key: bytes, content: str) -> None:
    quoter = Quoter(key)
    for block in (quoter.text(MEMORY_ID, WHEN, content, context=content), quoter.notes(content, content)):
        name = block[1:].split(" ")[0]
        assert block.count(name) == 2 and block.endswith(f">\n{content}\n</{name}>")


@given(HOSTILE)
@settings(max_examples=400)
def test_what_was_not_handed_out_stays_as_it_is(connection: Connection, text: str) -> None:
    assert with_citations(connection, text) == (text, [])


@given(
    content=st.text(st.characters(exclude_categories=["Cs"]), min_size=1),
    place=st.integers(0),
    added=st.text(st.characters(categories=["L", "N"]), min_size=1),
)
@settings(max_examples=200)
def test_a_quotation_that_was_added_to_stays_as_it_is(
    connection: Connection, key: bytes, content: str, place: int, added: str
) -> None:
    block = Quoter(key).text(MEMORY_ID, WHEN, content)
    cut = 1 + place % (len(block) - 1)
    text = block[:cut] + added + block[cut:]
    assert with_citations(connection, text) == (text, [])


def test_many_markers_are_looked_through_no_longer_than_their_length_allows(connection: Connection) -> None:
    names = [f"recalled-memory-{number:016x}" for number in range(5_000)]
    text = "".join(f'<{name} seal="00">' for name in names) + "".join(f"</{name}>" for name in reversed(names))
    assert with_citations(connection, text) == (text, [])
