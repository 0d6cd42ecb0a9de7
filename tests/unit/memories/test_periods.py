"""Questions in many languages, and the days that they name."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import assume, example, given
from hypothesis import strategies as st

from memories.when.anchor import Anchor, anchor
from memories.when.reading import MOST_PERIODS, Period, periods

# A Tuesday.
NOW = datetime(2026, 12, 1, 9, tzinfo=UTC)


def named(query: str) -> list[tuple[str, str]]:
    """The first and the last day of each period that a query names."""
    return [
        (f"{period.start:%Y-%m-%d}", f"{period.end - timedelta(days=1):%Y-%m-%d}") for period in periods(query, NOW)
    ]


@pytest.mark.parametrize(
    ("query", "first", "last"),
    [
        ("who did I meet yesterday?", "2026-11-30", "2026-11-30"),
        ("Was habe ich gestern gemacht?", "2026-11-30", "2026-11-30"),
        ("¿Qué hice ayer?", "2026-11-30", "2026-11-30"),
        ("Что было вчера?", "2026-11-30", "2026-11-30"),
        ("昨天我做了什么", "2026-11-30", "2026-11-30"),
        ("What did I decide last Tuesday?", "2026-11-24", "2026-11-24"),
        ("¿Qué hice el lunes pasado?", "2026-11-30", "2026-11-30"),
        ("what was said last week", "2026-11-23", "2026-11-29"),
        ("what was said last month", "2026-11-01", "2026-11-30"),
        ("et l'année dernière ?", "2025-01-01", "2025-12-31"),
        ("what happened in March 2024", "2024-03-01", "2024-03-31"),
        ("in March of 2024", "2024-03-01", "2024-03-31"),
        ("im Mai 2023", "2023-05-01", "2023-05-31"),
        ("في مارس 2024", "2024-03-01", "2024-03-31"),
        ("2024年3月", "2024-03-01", "2024-03-31"),
        ("what did she cook on 29 Dec 2023?", "2023-12-29", "2023-12-29"),
        ("what did she cook on December 29th, 2023?", "2023-12-29", "2023-12-29"),
        ("the meeting of 2024-01-19", "2024-01-19", "2024-01-19"),
        ("the meeting on 19.01.2024", "2024-01-19", "2024-01-19"),
        ("what did John do in the summer of 2022?", "2022-01-01", "2022-12-31"),
        ("what did I say two days ago", "2026-11-29", "2026-11-29"),
        ("vor drei Tagen", "2026-11-28", "2026-11-28"),
        ("2天前", "2026-11-29", "2026-11-29"),
        ("what did I read in the last three weeks", "2026-11-10", "2026-12-01"),
    ],
)
def test_a_query_names_days(query: str, first: str, last: str) -> None:
    assert named(query) == [(first, last)]


def test_a_pasted_table_names_no_more_times_than_a_search_can_read() -> None:
    table = " ".join(f"{year}-01-01 yesterday" for year in range(1100, 1900))
    assert len(periods(table, NOW)) == MOST_PERIODS
    assert len(periods("yesterday " * 100, NOW)) == 1


def test_a_month_without_a_year_is_of_every_year() -> None:
    (june,) = periods("what do I do in June?", NOW)
    assert june.yearly
    assert june.closeness(datetime(2019, 6, 30, tzinfo=UTC)) == june.closeness(datetime(1661, 6, 1, tzinfo=UTC)) == 1
    assert june.closeness(datetime(2019, 12, 1, tzinfo=UTC)) < 0.01
    assert f"{june.latest(NOW).start:%Y-%m}" == "2026-06"


@pytest.mark.parametrize(
    ("query", "year", "first", "last"),
    [
        ("in February", 2023, "2023-02-01", "2023-02-28"),
        ("in February", 2024, "2024-02-01", "2024-02-29"),
        ("on 28 February", 2023, "2023-02-28", "2023-02-28"),
        ("on 29 February", 2023, "2023-02-28", "2023-02-28"),
        ("on 29 February", 2024, "2024-02-29", "2024-02-29"),
        ("in December", 9999, "9998-12-01", "9998-12-31"),
    ],
)
def test_a_yearly_period_has_the_days_of_its_year(query: str, year: int, first: str, last: str) -> None:
    (found,) = periods(query, NOW)
    found = found.latest(datetime(year, 12, 31, tzinfo=UTC))
    assert (f"{found.start:%Y-%m-%d}", f"{found.end - timedelta(days=1):%Y-%m-%d}") == (first, last)


@pytest.mark.parametrize(
    "query",
    [
        "what may I do now",
        "which second hand sun hat did the march band sit in",
        "What did I decide?",
        "on 30 February 2024",
        "9999 years ago",
        "the invoice of 31.31.2024",
    ],
)
def test_ordinary_words_and_impossible_dates_name_no_time(query: str) -> None:
    assert named(query) == []


PHRASES = ["yesterday", "tomorrow", "last week", "next year", "in 3 months", "200 years ago", "monday", "May 3", "1666"]
DAYS = st.datetimes(timezones=st.just(UTC))


@given(st.lists(st.sampled_from(PHRASES) | st.text(max_size=20), max_size=5).map(" ".join), DAYS)
@example("tomorrow", datetime.max.replace(tzinfo=UTC))
@example("yesterday", datetime.min.replace(tzinfo=UTC))
@example("December", datetime.max.replace(tzinfo=UTC))
@example("29 February", datetime(2023, 3, 1, tzinfo=UTC))
def test_any_text_at_any_time_is_read(query: str, now: datetime) -> None:
    for period in periods(query, now):
        assert period.start < period.end
        assert 0 <= period.closeness(now) <= 1
        assert period.latest(now).start < period.latest(now).end


@given(DAYS, st.integers(0, 400))
def test_it_is_likelier_told_after_a_period_than_before_it(start: datetime, days: int) -> None:
    assume(1 < start.year < 9998)
    period = Period(start, start + timedelta(days=1))
    assert period.closeness(period.end + timedelta(days=days)) >= period.closeness(start - timedelta(days=days + 1))


@pytest.mark.parametrize(
    ("query", "event", "count", "unit"),
    [
        ("what did I buy two days before the concert?", "the concert", -2, "day"),
        ("Was aßen wir drei Wochen nach der Hochzeit?", "der Hochzeit", 3, "week"),
        ("¿Qué hice 3 días antes de la boda?", "la boda", -3, "day"),
        ("who came the day after the flood, and why?", "the flood", 1, "day"),
    ],
)
def test_a_time_is_counted_from_an_event(query: str, event: str, count: int, unit: str) -> None:
    found = anchor(query)
    assert found is not None
    assert (found.event, found.count, found.unit) == (event, count, unit)


@pytest.mark.parametrize("query", ["two days before", "what came after the flood?", "two nice before the concert", ""])
def test_what_counts_from_no_event_is_no_such_time(query: str) -> None:
    assert anchor(query) is None


@given(
    st.integers(-9999, 9999), st.sampled_from(["day", "week", "month", "year"]), st.datetimes(timezones=st.just(UTC))
)
def test_a_time_counted_from_any_event_is_in_the_calendar(count: int, unit: str, event_at: datetime) -> None:
    for period in Anchor("it", count, unit, "").periods(event_at):
        assert period.start < period.end
