"""The canned queries, on the sample after a real cycle."""

import re
from collections.abc import Iterator
from datetime import date, timedelta
from itertools import pairwise
from pathlib import Path
from typing import Any
from uuid import uuid4

import psycopg
import pytest
from psycopg.conninfo import make_conninfo

from ingest import sources
from ingest.cycle.run import run_cycle
from memories.errors import InputError
from memories.postgres.database import Connection, connect
from memories.records import Document
from memories.views.queries import FOLDER, queries, run_query

Row = dict[str, Any]
ARGUMENTS = {"about": {"topic": "boat"}, "path": {"from": "boat", "to": "storm"}, "last-week": {"days": "14"}}
NEVER_EMPTY = set(queries()) - {"surprises"}
HOSTILE = [
    "'; drop table memories; --", "%(limit)s", "{{ 1 / 0 }}", "9" * 400, "0", "999999", "٣", "a\0", "\udc00", " ", "0001-01-01",
    "9999-12-31", "10000-01-01",
]  # fmt: skip


@pytest.fixture(scope="module")
def dreamt(server: str, dreamt_template: tuple[str, Path]) -> Iterator[Connection]:
    """A read-only connection to the sample after one cycle."""
    name = f"queries_{uuid4().hex}"
    with psycopg.connect(server, autocommit=True) as administrator:
        administrator.execute(f"create database {name} template {dreamt_template[0]}")
    with psycopg.connect(make_conninfo(server, dbname=name)) as connection:
        connection.read_only = True
        yield connection


def ask(connection: Connection, name: str, **arguments: str) -> list[Row]:
    columns, rows = run_query(connection, name, arguments or ARGUMENTS.get(name, {}))
    return [dict(zip(columns, row, strict=True)) for row in rows]


def sample_gists() -> dict[str, str]:
    documents = (record for record in sources.sample.read() if isinstance(record, Document))
    return {document.native_id: document.summary for document in documents}


@pytest.mark.parametrize("name", queries())
def test_every_question_has_an_answer_that_fits_a_line(dreamt: Connection, name: str) -> None:
    query = queries()[name]
    rows = ask(dreamt, name)
    assert query.question.endswith("?")
    assert rows or name not in NEVER_EMPTY
    assert all(len(str(value)) <= 250 for row in rows for value in row.values())
    assert not re.search(r"[0-9a-f]{8}-[0-9a-f]{4}-|\d{2}:\d{2}:\d{2}|\.\d{4}", str(rows))


@pytest.mark.parametrize("name", queries())
def test_what_is_set_is_a_value_or_refused_by_its_name(dreamt: Connection, name: str) -> None:
    for parameter in queries()[name].parameters:
        for text in HOSTILE:
            try:
                run_query(dreamt, name, {**ARGUMENTS.get(name, {}), parameter.name: text})
            except InputError as error:
                assert parameter.name in str(error)


@pytest.mark.parametrize("name", [name for name, query in queries().items() if "%(limit)s" in query.sql])
def test_a_limit_is_kept(dreamt: Connection, name: str) -> None:
    columns, rows = run_query(dreamt, name, ARGUMENTS.get(name, {}) | {"limit": "1"})
    kinds = {row[:2] for row in rows} if name == "changes" else {()}
    assert len(rows) <= len(kinds)
    assert run_query(dreamt, name, ARGUMENTS.get(name, {}) | {"limit": "0"}) == (columns, [])


@pytest.mark.parametrize("name", queries())
def test_what_is_declared_is_what_the_statement_uses(name: str) -> None:
    text = (FOLDER / f"{name}.sql").read_text()
    assert {parameter.name for parameter in queries()[name].parameters} == set(re.findall(r"%\((\w+)\)s", text))
    assert text.count("-- :") == len(queries()[name].parameters)
    assert not re.search(r"\bnow\(\)|current_(date|timestamp)|clock_timestamp|random\(\)", text)


def test_last_week_adds_up_by_project(dreamt: Connection) -> None:
    rows = ask(dreamt, "last-week")
    assert {"tidewater", "boat", "choir"} <= {row["project"] for row in rows}
    minutes = sum(row["minutes"] for row in rows if row["project"] == "tidewater")
    hours = next(row["project_hours"] for row in rows if row["project"] == "tidewater")
    assert abs(float(minutes) / 60 - float(hours)) < 0.2
    assert len(ask(dreamt, "last-week", days="7")) < len(rows)


