"""Readers of any file neither crash nor lose its valid parts."""

import io
import json
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from ingest.sources import Record, chatgpt, claude, jsonl, markdown
from ingest.sources.notes.written_date import written_date
from ingest.sources.reading.array import elements, first_byte
from ingest.sources.reading.source import ignore
from ingest.sources.reading.stream import Counted
from memories.errors import SourceError
from memories.records import Document, Event, LeftOut, Rejected, Remark

EXAMPLES = settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.too_slow])
ANY_TEXT = st.text(st.characters(codec=None, exclude_categories=()), max_size=30)
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | ANY_TEXT,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(ANY_TEXT, inner, max_size=4),
    max_leaves=12,
)
KEYS = ["type", "id", "content", "context", "summary", "tags", "metadata", "created_at", "updated_at", "memory"]
KEYS += ["grade", "query", "results", "occurred_at"]
KINDS = st.sampled_from(["memory", "store", "recall", "review", "pin", "unpin"])
LINES = JSON | st.fixed_dictionaries({"type": KINDS}, optional=dict.fromkeys(KEYS[1:], JSON))


def read_bytes(read: Callable[[Path], Iterator[Record]], data: bytes, name: str) -> list[Record]:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / name
        path.write_bytes(data)
        return list(read(path))


def check_storable(record: Record) -> None:
    """Asserts that text is UTF-8 without NUL, metadata is JSON, and identities can be computed."""
    if isinstance(record, LeftOut):
        assert record.kind and record.count > 0
        return
    if isinstance(record, Remark):
        (record.where + record.sentence).encode()
        assert not record.sentence.endswith(".") and len(record.sentence) < 400
        return
    if isinstance(record, Rejected):
        (record.where + record.reason).encode()
        assert not record.reason.endswith(".") and len(record.reason) < 400
        return
    assert record.id
    texts = [record.context or "", *(record.tags or ())]
    if isinstance(record, Document):
        texts += [record.content, record.summary, json.dumps(record.metadata, allow_nan=False, ensure_ascii=False)]
        assert record.content.strip()
        assert all(date is None or date.tzinfo for date in (record.created_at, record.updated_at))
    else:
        assert record.memory_id and record.occurred_at.tzinfo
        texts.append(record.query or "")
    for text in texts:
        assert "\0" not in text
        text.encode()


@EXAMPLES
@given(st.lists(LINES, max_size=5))
def test_any_json_value_on_a_line_is_read_or_rejected(values: list[Any]) -> None:
    data = b"".join(json.dumps(value).encode() + b"\n" for value in [*values, {"id": "last", "content": "x"}])
    records = read_bytes(jsonl.read, data, "m.jsonl")
    for record in records:
        check_storable(record)
    assert isinstance(records[-1], Document) and records[-1].native_id == "last"
    events = [record.event_native_id for record in records[:-1] if isinstance(record, Event)]
    lines_of_events = sum(isinstance(value, dict) and value.get("type") not in (None, "memory") for value in values)
    assert lines_of_events or not events


@EXAMPLES
@given(st.binary(max_size=300))
def test_any_bytes_are_read_rejected_or_refused(data: bytes) -> None:
    readers = ((jsonl.read, "m.jsonl"), (chatgpt.read, "c.json"), (claude.read, "c.zip"), (markdown.read, "n.md"))
    for read, name in readers:
        try:
            records = read_bytes(read, data, name)
        except SourceError as error:
            assert name in str(error)
        else:
            for record in records:
                check_storable(record)


@EXAMPLES
@given(st.binary(max_size=100))
def test_a_bad_line_never_harms_its_neighbours(data: bytes) -> None:
    assume(not data.startswith((b"\x1f\x8b", b"PK\x03\x04")))
    line = data.replace(b"\n", b" ")
    before, *_, after = read_bytes(jsonl.read, b'{"content":"a"}\n' + line + b'\n{"content":"b"}', "m.jsonl")
    assert isinstance(before, Document) and isinstance(after, Document)
    assert (before.content, after.content) == ("a", "b")


@EXAMPLES
@given(st.lists(JSON, max_size=6), st.integers(1, 40), st.booleans())
def test_an_array_is_cut_into_its_elements_however_it_arrives(values: list[Any], chunk: int, ascii_only: bool) -> None:
    data = json.dumps(values, ensure_ascii=ascii_only, indent=None if chunk % 2 else 1)
    whole = io.BytesIO(data.encode("utf-8", "surrogatepass"))
    stream: io.BufferedReader = io.BufferedReader(Counted(lambda size: whole.read(min(size, chunk)), ignore), 16)
    assert first_byte(stream) == b"["
    found = [json.loads((each or b"").decode("utf-8", "surrogatepass")) for each in elements(stream)]
    assert json.dumps(found) == json.dumps(values)


