"""Runs the dbt project in a process of its own, over the DuckDB file that is its cache."""

import json
import math
import os
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path

import yaml
from psycopg import pq
from psycopg.conninfo import make_conninfo

from ingest.dbt import parsed_projects, process
from ingest.dbt.cache import check_free, discard_outdated, install_extension, record_version
from ingest.dbt.events import OnModel
from ingest.dbt.parameters import run_parameters
from ingest.dbt.project import PROFILES, PROJECT
from ingest.settings import IngestSettings
from ingest.settings import settings as ingest_settings
from memories.errors import CycleFailed
from memories.home import close_all, home
from memories.settings import settings as store_settings

# What dbt parsed for any store that has no parameters of its own. `make install` has it made.
PARSED = PROJECT / "target" / "parsed"
PARSED_FILE = "partial_parse.msgpack"
FAILURE_LINES = 12


@dataclass(frozen=True, slots=True)
class ModelRun:
    """How long one dbt model took, and the most memory that dbt, with DuckDB in it, took in that run."""

    name: str
    stage: str
    seconds: float
    most_bytes: int


@dataclass(frozen=True, slots=True)
class Took:
    """Seconds of each model that dbt ran, and the most memory of the whole."""

    seconds: Mapping[str, float]
    most_bytes: int


def run_dbt(
    database_url: str,
    cache: Path,
    variables: Mapping[str, object],
    *,
    select: Sequence[str] = (),
    full_refresh: bool = False,
    settings: IngestSettings,
    on_model: OnModel = lambda _: None,
) -> Sequence[ModelRun]:
    """`dbt run` for the instant `as_of` of the variables; returns what each model took.

    Raises CacheLocked when another process holds the DuckDB file, CycleFailed with dbt's own words when a model fails.
    """
    cache.parent.mkdir(parents=True, exist_ok=True)
    check_free(cache)
    discard_outdated(cache)
    asked = ["run", *(["--full-refresh"] if full_refresh else []), *(["--select", *select] if select else [])]
    with parsed_projects.hold(_target_folder(cache, variables)) as target:
        if (PARSED / PARSED_FILE).exists() and not (target / PARSED_FILE).exists():
            shutil.copyfile(PARSED / PARSED_FILE, target / PARSED_FILE)
        parsed_projects.remove_unused(target.parent)
        took = _invoke(asked, database_url, cache, variables, target, settings, on_model)
    record_version(cache)
    for path in (*cache.parent.glob(f"{cache.name}*"), target.parent):
        close_all(path)
    stages = {path.stem: path.parent.name for path in PROJECT.glob("models/*/*") if path.suffix in {".sql", ".py"}}
    return [ModelRun(name, stages[name], seconds, took.most_bytes) for name, seconds in took.seconds.items()]


def parse_project() -> None:
    """Has dbt parse the project for stores to come, which takes longer than the first cycle of a small one."""
    PARSED.mkdir(parents=True, exist_ok=True)
    settings = ingest_settings()
    _invoke(["parse"], "", settings.duckdb_file, run_parameters({}), PARSED, settings)


def _invoke(
    asked: Sequence[str],
    database_url: str,
    cache: Path,
    variables: Mapping[str, object],
    target: Path,
    settings: IngestSettings,
    on_model: OnModel = lambda _: None,
) -> Took:
    said, took = target / "said.txt", target / "took.json"
    arguments = [
        *("--no-use-colors", "--quiet", "--no-write-json", "--log-level-file", "info", *asked),
        *("--project-dir", str(PROJECT), "--profiles-dir", str(PROFILES)),
        *("--target-path", str(target), "--log-path", str(target), "--vars", _as_yaml(_parsed(variables))),
    ]
    environment = {
        **os.environ,
        **_profile(database_url, cache, settings),
        "DREAMS_AS_OF": str(variables["as_of"] or ""),
        "DBT_SEND_ANONYMOUS_USAGE_STATS": "false",
        # dbt runs as many models at a time as there are processors. Products of matrices that want all of these for
        # themselves wait for one another.
        "OPENBLAS_NUM_THREADS": "1",
    }
    folder = home().absolute()
    if not process.run(arguments, environment, folder, said, took, on_model):
        lines = [line for line in said.read_text().splitlines() if line.strip()]
        raise CycleFailed("dbt failed; the last complete cycle stays visible. " + "\n".join(lines[-FAILURE_LINES:]))
    return Took(**json.loads(took.read_text()))


def _as_yaml(variables: Mapping[str, object]) -> str:
    """The vars as dbt reads them: to YAML, JSON's 1e-09 is a text."""
    return str(yaml.safe_dump(dict(variables), default_flow_style=True, width=math.inf, allow_unicode=True))


def _parsed(variables: Mapping[str, object]) -> Mapping[str, object]:
    """The vars that dbt is given: by one that changes with each run it would parse everything anew.

    So the instant goes by the environment.
    """
    return {name: value for name, value in variables.items() if name != "as_of"}


def _profile(database_url: str, cache: Path, settings: IngestSettings) -> Mapping[str, str]:
    """What profiles.yml asks the environment for, in words that are the same for most stores.

    By other words dbt parses everything anew. So where Postgres is stands in libpq's own variables, and the files of
    the store go by their names in its folder.
    """
    home, cache = store_settings().dreams_home.absolute(), cache.absolute()
    variables, without_variable = {}, {"application_name": "dreams"}
    for option in pq.Conninfo.parse(database_url.encode()):
        if option.val and option.envvar:
            variables[option.envvar.decode()] = option.val.decode()
        elif option.val:
            without_variable[option.keyword.decode()] = option.val.decode()
    return {
        **variables,
        "POSTGRES_DB_URL": make_conninfo(**without_variable),
        "DUCKDB_PATH": str(cache.relative_to(home) if cache.is_relative_to(home) else cache),
        "DUCKDB_EXTENSION_DIRECTORY": str(install_extension().absolute().relative_to(home)),
        "DUCKDB_MEMORY_LIMIT": settings.duckdb_memory_limit,
        "DUCKDB_TEMPORARY_FOLDER": "duckdb_spill",
    }


def _target_folder(cache: Path, variables: Mapping[str, object]) -> Path:
    """dbt keeps what it parsed for one DuckDB file and set of parameters. It begins with what was parsed for any store,
    and finds out by itself whether that will do.
    """
    named = sha256(json.dumps([str(cache), _parsed(variables)], sort_keys=True).encode()).hexdigest()[:12]
    return store_settings().dreams_home.absolute() / "dbt_target" / named
