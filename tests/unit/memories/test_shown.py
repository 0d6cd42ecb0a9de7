"""An opened memory counts for the latest search of its session that showed it."""

from datetime import UTC, datetime
from uuid import UUID, uuid4

from memories.mcp import shown
from memories.mcp.shown import Sessions
from memories.records import Answer, Memoir, Recalled

NOW = datetime(2026, 3, 1, tzinfo=UTC)


def answer(*memory_ids: UUID) -> Answer:
    memoirs = [Memoir(memory_id, "a", "", "", [], {}, NOW, NOW) for memory_id in memory_ids]
    return Answer(
        uuid4(),
        "a",
        [Recalled(each, 1, 1.0, {}, None, None, "a", each.id, "a") for each in memoirs],
        1.0,
        None,
        "words",
    )


def test_the_latest_search_of_the_session_counts() -> None:
    one, two, other = uuid4(), uuid4(), uuid4()
    sessions = Sessions()
    first, second = answer(one, two), answer(two)
    for each in (first, second):
        sessions.of("a").note(each)
    assert sessions.of("a").query_id(one) == first.query_id
    assert sessions.of("a").query_id(two) == second.query_id
    assert sessions.of("a").query_id(other) is None
    assert sessions.of("b").query_id(one) is None


def test_what_is_remembered_has_a_limit() -> None:
    sessions = Sessions()
    first, latest = uuid4(), uuid4()
    sessions.of("a").note(answer(first))
    sessions.of("a").note(answer(*(uuid4() for _ in range(shown.MOST_MEMORIES - 1)), latest))
    assert sessions.of("a").query_id(first) is None and sessions.of("a").query_id(latest) is not None
    for number in range(shown.MOST_SESSIONS):
        sessions.of(f"b{number}")
    assert sessions.of("a").query_id(latest) is None
