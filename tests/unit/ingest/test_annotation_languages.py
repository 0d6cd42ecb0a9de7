"""Every language is read alike: people, topics, tasks and changes in thirteen of them, in seven scripts, and no download."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from ingest.annotation.languages import language_of
from ingest.annotation.rules import annotate_by_rule
from tests.conftest import ROOT

CASES = json.loads(Path(__file__).with_name("languages.json").read_text("utf-8"))


@pytest.mark.parametrize("case", CASES, ids=[f"{case['language']}: {case['text'][:20]}" for case in CASES])
def test_a_text_is_understood_in_its_language(case: dict[str, object]) -> None:
    annotation = annotate_by_rule(str(case["text"]))
    assert language_of(str(case["text"])) == case["language"]
    assert {entity.text for entity in annotation.entities if entity.kind == "person"} == set(case["people"])  # type: ignore[call-overload]
    assert [topic for topic in case["topics"] if not any(topic in found for found in annotation.topics)] == []  # type: ignore[attr-defined]
    assert annotation.task_type == case["task_type"]
    assert annotation.revises is case["revises"]
    assert annotation.gist == case["text"]


@pytest.mark.parametrize("case", CASES, ids=[case["language"] for case in CASES])
def test_a_feeling_is_unknown_but_in_english(case: dict[str, object]) -> None:
    assert (annotate_by_rule(str(case["text"])).sentiment is None) is (case["language"] != "en")


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("We added HTTP/2 support.", "The http2 support is new."),
        ("The harbour pilots came.", "A harbour pilot came."),
        ("Die Heizungen sind alt.", "Die Heizung ist alt."),
        ("Vi köpte båtarna.", "Vi köpte båten."),
        ("Los invernaderos son grandes.", "El invernadero es grande."),
    ],
)
def test_a_thing_has_one_concept_in_every_form(one: str, other: str) -> None:
    assert set(annotate_by_rule(one).topics) & set(annotate_by_rule(other).topics)


@pytest.mark.parametrize(
    ("text", "people"),
    [
        ("Thank God and the Lord, Agnes is well.", {"Agnes"}),
        ("James told me that Texas is hot.", {"James"}),
        ("We flew from France to Jordan with Sam.", {"Sam"}),
        ("Captain Flint and I met Mrs. Hawkins in St. James's Park.", {"Captain Flint", "Mrs. Hawkins"}),
        ("Works with Postgres, Docker and Python on Monday.", set()),
        (
            "Fix it.\n\nCo-authored-by: Ada Byron <ada@example.org>\nSigned-off-by: dependabot[bot] <b@example.org>",
            {"Ada Byron"},
        ),
        ("田中さんと山田花子が来た。", {"田中", "山田花子"}),
    ],
)
def test_people_are_told_from_other_names(text: str, people: set[str]) -> None:
    assert {entity.text for entity in annotate_by_rule(text).entities if entity.kind == "person"} == people


def test_nothing_is_downloaded() -> None:
    command = """
import socket
def refuse(*arguments): raise AssertionError("annotating opened a connection")
socket.socket.connect = socket.getaddrinfo = refuse
from ingest.annotation.rules import annotate_by_rule
for text in ("Anna repaired the pump.", "Анна починила насос.", "今天我修好了水泵。", "ポンプを直した。", "ฉันซ่อมปั๊มน้ำ"):
    assert annotate_by_rule(text).topics, text
"""
    finished = subprocess.run([sys.executable, "-c", command], cwd=ROOT, capture_output=True, text=True, check=False)
    assert finished.returncode == 0, finished.stderr
