"""The schedules as Prefect computes them, over a week and a daylight-saving change."""

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from ingest.dbt.parameters import run_parameters
from ingest.flows.schedules import deployments, due
from tests.conftest import forget_settings

MONDAY = datetime(2026, 6, 1, tzinfo=UTC)
STOCKHOLM = ZoneInfo("Europe/Stockholm")


def fired(start: datetime, end: datetime, **parameters: object) -> dict[str, list[datetime]]:
    served = deployments(run_parameters(parameters))
    return {str(deployment.full_name): list(due(deployment, start, end)) for deployment in served}


def test_in_a_week_each_fires_as_often_as_its_cron_says() -> None:
    runs = fired(MONDAY, MONDAY + timedelta(days=7))
    assert {name: len(instants) for name, instants in runs.items()} == {
        "dream/working-memory": 2016,
        "dream/short-term": 336,
        "dream/consolidation": 168,
        "dream/long-term": 7,
        "rebuild/weekly": 1,
        "report-weekly/last-seven-days": 0,
        "ingest/on-demand": 0,
    }
    assert {instant.time().isoformat() for instant in runs["dream/long-term"]} == {"03:00:00"}
    assert runs["rebuild/weekly"] == [datetime(2026, 6, 7, 4, tzinfo=UTC)]
    for instants in runs.values():
        assert instants == sorted(set(instants))


def test_consecutive_spans_fire_what_the_whole_does() -> None:
    noon = MONDAY + timedelta(hours=12)
    whole, halves = (
        fired(MONDAY, MONDAY + timedelta(days=1)),
        (fired(MONDAY, noon), fired(noon, MONDAY + timedelta(days=1))),
    )
    assert whole == {name: halves[0][name] + halves[1][name] for name in whole}


@pytest.mark.parametrize("first_day", ["2026-03-25", "2026-10-21"], ids=["spring", "autumn"])
def test_when_clocks_change_the_night_comes_once(first_day: str) -> None:
    start = datetime.fromisoformat(first_day).replace(tzinfo=STOCKHOLM)
    end = start + timedelta(days=7)
    runs = fired(start, end, timezone="Europe/Stockholm")
    nights = [instant.astimezone(STOCKHOLM) for instant in runs["dream/long-term"]]
    assert nights == [start + timedelta(days=day, hours=3) for day in range(7)]
    assert len({night.utcoffset() for night in nights}) == 2
    assert len(runs["rebuild/weekly"]) == 1
    hours = (end.astimezone(UTC) - start.astimezone(UTC)).total_seconds() / 3600
    assert len(runs["dream/working-memory"]) == 12 * hours


def test_the_night_follows_the_parameters() -> None:
    runs = fired(MONDAY, MONDAY + timedelta(days=7), timezone="Asia/Tokyo", night_hour=23)
    assert [instant.astimezone(UTC).hour for instant in runs["dream/long-term"]] == [14] * 7
    assert [instant.astimezone(UTC) for instant in runs["rebuild/weekly"]] == [datetime(2026, 6, 6, 15, tzinfo=UTC)]


def test_the_weekly_report_is_written_on_mondays_when_it_is_asked_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WEEKLY_REPORT", "true")
    forget_settings()
    try:
        runs = fired(MONDAY, MONDAY + timedelta(days=14))
    finally:
        monkeypatch.undo()
        forget_settings()
    assert runs["report-weekly/last-seven-days"] == [MONDAY.replace(day=day, hour=5) for day in (1, 8)]
