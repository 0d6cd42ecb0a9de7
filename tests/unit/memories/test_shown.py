"""An opened memory counts for the latest search of its session that showed it."""

from uuid import uuid4

from memories.mcp import shown
from memories.mcp.shown import Sessions


def test_the_latest_search_of_the_session_counts() -> None:
    one, two, other = uuid4(), uuid4(), uuid4()
    first, second = uuid4(), uuid4()
    sessions = Sessions()
    sessions.of("a").note([one, two], first)
    sessions.of("a").note([two], second)
    assert sessions.of("a").query_id(one) == first
    assert sessions.of("a").query_id(two) == second
    assert sessions.of("a").query_id(other) is None
    assert sessions.of("b").query_id(one) is None


def test_what_is_remembered_has_a_limit() -> None:
    sessions = Sessions()
    first, latest = uuid4(), uuid4()
    sessions.of("a").note([first], uuid4())
    sessions.of("a").note([*(uuid4() for _ in range(shown.MOST_MEMORIES - 1)), latest], uuid4())
    assert sessions.of("a").query_id(first) is None and sessions.of("a").query_id(latest) is not None
    for number in range(shown.MOST_SESSIONS):
        sessions.of(f"b{number}")
    assert sessions.of("a").query_id(latest) is None
