from datetime import UTC, datetime, timedelta, timezone

import pytest

from ingest.sources.notes.written_date import written_date

MORNING = datetime(2024, 9, 7)  # noqa: DTZ001 (a date as it is written, in nobody's zone)
EVENING = MORNING.replace(hour=18, minute=30)


@pytest.mark.parametrize(
    ("value", "moment"),
    [
        (20240907, MORNING),
        (202409071830, EVENING),
        (20240907183000, EVENING),
        ("20240907T183000Z", EVENING.replace(tzinfo=UTC)),
        ("[[2024-09-07]]", MORNING),
        ("[[Daily/2024-09-07|the day]]", MORNING),
        ([["2024-09-07"]], MORNING),
        ("[2024-09-07](Daily/2024-09-07.md)", MORNING),
        ("2024-9-7 6:30 PM", EVENING),
        ("2024/09/07, 18:30", EVENING),
        ("2024_09_07", MORNING),
        ("07.09.2024 18:30", EVENING),
        ("7.9.2024 klo 18.30", EVENING),
        ("2024-W36-6", MORNING),
        ("Sat 2024-09-07", MORNING),
        ("Saturday, September 7th 2024, 6:30:00 pm", EVENING),
        ("Sat Sep 07 2024 18:30:00 GMT+0200 (CEST)", EVENING.replace(tzinfo=timezone(timedelta(hours=2)))),
        ("2024-09-07 18:30 CEST", EVENING.replace(tzinfo=timezone(timedelta(hours=2)))),
        ("7 septembre 2024 à 18h30", EVENING),
        ("7. September 2024 um 18:30 Uhr", EVENING),
        ("7 сентября 2024 г.", MORNING),
        ("7 Eylül 2024", MORNING),
        ("2024年9月7日", MORNING),
        ("2024년 9월 7일", MORNING),
    ],
)
def test_dates_as_tools_and_people_write_them(value: object, moment: datetime) -> None:
    date = written_date(value)
    assert date and not date.is_ambiguous
    assert date.day_first == moment and date.day_first.utcoffset() == moment.utcoffset()


@pytest.mark.parametrize(
    "value",
    [
        *(2026, 1789000000, 1711122330455, 12345678, True, 3.5, None),
        *("", "may", "1", "12", "may 2026", "2026", "1.2.3", "soon", "tomorrow", "{{date}}", "٣", "2024-09-07" * 20),
        *("v2.1 2026", "Chapter 12 of 1984", "30.02.2024", "2024-09-07 25:00", "2024-09-07 13:00 PM", "9/7/24"),
        *("2024-09-07 18:30 XYZ", "2024-12-24 .. 2024-12-26", "1.1.1.2024"),
    ],
)
def test_what_names_no_day_of_a_year_is_no_date(value: object) -> None:
    assert written_date(value) is None


def test_an_order_that_makes_no_date_is_not_offered() -> None:
    open_to_both, day_first, month_first = map(written_date, ("3/4/2024", "25-12-2024", "12/25/2024"))
    assert open_to_both and open_to_both.is_ambiguous
    assert day_first and day_first.month_first is None
    assert month_first and month_first.day_first is None