def test_what_is_forgotten_was_strong_and_is_weaker_now(dreamt: Connection) -> None:
    rows = ask(dreamt, "forgotten")
    assert all(row["days_ago"] >= 30 and row["strength_now"] < row["strength_when_recalled"] for row in rows)
    assert [row["strength_when_recalled"] for row in rows] == sorted(
        (row["strength_when_recalled"] for row in rows), reverse=True
    )
    assert rows[0]["strength_when_recalled"] > 0.7
    assert all(row["days_ago"] >= 45 for row in ask(dreamt, "forgotten", days="45"))


def test_later_notes_supersede_earlier_ones(dreamt: Connection) -> None:
    gists = sample_gists()
    pairs = {(row["later_memory"], row["earlier_memory"]) for row in ask(dreamt, "revisions")}
    for later, earlier in (("m-0061", "m-0007"), ("m-0100", "m-0008"), ("m-0132", "m-0045")):
        assert (gists[later], gists[earlier]) in pairs


def test_a_path_joins_two_ideas_over_associations_that_are_there(dreamt: Connection) -> None:
    rows = ask(dreamt, "path")
    assert all(1 <= row["steps"] <= 4 and row["strength"] <= row["weakest_step"] for row in rows)
    strongest = rows[0]["path"].split(" → ")
    assert (strongest[0], strongest[-1]) == ("boat", "storm")
    product = 1.0
    for pair in pairwise(strongest):
        found = dreamt.execute(
            "select strength from dreams.knowledge_graph"
            " where relation = 'co_occurrence' and source = %s and target = %s",
            sorted(pair),
        ).fetchone()
        assert found is not None
        product *= float(str(found[0]))
    assert round(product, 3) == float(rows[0]["strength"])


def test_no_path_is_stronger_than_the_one_shown(dreamt: Connection) -> None:
    """Checks against every simple path of up to four steps, by brute force."""
    network: dict[str, dict[str, float]] = {}
    for a, b, strength in dreamt.execute(
        "select source, target, strength from dreams.knowledge_graph where relation = 'co_occurrence'"
    ):
        network.setdefault(str(a), {})[str(b)] = network.setdefault(str(b), {})[str(a)] = float(str(strength))
    best = 0.0
    walks: list[tuple[tuple[str, ...], float]] = [((start,), 1.0) for start in network if "choir" in start.split()]
    for _ in range(4):
        walks = [
            ((*walk, following), strength * weight)
            for walk, strength in walks
            for following, weight in network[walk[-1]].items()
            if following not in walk
        ]
        best = max([best, *(strength for walk, strength in walks if "storm" in walk[-1].split())])
        walks = [(walk, strength) for walk, strength in walks if "storm" not in walk[-1].split()]
    assert float(ask(dreamt, "path", **{"from": "Choir", "to": "storm"})[0]["strength"]) == round(best, 3)


def test_ideas_that_nobody_had_have_no_path(dreamt: Connection) -> None:
    assert ask(dreamt, "path", **{"from": "boat", "to": "quantum chromodynamics"}) == []
    assert ask(dreamt, "path", **{"from": "boat", "to": "'; drop table memories --"}) == []
    assert ask(dreamt, "path", **{"from": "boat", "to": "storm", "steps": "1"}) == []


def test_the_strongest_association_is_of_two_memories_recalled_together(dreamt: Connection) -> None:
    rows = ask(dreamt, "strongest")
    together = {rows[0]["memory"], rows[0]["associated_memory"]}
    assert together == {
        "six deploy steps for Tidewater",
        "no Friday deploys, only Monday to Wednesday before 14:00",
    }
    assert rows[0]["times"] > 1
    alike = ask(dreamt, "strongest", kind="semantic", limit="1")[0]
    assert alike["weight"] > 0.9


def test_the_latest_thoughts_are_in_mind(dreamt: Connection) -> None:
    rows = ask(dreamt, "now")
    assert [row["slot"] for row in rows] == list(range(1, len(rows) + 1))
    assert {row["since"][:10] for row in rows} == {ask(dreamt, "day")[0]["at"][:10]}
    assert {"good night in Portuguese", "looking back on eight weeks"} <= {row["memory"] for row in rows}


