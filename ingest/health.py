"""Looks at every part and says what to mend. Called by `dreams health`."""

import shutil
from collections.abc import Iterator
from dataclasses import dataclass

import psycopg

from ingest import dbt
from ingest.embed import count_waiting
from ingest.settings import settings
from memories.database import Connection, connect, url, without_password
from memories.errors import DreamsError
from memories.migrate import pending
from memories.settings import settings as store_settings

LEAST_FREE_BYTES = 1_000_000_000


@dataclass(frozen=True, slots=True)
class Check:
    """One part, whether it is well, and what was seen (or what to do)."""

    part: str
    ok: bool
    detail: str


def checks() -> Iterator[Check]:
    """Each part in turn; where Postgres does not answer, what lives in it is left out."""
    yield _disk()
    yield _cache()
    try:
        with connect() as connection:
            yield Check("postgres", True, f"{connection.info.server_version // 10000} at {without_password(url())}")
            yield from _store(connection)
    except (DreamsError, psycopg.Error) as error:
        yield Check("postgres", False, str(error).splitlines()[0])


def _disk() -> Check:
    home = store_settings().dreams_home
    home.mkdir(parents=True, exist_ok=True)
    free = shutil.disk_usage(home).free
    return Check("disk", free >= LEAST_FREE_BYTES, f"{free / 1e9:.1f} GB free at {home}")


def _cache() -> Check:
    try:
        dbt.check_free(settings().duckdb_file)
    except DreamsError as error:
        return Check("cache", False, str(error))
    return Check("cache", True, f"{settings().duckdb_file} is free to use")


def _store(connection: Connection) -> Iterator[Check]:
    waiting = pending()
    if waiting:
        yield Check("schema", False, f"{len(waiting)} migrations are waiting: run `dreams db migrate`")
        return
    yield Check("schema", True, "up to date")
    model = store_settings().embedding_model
    failed = _count(connection, "select count(*) from dreams.embedding_failures")
    detail = f"{count_waiting(connection, model)} memories wait for {model}, {failed} of them failed before"
    yield Check("embeddings", failed == 0, detail + (": see dreams.embedding_failures" if failed else ""))
    quarantined = _count(connection, "select count(*) from dreams.annotation_quarantine")
    yield Check("annotations", True, f"{quarantined} answers in quarantine; the rules' annotations stand")
    yield _last_cycle(connection)
    yield _clock(connection)


def _last_cycle(connection: Connection) -> Check:
    row = connection.execute(
        "select state, as_of, error from dreams.cycles order by started_at desc limit 1"
    ).fetchone()
    if row is None:
        return Check("cycle", True, "none yet: `dreams run` dreams the first")
    state, as_of, error = row
    return Check(
        "cycle",
        state != "failed",
        f"the last one is {state}, as of {as_of:%Y-%m-%d %H:%M}" + (f": {error}" if error else ""),
    )


def _clock(connection: Connection) -> Check:
    row = connection.execute("select parameters ->> 'timezone', timezone from dreams.visible_cycle").fetchone()
    asked, kept = row or (None, store_settings().timezone)
    if row is not None and asked != kept:
        detail = f"Postgres knows no time zone {asked!r}, so views keep {kept}: correct TIMEZONE and run a cycle"
        return Check("clock", False, detail)
    return Check("clock", True, f"nights and times of day are those of {kept}")


def _count(connection: Connection, query: str) -> int:
    row = connection.execute(query).fetchone()
    return int(str(row[0])) if row else 0
