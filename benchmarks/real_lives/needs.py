"""Computes `need` at nights of the past with the shipped models, over a store's DuckDB file after a cycle."""

import shutil
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from uuid import UUID

import duckdb

from benchmarks.human_memory.shipped import build

MODELS = ("ltm_recall_odds", "ltm_associates", "ltm_associate_spans", "ltm_mention_spans", "ltm_need")
NIGHTS = """
create table ltm_nights as
select distinct
    agent, date '1970-01-01' + cast(night as integer) as night, make_timestamptz(cast(night * 86400000000 as bigint))
        as night_at, false as is_last, false as is_replay_due, true as is_evaluated
from (select distinct agent from stm_sessions), (select unnest(?) as night)
"""


@contextmanager
def dreamt(cache: Path) -> Iterator[duckdb.DuckDBPyConnection]:
    """A copy of a DuckDB file, in UTC as the models run."""
    copy = cache.with_suffix(".nights.duckdb")
    shutil.copy(cache, copy)
    try:
        with duckdb.connect(copy) as connection:
            connection.execute("set TimeZone = 'UTC'")
            yield connection
    finally:
        copy.unlink()


def needs(connection: duckdb.DuckDBPyConnection, nights: Sequence[float]) -> Mapping[float, Mapping[UUID, float]]:
    """Each memory's need at each night, given in days since 1970, from what the cycle knew of the time before it."""
    for model in ("ltm_nights", *MODELS):
        (kind,) = connection.execute(
            "select table_type from information_schema.tables where table_name = ?", [model]
        ).fetchone() or ("BASE TABLE",)
        connection.execute(f"drop {'view' if kind == 'VIEW' else 'table'} if exists {model} cascade")
    connection.execute(NIGHTS, [list(nights)])
    build(connection, "ltm_need_inputs", *MODELS)
    found: dict[float, dict[UUID, float]] = {night: {} for night in nights}
    by_instant = {round(night * 86_400_000_000): night for night in nights}
    for at, item_id, need in connection.execute("select epoch_us(night_at), item_id, need from ltm_need").fetchall():
        found[by_instant[at]][item_id] = need
    return found
