"""Reads the marts as they are visible now."""

from collections.abc import Mapping

from ingest.publishing.marts import MARTS
from memories.postgres.database import connect


def marts() -> Mapping[str, object]:
    """Every row of the marts, as JSON."""
    with connect() as connection:
        return {
            name: connection.execute(f"select to_jsonb(t)::text from dreams.{name} as t order by 1").fetchall()
            for name in MARTS
        }
