"""Merges a staged mart into its table, and records every changed row as it was before."""

from collections.abc import Mapping, Sequence
from uuid import UUID

from psycopg import sql

from ingest.publishing.marts import Mart
from memories.postgres.database import Connection


def is_empty(connection: Connection, name: str) -> bool:
    return connection.execute(f"select 1 from dreams.{name} limit 1".encode()).fetchone() is None  # noqa: S608 - a name of our own


def record_fill(connection: Connection, name: str, cycle_id: UUID, filled: int) -> None:
    """Records the filling of an empty table as one change, which is all that a roll-back needs."""
    if filled:
        connection.execute(
            "insert into dreams.cycle_changes (cycle_id, relation, operation, row_key, before, memory_ids)"
            " values (%s, %s, 'insert', '{}', null, '{}')",
            (cycle_id, name),
        )


def merge(connection: Connection, name: str, mart: Mart, cycle_id: UUID, *, by_differences: bool = False) -> int:
    """Deletes, updates and inserts the rows that differ, recording each as it was before; returns their number.

    The staged table holds the whole mart or, with `by_differences`, only its differing rows; the removed keys are then
    in a second table. Filling an empty table makes one record: an insertion with the empty key.
    """
    parts = _parts(connection, name, mart, cycle_id)
    record = (
        "insert into dreams.cycle_changes (cycle_id, relation, operation, row_key, before, memory_ids)"
        " select {cycle}, {relation}, "
    )
    insert = "insert into {target} ({columns}) select {columns} from {staged} as s"
    if is_empty(connection, name):
        filled = connection.execute(sql.SQL(insert).format(**parts)).rowcount
        record_fill(connection, name, cycle_id, filled)
        return filled
    if by_differences:
        gone = "exists (select 1 from {gone} as s where {same_key})"
    else:
        gone = "not exists (select 1 from {staged} as s where {same_key})"
    differs = "{same_key} and ({old}) is distinct from ({new})"
    fresh = "not exists (select 1 from {target} as t where {same_key})"
    changed = 0
    for template in (
        f"{record} 'delete', {{key}}, to_jsonb(t), {{memories}} from {{target}} as t where {gone}",
        f"delete from {{target}} as t where {gone}",  # noqa: S608 - psycopg composes the names
        f"{record} 'update', {{key}}, to_jsonb(t), {{memories}} from {{target}} as t, {{staged}} as s where {differs}",
        f"update {{target}} as t set {{set}} from {{staged}} as s where {differs}",  # noqa: S608
        f"{record} 'insert', {{staged_key}}, null, '{{{{}}}}' from {{staged}} as s where {fresh}",
        f"{insert} where {fresh}",
    ):
        count = connection.execute(sql.SQL(template).format(**parts)).rowcount
        changed += 0 if template.startswith(record) else count
    return changed


def _parts(connection: Connection, name: str, mart: Mart, cycle_id: UUID) -> Mapping[str, sql.Composable]:
    """The fragments of a merge's SQL statements, in which t is the table and s the staged rows."""
    columns = [str(row[0]) for row in connection.execute(
        "select attname from pg_attribute where attrelid = to_regclass(%s) and attnum > 0 and not attisdropped"
        " and attgenerated = '' order by attnum", (f"dreams.{name}",)
    )]  # fmt: skip
    rest = [column for column in columns if column not in mart.key]
    return {
        "target": sql.Identifier("dreams", name),
        "staged": sql.Identifier(f"staged_{name}"),
        "gone": sql.Identifier(f"gone_{name}"),
        "same_key": sql.SQL(" and ").join(sql.SQL("s.{0} = t.{0}").format(sql.Identifier(k)) for k in mart.key),
        "columns": sql.SQL(", ").join(map(sql.Identifier, columns)),
        "old": sql.SQL(", ").join(sql.SQL("t.{}").format(sql.Identifier(c)) for c in rest),
        "new": sql.SQL(", ").join(sql.SQL("s.{}").format(sql.Identifier(c)) for c in rest),
        "set": sql.SQL(", ").join(sql.SQL("{0} = s.{0}").format(sql.Identifier(c)) for c in rest),
        "key": key_object("t", mart.key),
        "staged_key": key_object("s", mart.key),
        "memories": _memories_of(mart),
        "relation": sql.Literal(name),
        "cycle": sql.Literal(cycle_id),
    }


def key_object(alias: str, key: Sequence[str]) -> sql.Composable:
    pairs = [sql.SQL("{}, {}").format(sql.Literal(column), sql.Identifier(alias, column)) for column in key]
    return sql.SQL("jsonb_build_object({})").format(sql.SQL(", ").join(pairs))


def _memories_of(mart: Mart) -> sql.Composable:
    if mart.memories is not None:
        return sql.SQL(mart.memories)
    return sql.SQL("array[{}]::uuid[]").format(
        sql.SQL(", ").join(sql.Identifier("t", column) for column in mart.memory_columns)
    )
