"""Checks the DuckDB file against a full rebuild, which must give the same rows, mart by mart."""

import tempfile
from collections.abc import Mapping, Sequence
from datetime import datetime
from pathlib import Path

import duckdb

from ingest.cycle.run import OnStep, cycle_lock
from ingest.dbt.cache import copy_cache
from ingest.dbt.path_in_sql import path_in_sql
from ingest.dbt.run import run_dbt
from ingest.publishing.marts import STAGES
from ingest.settings import settings as ingest_settings
from memories.errors import RebuildDiffers
from memories.home import home, make_folder
from memories.postgres.database import Connection, url

LAST_CYCLE = """
select as_of, parameters from dreams.cycles where state = 'published' order by published_at desc limit 1
"""

# Rows that one of the two holds and the other does not, or not as often.
DIFFERENCE = """
select count(*) from (
    (select * from carried.{mart} except all select * from rebuilt.{mart})
    union all
    (select * from rebuilt.{mart} except all select * from carried.{mart})
)
"""


def compare_with_rebuild(*, wait: bool = False, on_step: OnStep = lambda _: None) -> Mapping[str, int]:
    """Computes the last published cycle again, over the DuckDB file and from scratch, and compares their rows.

    Returns 0 differing rows for each mart, or an empty mapping for a store without a cycle. Raises RebuildDiffers when
    rows differ, and CycleInProgress when a cycle runs (with `wait`, waits for it instead). Works on copies and
    publishes nothing.
    """
    database_url = url()
    with cycle_lock(database_url, wait, on_step) as connection:
        last = _last_cycle(connection)
        if last is None:
            return {}
        with tempfile.TemporaryDirectory(dir=home(), prefix="rebuild-") as folder:
            rebuilt, carried = (Path(folder) / name / "memory.duckdb" for name in ("rebuilt", "carried"))
            make_folder(carried.parent)
            copy_cache(ingest_settings().duckdb_file, carried)
            for step, cache in (("carry on", carried), ("rebuild", rebuilt)):
                on_step(step)
                compute(database_url, cache, last, full_refresh=cache == rebuilt)
            on_step("compare")
            found = differences(carried, rebuilt, STAGES["long_term"])
    _check(found)
    return found


def _last_cycle(connection: Connection) -> Mapping[str, object] | None:
    """The vars of the last published cycle, with its instant as `as_of`; None when there is none."""
    row = connection.execute(LAST_CYCLE).fetchone()
    if row is None:
        return None
    as_of, parameters = row
    assert isinstance(as_of, datetime) and isinstance(parameters, dict)  # noqa: S101 - the types of the columns
    return {**parameters, "as_of": as_of.isoformat()}


def compute(database_url: str, cache: Path, variables: Mapping[str, object], *, full_refresh: bool) -> None:
    """Computes all marts in a DuckDB file, for the instant `as_of` of the variables. Raises CycleFailed."""
    run_dbt(
        database_url,
        cache,
        variables,
        select=[f"+{name}" for name in STAGES["long_term"]],
        full_refresh=full_refresh,
        settings=ingest_settings(),
    )


def differences(carried: Path, rebuilt: Path, marts: Sequence[str]) -> Mapping[str, int]:
    """Counts the rows of each mart that are in only one of two DuckDB files."""
    with duckdb.connect() as connection:
        connection.execute(f"attach {path_in_sql(carried)} as carried (read_only)")
        connection.execute(f"attach {path_in_sql(rebuilt)} as rebuilt (read_only)")
        return {mart: connection.execute(DIFFERENCE.format(mart=mart)).fetchall()[0][0] for mart in marts}


def _check(found: Mapping[str, int]) -> None:
    """Raises RebuildDiffers when a mart has differing rows."""
    told = ", ".join(f"{mart} by {count}" for mart, count in found.items() if count)
    if told:
        raise RebuildDiffers(
            f"a full rebuild differs from the DuckDB file (rows: {told}): replace it with `dreams run --full-refresh`"
        )
