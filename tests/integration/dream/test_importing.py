"""A history that is imported at once is dreamt as if it had been lived: day by day, with a cycle every night.

LIVED_DAYS=60 lives that many days of the sample; the default is a few. Replay is left out: it rehearses in the nights
in which a cycle runs, so that one who lived has been helped by more of it than one who imports.
"""

import os
import shutil
from collections.abc import Iterable
from datetime import datetime, timedelta
from itertools import pairwise
from pathlib import Path

import pytest

from ingest.cycle.rebuild import differences
from ingest.cycle.run import enrich, open_cycle, publish_computed
from ingest.dbt.parameters import run_parameters
from ingest.dbt.run import run_dbt
from ingest.loading.load import load
from ingest.publishing.marts import STAGES
from ingest.settings import settings as ingest_settings
from ingest.sources import sample
from memories.postgres.database import connect, url
from memories.records import Document
from tests.conftest import OWN, new_database, use

LIVED_DAYS = int(os.environ.get("LIVED_DAYS", "4"))
# Vectors are quantised by centroids of the memories there were; that changes no row of what is made of them.
MARTS = [mart for mart in STAGES["long_term"] if mart != "learned_vectors"]
NIGHT = timedelta(hours=4)


def store(documents: Iterable[Document]) -> None:
    """Stores documents as if each had been recorded when it happened."""
    with connect(autocommit=True) as connection:
        load(connection, documents)
        connection.execute("set session_replication_role = replica")
        connection.execute("update dreams.recall_events set recorded_at = occurred_at where recorded_at > occurred_at")
    with open_cycle() as opened:
        enrich(opened)


def dream(as_of: datetime) -> None:
    variables = {**run_parameters({"replay_budget": 0}), "as_of": as_of.isoformat()}
    run_dbt(
        url(),
        ingest_settings().duckdb_file,
        variables,
        select=[*(f"+{mart}" for mart in STAGES["long_term"]), "dream"],
        full_refresh=False,
        settings=ingest_settings(),
    )
    publish_computed()


def test_importing_a_history_is_living_it(
    server: str,
    migrated_template: str,
    ollama_url: str,
    duckdb_file: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("OLLAMA_URL", ollama_url)
    documents = [record for record in sample.read() if isinstance(record, Document) and record.created_at]
    last = max(document.created_at for document in documents if document.created_at)
    end = last.replace(hour=0, minute=0, second=0) - timedelta(days=1)
    mornings = [end - timedelta(days=LIVED_DAYS - day) for day in range(LIVED_DAYS + 1)]
    days = [
        [document for document in documents if document.created_at and morning <= document.created_at < next_morning]
        for morning, next_morning in pairwise(mornings)
    ]
    kept = []
    for name, parts in (("lived", days), ("imported", [[document for day in days for document in day]])):
        use(new_database(server, migrated_template, OWN), duckdb_file, monkeypatch)
        for next_morning, part in zip(mornings[-len(parts) :], parts, strict=True):
            store(part)
            dream(next_morning + NIGHT)
        folder = tmp_path / name
        folder.mkdir()
        for file in duckdb_file.parent.glob(f"{duckdb_file.name}*"):
            shutil.move(file, folder)
        kept.append(folder / duckdb_file.name)
    assert differences(*kept, MARTS) == dict.fromkeys(MARTS, 0)
