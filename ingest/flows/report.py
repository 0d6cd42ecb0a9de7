"""Leaves a report of a cycle in Prefect's interface: what it found, and a table of the rows it changed."""

from collections.abc import Iterator
from datetime import datetime
from typing import Any

from prefect.artifacts import create_markdown_artifact, create_table_artifact
from prefect.client.orchestration import SyncPrefectClient, get_client
from prefect.client.schemas.filters import ArtifactFilter, ArtifactFilterKey

from ingest.cycle.record import Cycle
from ingest.cycle.run import OpenCycle
from ingest.publishing.marts import STAGES
from memories.postgres.database import Connection
from memories.quoting.markdown import as_text as escaped
from memories.views.overview import insights, statistics, strongest_associations
from memories.views.reasons import one_line

TEXT_CHARACTERS = 300
REPORTS = {stage: f"dreams-found-{stage.replace('_', '-')}" for stage in STAGES}


def leave_report(opened: OpenCycle) -> None:
    """Creates both artifacts, and deletes reports from before the last memory was forgotten: they may quote it."""
    cycle, key = opened.cycle, REPORTS[opened.cycle.stage]
    with get_client(sync_client=True) as client:
        _withdraw_reports_on_forgotten(opened.connection, client)
    create_markdown_artifact("\n".join(report(opened.connection, cycle)), key, "What the cycle found")
    create_table_artifact(
        rows(cycle), key.replace("found", "rows"), "Rows of each table, and how many of them the cycle changed"
    )


def report(connection: Connection, cycle: Cycle) -> Iterator[str]:
    """Yields the lines of a Markdown report: counts, strongest associations and insights."""
    counts = statistics(connection)
    yield f"## Dreamt as of {cycle.as_of:%Y-%m-%d %H:%M %Z}, up to {cycle.stage.replace('_', ' ')}\n"
    if not cycle.published:
        yield "Nothing was published; below is what the last published cycle shows.\n"
    if cycle.problem is not None:
        yield f"Without a model: {as_text(cycle.problem)}\n"
    told = (
        "total_memories",
        "embedded",
        "episodes",
        "consolidated",
        "retained",
        "fading",
        "dormant",
        "edges",
        "insights",
    )
    yield "| " + " | ".join(name.replace("_", " ") for name in told) + " |"
    yield "|" + " --: |" * len(told)
    yield "| " + " | ".join(as_text(counts.get(name, "")) for name in told) + " |"
    yield "\n### Strongest associations\n"
    for edge in strongest_associations(connection):
        yield f"- {as_text(edge['from_gist'])} — {as_text(edge['to_gist'])} ({float(str(edge['weight'])):.2f})"
    yield "\n### Insights\n"
    for insight in insights(connection):
        yield f"- **{as_text(insight.insight_type)}** ({insight.confidence:.2f}): {as_text(insight.description)}"
        yield from (f"    - {as_text(memory)}" for memory in insight.memories)


def rows(cycle: Cycle) -> list[dict[str, Any]]:
    return [
        {
            "table": table,
            "rows": count,
            "changed" if cycle.published else "would change": cycle.rows_changed.get(table, 0),
        }
        for table, count in cycle.row_counts.items()
    ]


def as_text(value: object) -> str:
    """A value in one line that Markdown shows as it is."""
    return escaped(one_line(str(value), TEXT_CHARACTERS))


def _withdraw_reports_on_forgotten(connection: Connection, client: SyncPrefectClient) -> None:
    row = connection.execute("select max(forgotten_at) from dreams.tombstones").fetchone()
    forgotten_at = row[0] if row else None
    if not isinstance(forgotten_at, datetime):
        return
    ours = ArtifactFilter(key=ArtifactFilterKey(any_=list(REPORTS.values())))
    while outdated := [
        report.id
        for report in client.read_artifacts(artifact_filter=ours)
        if report.created is not None and report.created < forgotten_at
    ]:
        for identity in outdated:
            client.delete_artifact(identity)
