"""Patterns match alike in every Python 3.11: before 3.11.5 possessively repeated groups match wrongly."""

import re

from tests.conftest import ROOT

POSSESSIVE_GROUP = re.compile(r"\)(?:[*+?]|\{\d*,?\d*\})\+")


def test_no_group_is_repeated_possessively() -> None:
    patterns = [path for folder in ("ingest", "memories", "sidecar") for path in (ROOT / folder).rglob("*.py")]
    assert len(patterns) > 50
    assert [path.name for path in patterns if POSSESSIVE_GROUP.search(path.read_text())] == []