def test_a_day_is_told_in_order(dreamt: Connection) -> None:
    latest = ask(dreamt, "day")
    assert [row["at"] for row in latest] == sorted(row["at"] for row in latest)
    day = latest[0]["at"][:10]
    assert {row["at"][:10] for row in latest} == {day}
    assert "good night in Portuguese" in {row["memory"] for row in latest}
    assert ask(dreamt, "day", day=day) == latest
    assert ask(dreamt, "day", day="1999-01-01") == []
    two_days_earlier = str(date.fromisoformat(day) - timedelta(days=2))
    assert {row["at"][:10] for row in ask(dreamt, "day", day=two_days_earlier)} == {two_days_earlier}


def test_a_topic_a_project_and_a_person_are_found(dreamt: Connection) -> None:
    assert {row["found_in"] for row in ask(dreamt, "about", topic="Tidewater", limit="999")} >= {"concept", "project"}
    assert "person" in {row["found_in"] for row in ask(dreamt, "about", topic="jonas")}
    superseded = [row for row in ask(dreamt, "about", topic="InfluxDB") if "superseded" in row["fate"]]
    assert [row["memory"] for row in superseded] == ["time series stored in InfluxDB"]
    long_document = [
        row for row in ask(dreamt, "about", topic="post-mortem") if row["memory"].startswith("Post-mortem and")
    ]
    assert len(long_document) == 1


def test_what_fades_crosses_its_threshold_on_the_day_that_is_told(dreamt: Connection) -> None:
    rows = ask(dreamt, "fading", days="60", limit="1000")
    assert {(row["fate"], row["next_fate"]) for row in rows} >= {("retained", "fading"), ("fading", "dormant")}
    assert all(row["strength"] >= row["threshold"] for row in rows)
    for row in rows:
        strength_then = dreamt.execute(
            "select strength / retrievability * dreams.retrievability("
            " extract(epoch from l.as_of - s.last_reviewed_at) / 86400 + %s, l.stability_days, fsrs_decay)"
            " from dreams.long_term_memories as l join dreams.memory_states as s using (memory_id)"
            " cross join dreams.visible_cycle"
            " where left(l.semantic_gist, 80) = %s and round(l.strength::numeric, 3) = %s",
            (row["days_left"], row["memory"], row["strength"]),
        ).fetchone()
        assert strength_then is not None and abs(float(str(strength_then[0])) - float(row["threshold"])) < 0.002


def test_habits_name_a_weekday_or_an_hour(dreamt: Connection) -> None:
    habits = " ".join(row["habit"] for row in ask(dreamt, "habits"))
    assert re.search(r"comes up on (Mon|Tues|Wednes|Thurs|Fri|Satur|Sun)days: on \d+ of \d+ days", habits)
    assert "vocabulary comes up around 07:00" in habits


def test_predictions_are_scored_when_they_are_due(dreamt: Connection) -> None:
    rows = ask(dreamt, "predictions")
    outcomes = [row["outcome"] for row in rows]
    assert outcomes[0] == "open"
    assert {"needed", "not needed"} <= set(outcomes)
    for row in rows:
        if row["outcome"] == "open":
            assert row["brier_score"] is None
        else:
            error = float(row["probability"]) - (row["outcome"] == "needed")
            assert abs(float(row["brier_score"]) - error**2) < 0.02


def test_replays_are_half_forgotten_and_needed(dreamt: Connection) -> None:
    rows = ask(dreamt, "replayed")
    assert len({row["night"] for row in rows}) == 3
    assert [row["rank"] for row in rows[:20]] == list(range(1, 21))
    assert sum(row["gain"] for row in rows) / len(rows) > 0.05
    assert max(row["relative_need"] for row in rows) == 1


def test_clusters_add_up_to_their_area(dreamt: Connection) -> None:
    rows = ask(dreamt, "communities")
    for area in {row["area"] for row in rows}:
        inside = [row for row in rows if row["area"] == area]
        assert sum(row["memories"] or 0 for row in inside) <= inside[0]["area_memories"]
    assert any("boat" in row["area"] or "boat" in row["cluster"] for row in rows)


def test_a_goal_is_open_until_something_supersedes_it(dreamt: Connection) -> None:
    goals = {row["goal"]: row for row in ask(dreamt, "goals", days="60")}
    boat = goals["repair garboard, launch, sail once, cover"]
    assert boat["actions"] > 5 and "; " in boat["latest_actions"]
    superseded = dreamt.execute("select semantic_gist from dreams.memory_states where superseded_by is not null")
    assert not goals.keys() & {gist for (gist,) in superseded}


