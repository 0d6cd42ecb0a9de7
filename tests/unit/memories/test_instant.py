"""Instants of the years 1 to 9999 are read in any zone, or in the zone that the user sets."""

from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from commands.terminal import instant as typed
from ingest.dbt.parameters import run_parameters
from ingest.flows.schedules import deployments
from ingest.sources.reading.instant import instant
from memories.errors import InputError
from memories.instant import in_utc
from memories.settings import settings
from tests.conftest import forget_settings


@pytest.fixture
def in_tokyo(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setenv("TIMEZONE", "Asia/Tokyo")
    forget_settings()
    yield
    forget_settings()


@given(st.datetimes(timezones=st.none() | st.timezones()))
def test_an_instant_is_read_in_utc_or_refused_in_a_sentence(given_instant: datetime) -> None:
    try:
        read = in_utc(given_instant)
    except InputError as error:
        assert "years 1 to 9999" in str(error)
    else:
        assert read.tzinfo is UTC
        if given_instant.tzinfo:
            assert read == given_instant.astimezone(UTC)


@pytest.mark.usefixtures("in_tokyo")
def test_what_names_no_zone_is_read_on_the_clock_of_the_person() -> None:
    midnight = datetime(2026, 3, 1, tzinfo=ZoneInfo("Asia/Tokyo"))
    assert in_utc(datetime(2026, 3, 1)) == midnight  # noqa: DTZ001 - that it names no zone is the point
    assert typed("2026-03-01") == instant("2026-03-01T00:00:00") == instant(date(2026, 3, 1)) == midnight
    assert instant("2026-03-01T00:00:00Z") == midnight + timedelta(hours=9)


@pytest.mark.usefixtures("in_tokyo")
def test_nights_and_schedules_keep_the_clock_of_the_person() -> None:
    assert run_parameters({})["timezone"] == "Asia/Tokyo"
    assert run_parameters({"timezone": "UTC"})["timezone"] == "UTC"
    (nightly,) = [each for each in deployments() if each.name == "long-term"]
    assert [schedule.schedule.timezone for schedule in nightly.schedules] == ["Asia/Tokyo"]  # type: ignore[union-attr]


@pytest.mark.parametrize("zone", ["Nowhere/City", "localtime", "utc'; drop table", "../etc/passwd", "+02:00", "\u00a0"])
def test_a_zone_that_nobody_knows_is_refused_in_a_sentence(zone: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TIMEZONE", zone)
    forget_settings()
    with pytest.raises(InputError, match=r"correct TIMEZONE .* there is no time zone"):
        settings()
    forget_settings()


def test_without_a_setting_the_clock_is_that_of_the_project() -> None:
    assert settings().timezone == run_parameters({})["timezone"] == "UTC"
