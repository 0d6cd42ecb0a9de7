"""Loading new, edited, known and forgotten memories; loading again changes nothing; an interrupted load resumes."""

import json
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from ingest import sources
from ingest.loading.load import BATCH_RECORDS, load
from memories.documents.chunk import Chunk, chunk, reassemble
from memories.documents.write import forget
from memories.memory import Memory
from memories.postgres.database import Connection, connect
from memories.records import Document, Event, LeftOut, Rejected, Remark

WHEN = datetime(2026, 3, 1, 9, tzinfo=UTC)
LONG = "\n\n".join(f"Section {number}. The pump house log, kept by hand since the flood. " * 12 for number in range(40))


def document(native_id: str, content: str, **fields: object) -> Document:
    return Document("test", native_id, content, created_at=WHEN, **fields)  # type: ignore[arg-type]


@pytest.fixture
def connection(store_url: str) -> Iterator[Connection]:
    with connect(autocommit=True) as opened:
        yield opened


def contents(connection: Connection) -> list[object]:
    return [row[0] for row in connection.execute("select content from memories order by created_at, content")]


def test_the_sample_loads_and_twice_changes_nothing(connection: Connection) -> None:
    until = datetime(2026, 12, 24, tzinfo=UTC)
    first = load(connection, sources.sample.read(until=until))
    assert (first.rejected, first.forgotten, first.met_again) == ([], 0, 0)
    assert first.new > 300
    before = connection.execute("select md5(string_agg(m::text, '' order by id)) from memories as m").fetchone()
    second = load(connection, sources.sample.read(until=until + timedelta(days=30)))
    assert second.rows_changed == 0
    assert connection.execute("select md5(string_agg(m::text, '' order by id)) from memories as m").fetchone() == before


def test_an_edit_keeps_the_version_before_and_reading_the_log_of_edits_again_changes_nothing(
    connection: Connection,
) -> None:
    log = [
        document("1", "threshold is 0.60 m"),
        replace(document("1", "threshold is 0.45 m"), updated_at=WHEN + timedelta(days=3)),
        replace(document("1", "threshold is 0.40 m"), updated_at=WHEN + timedelta(days=9)),
    ]
    loaded = load(connection, log)
    assert (loaded.new, loaded.edited) == (1, 2)
    assert load(connection, log).rows_changed == 0
    assert contents(connection) == ["threshold is 0.40 m"]
    versions = connection.execute("select content, valid_until from dreams.memory_versions order by version").fetchall()
    assert versions == [
        ("threshold is 0.60 m", WHEN + timedelta(days=3)),
        ("threshold is 0.45 m", WHEN + timedelta(days=9)),
    ]


def test_going_back_to_an_earlier_wording_is_an_edit(connection: Connection) -> None:
    load(connection, [document("1", "tea"), replace(document("1", "coffee"), updated_at=WHEN + timedelta(days=1))])
    loaded = load(connection, [replace(document("1", "tea"), updated_at=WHEN + timedelta(days=2))])
    assert loaded.edited == 1
    assert contents(connection) == ["tea"]


def test_metadata_alone_is_updated_without_an_event(connection: Connection) -> None:
    load(connection, [document("1", "tea", metadata={"branch": True})])
    load(connection, [document("1", "tea", metadata={"branch": False})])
    assert connection.execute("select metadata ->> 'branch' from memories").fetchone() == ("false",)
    assert connection.execute("select kind from dreams.recall_events").fetchall() == [("created",)]


def test_the_same_content_from_two_sources_is_one_memory(connection: Connection) -> None:
    loaded = load(connection, [document("1", "same"), document("2", "same"), Document("other", "1", "same")])
    assert (loaded.new, loaded.met_again) == (1, 2)


