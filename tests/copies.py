"""Stores memories that reach every column and file of a store, and finds every copy of a word or an id."""

from datetime import UTC, datetime, timedelta
from pathlib import Path
from uuid import UUID

from psycopg import sql

from ingest.annotation.annotate import annotate_rules
from ingest.settings import settings as ingest_settings
from memories.memory import Memory
from memories.postgres.database import Connection, connect
from memories.settings import settings

# An id may stay in the record of its deletion, of the transaction, and of hashes that identify a quotation.
KEPT_IDS = {
    "dreams.tombstones.memory_id", "dreams.content_changes.memory_id", "dreams.forgotten.memory_id",
    "dreams.recalled_texts.memory_id", "dreams.recalled_texts.document_id",
}  # fmt: skip
# The queries of people afterwards.
ASKED = {("searches", "query"): sql.SQL("null")}
STATISTICS = "pg_stats of "


def remember(memory: Memory, word: str, sample_id: UUID) -> tuple[list[UUID], UUID]:
    """Stores memories with this word: short, long, old, edited, in every column; returns all ids and the long one's."""
    name, now = word.capitalize(), datetime.now(UTC)
    monday = (now - timedelta(days=now.weekday() + 7)).replace(hour=9, minute=0)
    notes = [
        memory.store(
            f"{name} feeds the ferret {number} before breakfast on the quay.",
            tags=[word],
            created_at=monday - timedelta(weeks=number),
        )
        for number in range(5)
    ]
    everywhere = memory.store(
        f"{name} borrowed the ladder", context=f"at {name}'s", summary=f"{name}, ladder", tags=[word, "ladder"],
        metadata={"people": [name], "place": f"{name} Street", "project": word, "file": f"{word}.txt",
                  "channel": f"#{word}", "speaker": name, word: {"told": word}},
    )  # fmt: skip
    long = memory.store("\n\n".join(f"Chapter {n} of {name} and wall {n} of the harbour. " * 60 for n in range(8)))
    with connect(autocommit=True) as connection:
        annotate_rules(connection)
        connection.execute(
            "insert into dreams.annotation_quarantine (content_hash, annotator, annotator_version, reason, answer)"
            " select content_hash, 'parrot', '1', 'no JSON', content from memories where id = any(%s)",
            ([notes[0], everywhere],),
        )
    memory.edit(everywhere, content=f"{name} gave the ladder back", context=f"in {name}'s yard")
    memory.edit(sample_id, content=f"{name} wrote this anew, on one page")
    return [*notes, everywhere, sample_id, long], long


def places(connection: Connection, *wanted: object) -> set[str]:
    """Every column of every table and view that contains one of these, as schema.table.column."""
    texts = [str(text).lower() for text in wanted]
    patterns = [f"%{text}%" for text in (*texts, *(text.encode().hex() for text in texts))]
    relations = connection.execute(
        "select c.oid::regclass::text, n.nspname, c.relname, array_agg(a.attname::text) from pg_class as c"
        " join pg_namespace as n on n.oid = c.relnamespace"
        " join pg_attribute as a on a.attrelid = c.oid and a.attnum > 0 and not a.attisdropped"
        " where c.relkind in ('r', 'v', 'm', 'p') and n.nspname !~ '^pg_|^information_schema$'"
        " group by 1, 2, 3"
    ).fetchall()
    found = set()
    for _, schema, name, columns in relations:
        tests = [
            sql.SQL("bool_or(lower(({})::text) like any(%(patterns)s))").format(
                ASKED.get((name, column), sql.Identifier(column))
            )
            for column in columns
        ]
        query = sql.SQL("select {} from {}").format(sql.SQL(", ").join(tests), sql.Identifier(schema, name))
        row = connection.execute(query, {"patterns": patterns}).fetchone()
        found |= {f"{schema}.{name}.{column}" for column, is_there in zip(columns, row, strict=True) if is_there}
    statistics = connection.execute(
        "select concat('pg_stats of ', schemaname, '.', tablename, '.', attname) from pg_stats"
        " where schemaname in ('public', 'dreams') and lower(pg_stats::text) like any(%s)",
        (patterns,),
    )
    return found | {str(place) for (place,) in statistics}


def files_with(*words: str) -> list[Path]:
    """The cache, spool and log files that contain one of the words."""
    home = settings().dreams_home
    kept = [path for path in home.rglob("*") if path.is_file() and home / "postgres" not in path.parents]
    files = [*kept, *ingest_settings().duckdb_file.parent.glob("*.duckdb*")]
    return [path for path in files if any(word.encode() in path.read_bytes().lower() for word in words)]
