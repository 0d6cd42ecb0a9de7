"""Monitoring shows each figure of a dream with its range, on the command line and for Prometheus."""

import json
import re

import httpx
import pytest

from memories.postgres.database import connect
from memories.views.monitor import RANGES, readings
from tests.conftest import ROOT, Dreams, sidecar


def test_the_sample_lies_within_every_range_and_what_does_not_is_told(dreamt_url: str, dreams: Dreams) -> None:
    with connect() as connection:
        found = {reading.figure: reading for reading in readings(connection)}
    assert found.keys() == RANGES.keys()
    assert [name for name, reading in found.items() if not reading.is_within] == []
    # Too few predictions of the sample are due to judge them.
    assert {name for name, reading in found.items() if reading.value is None} <= {"prediction_brier"}
    assert 5 <= (found["slot_capacity_mean"].value or 0) <= 9

    with sidecar(SIDECAR_PORT="0", POSTGRES_DB_URL=dreamt_url) as (_, address):
        shown = httpx.get(f"{address}/metrics").text
        for name, reading in found.items():
            if reading.value is None:
                continue
            (value,) = re.findall(rf'^dreams_biology{{figure="{name}"}} (\S+)$', shown, re.M)
            assert float(value) == pytest.approx(reading.value)
            (high,) = re.findall(rf'^dreams_biology_high{{figure="{name}"}} (\S+)$', shown, re.M)
            assert float(high) == reading.high

    assert dreams("health", "--biology").returncode == 0
    with connect() as connection:
        connection.execute("update dreams.attention_slots set slot_capacity = 30")
    told = dreams("health", "--biology", "--json")
    assert told.returncode == 1
    assert [line["figure"] for line in json.loads(told.stdout) if not line["ok"]] == ["slot_capacity_mean"]


def test_before_the_first_cycle_there_is_nothing_to_tell(store_url: str, dreams: Dreams) -> None:
    with connect() as connection:
        assert {reading.value for reading in readings(connection)} == {None}
    assert dreams("health", "--biology").returncode == 0


def test_every_range_has_its_reason() -> None:
    reasons = (ROOT / "docs" / "biology.md").read_text()
    for name, (low, high) in RANGES.items():
        (row,) = (line for line in reasons.splitlines() if line.startswith("|") and f"`{name}`" in line)
        assert [float(cell) for cell in row.split("|")[2:4]] == [low, high]