@pytest.mark.parametrize(
    ("before", "after"),
    [
        (["Draft one.", "Draft two."], ["Moved to Notion.", "Moved to Notion."]),
        (["Draft one.", "Draft two."], ["Draft two.", "Draft one."]),
        (["one", "two", "three"], ["two", "three", "one"]),
        (["Draft one."], ["Edited.", "Draft one."]),
        (["One page.", LONG[:300]], [LONG, LONG[:300]]),
        ([LONG, "A page."], [LONG[:9000], chunk(LONG)[0].text]),
    ],
    ids=["meet", "swap", "rotate", "a new note has the old text", "grows", "a chunk that a note says"],
)
def test_texts_change_places_between_two_imports(connection: Connection, before: list[str], after: list[str]) -> None:
    load(connection, [document(str(number), text) for number, text in enumerate(before)])
    load(connection, [document(str(number), text) for number, text in enumerate(after)])
    with Memory() as memory:
        assert [memory.get(document(str(number), "").id).content for number in range(len(after))] == after


def test_a_document_that_says_a_known_text_is_an_event_with_its_own_date(connection: Connection) -> None:
    early, late = WHEN - timedelta(days=9), WHEN + timedelta(days=9)
    load(connection, [document("1", "Continue.", tags=["a"]), Event("test", "p", "2", "pinned", WHEN)])
    further = [
        replace(document("2", "Continue.", tags=["b"], context="another chat"), created_at=late),
        replace(document("3", "Continue."), created_at=early),
    ]
    dry = load(connection, further, dry_run=True)
    loaded = load(connection, further)
    assert (loaded.new, loaded.met_again) == (dry.new, dry.met_again) == (0, 2)
    assert load(connection, [*further, Event("test", "p", "2", "pinned", WHEN)]).events == 1
    assert connection.execute("select id, tags, created_at from memories").fetchall() == [
        (document("1", "").id, ["a", "b"], early)
    ]
    events = connection.execute(
        "select kind, occurred_at, document_id, details ->> 'native_id', details ->> 'given_context'"
        " from dreams.recall_events order by occurred_at, kind"
    ).fetchall()
    two, three = document("2", "").id, document("3", "").id
    assert events == [
        ("created", early, three, "3", None),
        ("created", WHEN, None, None, None),
        ("pinned", WHEN, two, None, None),
        ("upserted", late, two, "2", "another chat"),
    ]


def test_what_a_person_changed_stays_while_the_source_says_the_same(connection: Connection) -> None:
    load(connection, [document("1", "tea")])
    with Memory() as memory:
        memory.edit(document("1", "").id, content="green tea", tags=["hot"])
    assert load(connection, [document("1", "tea")]).rows_changed == 0
    assert contents(connection) == ["green tea"]
    assert load(connection, [document("1", "coffee")]).edited == 1
    assert load(connection, [document("1", "tea")]).edited == 1
    assert contents(connection) == ["tea"]


def test_a_forgotten_memory_does_not_come_back_unless_asked(connection: Connection) -> None:
    load(connection, [document("1", "the affair"), document("2", LONG)])
    for native_id in ("1", "2"):
        with connection.transaction():
            forget(connection, document(native_id, "").id)
    again = load(connection, [document("1", "the affair"), document("1", "the affair, again"), document("2", LONG)])
    assert again.rows_changed == 0
    assert contents(connection) == []
    revived = load(connection, [document("1", "the affair")], revive=True)
    assert revived.new == 1


def test_a_document_comes_back_whole_and_shrinks_without_being_forgotten(connection: Connection) -> None:
    load(connection, [document("1", LONG)])
    chunks = len(contents(connection))
    assert chunks > 2
    shorter = replace(document("1", LONG[:9000]), updated_at=WHEN + timedelta(days=1))
    load(connection, [shorter])
    assert len(contents(connection)) == 2
    assert connection.execute("select count(*) from dreams.tombstones").fetchone() == (0,)
    assert connection.execute("select count(*) from dreams.memory_versions").fetchone()[0] >= chunks - 2
    assert load(connection, [shorter]).rows_changed == 0
    load(connection, [replace(document("1", LONG), updated_at=WHEN + timedelta(days=2))])
    assert len(contents(connection)) == chunks


def test_two_documents_that_share_a_chunk_both_come_back_whole(connection: Connection) -> None:
    texts = {"1": LONG + "One ends so.", "2": LONG + "The other so."}
    for native_id, text in texts.items():
        load(connection, [document(native_id, text)])
    for native_id, text in texts.items():
        rows = connection.execute(
            "select content, (metadata ->> 'byte_start')::int, (metadata ->> 'byte_end')::int from memories"
            " where parent_id = %s order by chunk_index", (document(native_id, "").id,)
        ).fetchall()  # fmt: skip
        assert reassemble([Chunk(*row) for row in rows]) == text


