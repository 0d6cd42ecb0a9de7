"""Moves what another program left in schema dreams to a schema of another name, so that the store can use it."""

import logging
import re
from collections.abc import Collection
from pathlib import Path

from psycopg import sql

from memories.postgres.database import Connection

# Tables of the program that Codex Dreams grew from; the store has views with the first three names.
TABLES = (
    "working_memory",
    "short_term_episodes",
    "long_term_memories",
    "semantic_network",
    "memory_insights",
    "processing_metrics",
)
STRANGE = """
select case
    when to_regclass('dreams.migrations') is null then exists (
        select from pg_class where relnamespace = to_regnamespace('dreams')
        union all
        select from pg_proc where pronamespace = to_regnamespace('dreams')
    )
    else exists (
        select from pg_class
        where relnamespace = to_regnamespace('dreams') and relname = any(%s) and relkind not in ('v', 'i')
    )
end
"""
FREE_NAME = """
select name from (
    select 'dreams_before' as name, 1 as place
    union all select 'dreams_before_' || n, n from generate_series(2, 1000) as n
) as names
where to_regnamespace(name) is null order by place limit 1
"""
# Objects that move on their own; indexes and the sequences of columns move with their tables.
MOVABLE = """
select format('%%s %%s', case c.relkind
    when 'v' then 'view' when 'm' then 'materialized view' when 'S' then 'sequence' when 'f' then 'foreign table'
    else 'table' end, c.oid::regclass)
from pg_class as c
where
    c.relnamespace = to_regnamespace('dreams') and c.relkind in ('r', 'p', 'v', 'm', 'f', 'S')
    and c.relname <> all(%(ours)s)
    and not exists (
        select from pg_depend as d where d.objid = c.oid and d.deptype in ('a', 'i') and c.relkind = 'S'
    )
union all
select 'routine ' || p.oid::regprocedure from pg_proc as p
where p.pronamespace = to_regnamespace('dreams') and p.proname <> all(%(ours)s)
union all
select 'type ' || t.oid::regtype from pg_type as t
where t.typnamespace = to_regnamespace('dreams') and t.typtype in ('d', 'e')
"""
MADE = re.compile(r"^create (?:table if not exists|or replace function) dreams\.(\w+)", re.MULTILINE)
logger = logging.getLogger(__name__)


def keep_earlier(connection: Connection, migrations: Path) -> None:
    """Moves what another program has in schema dreams, unchanged, to another schema, and logs its name.

    If a migration had already stopped there, all migrations start over; what they made, and records since, stay.
    """
    row = connection.execute(STRANGE, (list(TABLES[:3]),)).fetchone()
    if row != (True,):
        return
    name = str(connection.execute(FREE_NAME).fetchone()[0])  # type: ignore[index]
    began = connection.execute("select to_regclass('dreams.migrations')").fetchone() != (None,)
    if began:
        _move_out(connection, name, _made_by(connection, migrations))
        connection.execute("delete from dreams.migrations")
    else:
        connection.execute(sql.SQL("alter schema dreams rename to {}").format(sql.Identifier(name)))
    logger.warning("schema dreams held the tables of another program: they are kept as they were, in schema %s", name)


def _made_by(connection: Connection, migrations: Path) -> Collection[str]:
    """The tables and functions of the applied migrations, except tables that the other program had."""
    applied = connection.execute("select name from dreams.migrations").fetchall()
    statements = [(migrations / str(name)).read_text() for (name,) in applied]
    return {"migrations", *(made for text in statements for made in MADE.findall(text))} - set(TABLES)


def _move_out(connection: Connection, name: str, ours: Collection[str]) -> None:
    schema = sql.Identifier(name)
    connection.execute(sql.SQL("create schema {}").format(schema))
    for (what,) in connection.execute(MOVABLE, {"ours": list(ours)}).fetchall():
        connection.execute(sql.SQL("alter {} set schema {}").format(sql.SQL(what), schema))  # type: ignore[arg-type]
