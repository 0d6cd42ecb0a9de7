"""Decides whether a reading masks secrets: what was read masked stays masked until the person says otherwise."""

from pathlib import Path
from typing import NamedTuple

from memories.postgres.database import Connection

# Where nobody has decided on a place, perhaps a folder that was moved, the other places of its kind decide.
DECIDED = """
select coalesce(
    (select is_redacted from dreams.redactions where source = %(source)s and place = %(place)s),
    (select bool_or(is_redacted) from dreams.redactions where source = %(source)s),
    false
)
"""
DECIDE = """
insert into dreams.redactions (source, place, is_redacted) values (%(source)s, %(place)s, %(asked)s)
on conflict (source, place) do update set is_redacted = excluded.is_redacted, decided_at = clock_timestamp()
"""


class Redaction(NamedTuple):
    """Whether secrets are masked, and the sentence that says so when the person did not ask for it this time."""

    is_on: bool
    sentence: str | None = None


def redaction(
    connection: Connection, source: str, path: Path, asked: bool | None, *, is_dry_run: bool = False
) -> Redaction:
    """What `asked` says, which is remembered for this source and path; if it is None, what was said before."""
    given = {"source": source, "place": str(path if str(path) == "-" else path.resolve()), "asked": asked}
    if asked is not None:
        if not is_dry_run:
            connection.execute(DECIDE, given)
        return Redaction(asked)
    row = connection.execute(DECIDED, given).fetchone()
    if row != (True,):
        return Redaction(False)
    return Redaction(True, f"secrets are masked, as at an earlier reading of {source}; to store them, say --no-redact")