def test_events_are_recorded_once_and_those_of_unknown_memories_are_left_out(connection: Connection) -> None:
    events = [
        Event("test", "r1", "1", "opened", WHEN + timedelta(days=1), query_native_id="q", query="where", rank=1),
        Event("test", "v1", "1", "reviewed", WHEN + timedelta(days=2), grade=2),
        Event("test", "p1", "nobody", "pinned", WHEN),
    ]
    assert load(connection, [document("1", "here"), *events]).events == 2
    assert load(connection, events).events == 0


def test_since_leaves_out_what_is_older(connection: Connection) -> None:
    records = [document("1", "old"), replace(document("2", "new"), created_at=WHEN + timedelta(days=5))]
    loaded = load(connection, records, since=WHEN + timedelta(days=2))
    assert (loaded.new, loaded.skipped_before_since) == (1, 1)


def test_redaction_happens_before_anything_is_stored(connection: Connection) -> None:
    secret = "AKIA" + "IOSFODNN7EXAMPLE"
    loaded = load(connection, [document("1", f"key {secret}", context=f"from {secret}")], redact=True)
    assert loaded.redacted == 1
    assert secret not in str(connection.execute("select m::text from memories as m").fetchall())


def test_a_dry_run_counts_and_changes_nothing(connection: Connection) -> None:
    assert load(connection, [document("1", "maybe")], dry_run=True).new == 1
    assert contents(connection) == []


def test_what_could_not_be_read_is_reported_and_the_rest_loads(connection: Connection) -> None:
    rejected = Rejected("notes.jsonl:3", "not JSON")
    loaded = load(connection, [document("1", "a"), rejected, document("2", "b")])
    assert (loaded.new, loaded.rejected) == (2, [rejected])


def test_an_interrupted_load_keeps_its_batches_and_goes_on(connection: Connection) -> None:
    def interrupted() -> Iterator[Document]:
        yield from (document(str(number), f"note {number}") for number in range(BATCH_RECORDS + 10))
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        load(connection, interrupted())
    assert len(contents(connection)) == BATCH_RECORDS
    loaded = load(connection, (document(str(number), f"note {number}") for number in range(BATCH_RECORDS + 10)))
    assert (loaded.new, loaded.unchanged) == (10, BATCH_RECORDS)


def test_any_script_and_any_date_is_kept_verbatim(connection: Connection) -> None:
    texts = ["žluťoučký kůň", "水位が上がった", "النهر مرتفع", "नदी", "👩‍🚀 e\u0301", "tab\tand\u2028line"]
    dates = [datetime(1850, 1, 1, tzinfo=UTC), datetime(2100, 1, 1, tzinfo=UTC)]
    load(connection, [replace(document(text, text), created_at=dates[place % 2]) for place, text in enumerate(texts)])
    assert set(contents(connection)) == set(texts)
    assert {row[0] for row in connection.execute("select created_at from memories")} == set(dates)


def test_what_is_left_out_and_remarked_is_in_the_summary(connection: Connection) -> None:
    remark = Remark("notes/n.md", "the date is in the future.")
    records = [LeftOut("templates", 2), document("1", "a"), remark, LeftOut("templates"), LeftOut("users.json")]
    loaded = load(connection, records)
    assert (loaded.new, loaded.remarks, loaded.left_out) == (1, [remark], {"templates": 3, "users.json": 1})
    assert loaded.sentence == "1 new, 1 remarks; left out: 3 templates, 1 users.json"
    assert json.loads(json.dumps(loaded.as_dict()))["left_out"] == {"templates": 3, "users.json": 1}


def test_events_of_a_memory_that_is_not_there_are_counted(connection: Connection) -> None:
    there = document("1", "the gate was closed by hand")
    lost = Event("test", "review 1", "nowhere", "reviewed", WHEN, grade=3)
    loaded = load(connection, [there, Event("test", "review 2", "1", "reviewed", WHEN, grade=3), lost])
    assert (loaded.events, loaded.left_out) == (1, {"events of a memory that is not there": 1})
    assert "1 events of a memory that is not there" in loaded.sentence
