"""The stores that the benchmarks of search ask: each set of the evaluation data, ingested, embedded and dreamt once.

The data is not part of the project: its folder is DREAMS_EVAL_DATA (../shared/data by default). KEEP=folder keeps the
stores there.
"""

import os
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from hashlib import sha256
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent.parent
DATA = Path(os.environ.get("DREAMS_EVAL_DATA", ROOT.parent / "shared" / "data"))
HOME = Path(os.environ.get("KEEP") or tempfile.mkdtemp(prefix="dreams-bench-"))
os.environ["DREAMS_HOME"] = str(HOME)
for name in ("POSTGRES_DB_URL", "DUCKDB_PATH", "EMBEDDING_MODEL", "ANNOTATION_MODEL"):
    os.environ.pop(name, None)

import numpy
import psycopg

import ingest.settings
import memories.settings
from benchmarks.retrieval.sets import Collected, cranfield, hotpotqa, locomo, pepys
from benchmarks.variables import chosen
from ingest.cycle.run import run_cycle
from ingest.loading.load import load
from memories.embedding.vectors import Embed, Vectors
from memories.postgres import database
from memories.postgres.migrate import migrate

SETS: Mapping[str, Callable[[], Iterator[Collected]]] = {
    "locomo": lambda: locomo(Path(os.environ.get("LOCOMO") or DATA / "retrieval" / "locomo_dev5.json")),
    "realtalk": lambda: locomo(DATA / "retrieval" / "realtalk_dev5.json"),
    "beam": lambda: locomo(DATA / "retrieval" / "beam_dev10.json"),
    "pepys": lambda: pepys(DATA / "lives"),
    "musique": lambda: hotpotqa(DATA / "retrieval" / "musique", "musique"),
    "hotpotqa": lambda: hotpotqa(DATA / "retrieval"),
    "cisi": lambda: cranfield(DATA / "retrieval" / "cisi", "cisi"),
    "cranfield": lambda: cranfield(DATA / "retrieval"),
}


def sets() -> Mapping[str, Sequence[Collected]]:
    """The sets that the variable SETS names, or all; says which are skipped because their files are not there."""
    found: dict[str, Sequence[Collected]] = {}
    for name in chosen("SETS", SETS):
        try:
            found[name] = list(SETS[name]())
        except FileNotFoundError as missing:
            print(f"{name:>10} skipped: {missing.filename} is not there (set DREAMS_EVAL_DATA, or LOCOMO)")
    return found


def dreamt(collected: Collected) -> str:
    """The connection string of the collection's store, after a cycle; a store that was kept runs no other."""
    name = "recall_" + sha256(repr(collected.documents).encode()).hexdigest()[:16]
    server = database.start(memories.settings.StoreSettings())
    url = server.replace("/dreams?", f"/{name}?")
    os.environ.update(POSTGRES_DB_URL=url, DUCKDB_PATH=str(HOME / f"{name}.duckdb"))
    memories.settings.settings.cache_clear()
    ingest.settings.settings.cache_clear()
    with psycopg.connect(server, autocommit=True) as connection:
        if connection.execute("select 1 from pg_database where datname = %s", (name,)).fetchone() is None:
            connection.execute(f"create database {name}")
    migrate(url)
    with database.connect(url, autocommit=True) as connection:
        load(connection, collected.documents)
        published = connection.execute("select 1 from dreams.cycles where state = 'published'").fetchone()
    if published is None:
        run_cycle()
    return url


def remembered(embed_now: Embed) -> Embed:
    """Caches vectors, as each question is asked in many ways."""
    known: dict[str, Vectors] = {}

    def embed(texts: Sequence[str]) -> Vectors:
        missing = [text for text in dict.fromkeys(texts) if text not in known]
        if missing:
            known.update(zip(missing, embed_now(missing), strict=True))
        return numpy.stack([known[text] for text in texts])

    return embed


def stop() -> None:
    """Stops the server of the stores."""
    os.environ.pop("POSTGRES_DB_URL", None)
    database.stop(memories.settings.StoreSettings())
