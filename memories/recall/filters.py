"""Turns a search's filters into an SQL condition with bound parameters."""

from collections.abc import Mapping
from datetime import datetime

from psycopg import sql
from psycopg.types.json import Jsonb

from memories.records import Filters

CONDITIONS = {
    "tags": sql.SQL("dreams.tag_paths(m.tags) @> dreams.tag_paths(%(tags)s::text[])"),
    "agent": sql.SQL("dreams.agent_of(m.metadata) = dreams.agent_of(jsonb_build_object('agent', %(agent)s::text))"),
    "created_from": sql.SQL("m.created_at >= %(created_from)s"),
    "created_until": sql.SQL("m.created_at < %(created_until)s"),
    "metadata": sql.SQL("m.metadata @> %(metadata)s"),
    "as_of": sql.SQL("m.created_at <= %(as_of)s"),
}


def condition(filters: Filters, as_of: datetime | None) -> tuple[sql.Composable, Mapping[str, object]]:
    """A condition on `public.memories as m` (`true` without filters), and its parameters."""
    wanted = {
        "tags": list(filters.tags) or None,
        "agent": filters.agent,
        "created_from": filters.created_from,
        "created_until": filters.created_until,
        "metadata": Jsonb(dict(filters.metadata)) if filters.metadata else None,
        "as_of": as_of,
    }
    given = {name: value for name, value in wanted.items() if value is not None}
    return sql.SQL(" and ").join([CONDITIONS[name] for name in given] or [sql.SQL("true")]), given