@st.composite
def trees(draw: st.DrawFn) -> dict[str, Any]:
    """A mapping in which every message has a random parent, which may be itself or a descendant."""
    names = draw(st.lists(st.text("abc", min_size=1, max_size=3), unique=True, min_size=1, max_size=12))
    mapping: dict[str, Any] = {}
    for name in names:
        role = draw(st.sampled_from(["user", "assistant", "system", "tool"]))
        content = {"content_type": "text", "parts": [f"said {name}"]}
        said = {"author": {"role": role}, "content": content} if draw(st.booleans()) else None
        mapping[name] = {"message": said, "parent": draw(st.sampled_from([*names, None, "gone"])), "children": names}
    return {"id": "c", "mapping": mapping, "current_node": draw(st.sampled_from([*names, None]))}


@EXAMPLES
@given(st.lists(trees(), min_size=1, max_size=3))
def test_every_spoken_message_of_any_tree_comes_exactly_once(conversations: list[dict[str, Any]]) -> None:
    for number, conversation in enumerate(conversations):
        conversation["id"] = str(number)
    records = read_bytes(chatgpt.read, json.dumps(conversations).encode(), "conversations.json")
    spoken = [
        f"{number}/{name}"
        for number, conversation in enumerate(conversations)
        for name, node in conversation["mapping"].items()
        if node["message"] and node["message"]["author"]["role"] in ("user", "assistant")
    ]
    assert sorted(record.native_id for record in records if isinstance(record, Document)) == sorted(spoken)
    assert not any(isinstance(record, Rejected) for record in records)


@EXAMPLES
@given(
    st.lists(JSON | st.fixed_dictionaries({"mapping": st.dictionaries(ANY_TEXT, JSON), "id": JSON}), max_size=4), JSON
)
def test_conversations_of_any_shape_never_crash(conversations: list[Any], message: Any) -> None:
    sound = {"id": "x", "uuid": "x", "mapping": {"m": {"message": message}}, "chat_messages": [message]}
    data = json.dumps([sound, *conversations]).encode()
    for read in (chatgpt.read, claude.read):
        for record in read_bytes(read, data, "conversations.json"):
            check_storable(record)


@EXAMPLES
@given(st.text(max_size=80), st.text(max_size=80))
def test_no_front_matter_loses_the_text(front_matter: str, body: str) -> None:
    text = f"---\n{front_matter}\n---\nfirst {body}"
    (record,) = read_bytes(markdown.read, text.encode(), "n.md")
    check_storable(record)
    assert isinstance(record, Document)
    assert record.content.endswith(f"first {body}".replace("\0", "␀"))


BLOCKS = st.fixed_dictionaries(
    {"type": st.sampled_from(["text", "voice_note", "tool_use", "tool_result", "thinking", "flag"])},
    optional={"text": JSON, "title": JSON, "citations": JSON, "name": JSON}
    | {"input": st.fixed_dictionaries({}, optional=dict.fromkeys(("content", "file_text", "title", "path"), JSON))},
)
REFERENCES = st.lists(
    st.fixed_dictionaries(
        {},
        optional=dict.fromkeys(
            ("matched_text", "alt", "items", "title", "url", "start_ix", "end_ix", "metadata"), JSON
        ),
    ),
    max_size=3,
)
MARKED = st.text(st.sampled_from('\ue200\ue201\ue202ab["],【1†】'), max_size=30)


@EXAMPLES
@given(st.lists(BLOCKS | JSON, max_size=5), REFERENCES, st.lists(MARKED | JSON, max_size=3), JSON)
def test_whatever_messages_hold_they_are_read_or_counted(
    blocks: list[Any], references: list[Any], parts: list[Any], attached: Any
) -> None:
    about = {"content_references": references, "citations": references, "attachments": [attached, {"name": attached}]}
    content = {"content_type": "multimodal_text", "parts": parts}
    said = {"author": {"role": "user"}, "content": content, "metadata": about}
    asked = {"uuid": "m", "sender": "human", "content": blocks, "files": [attached], "attachments": [attached]}
    conversation = {"id": "x", "uuid": "x", "mapping": {"m": {"message": said}}, "chat_messages": [asked]}
    for read in (chatgpt.read, claude.read):
        for record in read_bytes(read, json.dumps(conversation).encode(), "conversations.json"):
            check_storable(record)
            assert not isinstance(record, Document) or "\ue200" not in record.content or read is claude.read


@EXAMPLES
@given(
    JSON
    | st.text(max_size=40)
    | st.from_regex(r"[0-9]{1,4}[-/. ][0-9A-Za-z]{1,4}[-/. ][0-9]{1,4}( [0-9:]{1,8})?", fullmatch=True)
)
def test_whatever_stands_for_a_date_is_a_date_or_none(value: Any) -> None:
    date = written_date(value)
    assert date is None or date.day_first or date.month_first


@EXAMPLES
@given(JSON, st.sampled_from(["n.canvas", "n.excalidraw", "n.excalidraw.md"]))
def test_any_drawing_is_read_left_out_or_rejected(value: Any, name: str) -> None:
    data = json.dumps({"nodes": value, "elements": [value, {"text": value}]} if name.endswith(".canvas") else value)
    text = f"---\nexcalidraw-plugin: parsed\n---\n{data}\n%%\n## Drawing\n{data}" if name.endswith(".md") else data
    for record in read_bytes(markdown.read, text.encode(), name):
        check_storable(record)