def test_people_come_up_as_often_as_they_are_named(dreamt: Connection) -> None:
    people = {
        name: row for row in ask(dreamt, "people") for name in (row["person"], *(row["also_named"] or "").split(", "))
    }
    assert people["Jonas"]["person"] == "Jonas Ek"
    for name in ("Arne", "Jonas"):
        (listed,) = dreamt.execute(
            "select count(*) from public.memories where metadata -> 'people' ? %s", (name,)
        ).fetchone()  # type: ignore[misc]
        # Texts name him too, and a long document's chunks share its people.
        assert listed <= people[name]["memories"] <= 1.2 * listed
    assert people["Jonas"]["mostly_in"] == "tidewater"


def test_metrics_name_every_stage(dreamt: Connection) -> None:
    stages = {row["stage"]: row for row in ask(dreamt, "metrics")}
    assert stages.keys() >= {"embed", "working_memory", "short_term", "consolidation", "long_term", "insights"}
    assert stages["long_term"]["seconds"] > 0


def test_a_second_cycle_tells_before_and_after_and_what_surprises_it(dreamt_url: str) -> None:
    with connect(dreamt_url) as connection:
        first = ask(connection, "changes")
        assert {row["change"] for row in first} == {"new"}
        assert {"memory", "supersession", "hebbian edge", "area"} <= {row["kind"] for row in first}
    # A night may have passed since.
    run_cycle()
    with connect(dreamt_url) as connection:
        opened = "fourteen minutes, language goal reached"
        connection.execute(
            "insert into dreams.recall_events (memory_id, kind, occurred_at)"
            " select id, 'opened', clock_timestamp() from public.memories where summary = %s",
            (opened,),
        )
    run_cycle(overrides={"anomaly_deviations": 1.2})
    with connect(dreamt_url) as connection:
        rows = ask(connection, "changes", days="0", limit="100")
        changed = [row for row in rows if row["subject"] == opened and row["field"] == "access_count"]
        assert [(row["before"], row["after"]) for row in changed] == [("1", "2")]
        assert all(row["before"] != row["after"] for row in rows if row["change"] == "changed")
        assert not {"area", "supersession"} & {row["kind"] for row in rows if row["change"] == "new"}
        assert {row["change"] for row in ask(connection, "changes", days="1")} == {"new"}
        assert {row["cycles"] for row in ask(connection, "metrics")} == {3}
        surprises = ask(connection, "surprises", limit="100")
        assert len(surprises) >= len([row for row in rows if row["kind"] == "anomaly"]) >= 1
        assert all(row["nearest_similarity"] < row["usual_similarity"] for row in surprises)


def test_a_store_that_never_dreamt_has_no_answers(store_url: str) -> None:
    with connect(store_url) as connection:
        assert [name for name in queries() if ask(connection, name)] == []


@pytest.mark.parametrize(
    ("name", "arguments", "message"),
    [
        ("last-wek", {}, "there is no query 'last-wek': did you mean last-week? There is about, changes"),
        ("../secrets", {}, r"there is no query '../secrets': there is about, "),
        ("last-week", {"day": "3"}, "last-week has no parameter 'day': did you mean days? There is days, limit"),
        ("last-week", {"sql": "1"}, "last-week has no parameter 'sql': there is days, limit"),
        ("last-week", {"days": "seven"}, "days must be a whole number from 0 to 999999, but is 'seven': how far back"),
        ("last-week", {"days": "-1"}, "days must be a whole number"),
        ("last-week", {"limit": "1; drop table memories"}, "limit must be a whole number"),
        ("day", {"day": "2026-02-30"}, "day must be a date such as 2026-01-31, but is '2026-02-30'"),
        ("day", {"day": "20260131"}, "day must be a date"),
        ("path", {"from": "boat"}, "path needs to: another"),
        ("about", {"topic": " "}, "topic must be some words"),
        ("about", {"topic": "a\0b"}, "topic must be some words"),
        ("about", {"topic": "\udcff"}, "topic must be some words"),
        ("strongest", {"kind": "hebian"}, "kind must be one of hebbian, semantic, temporal, entity"),
    ],
)
def test_a_wrong_name_or_argument_is_told_with_what_there_is(
    dreamt: Connection, name: str, arguments: dict[str, str], message: str
) -> None:
    with pytest.raises(InputError) as raised:
        run_query(dreamt, name, arguments)
    assert str(raised.value).startswith(message)
