"""Runs the dbt project in a separate process, over the DuckDB file that is its cache."""

import json
import math
import os
import shutil
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path

import yaml
from psycopg import pq
from psycopg.conninfo import make_conninfo

from ingest.dbt import parsed_projects, process
from ingest.dbt.cache import check_free, discard_outdated, install_extension, record_version
from ingest.dbt.model_events import OnModel
from ingest.dbt.parameters import run_parameters
from ingest.dbt.project import PARSED, PARSED_FILE, PROFILES, PROJECT
from ingest.settings import IngestSettings
from ingest.settings import settings as ingest_settings
from memories.errors import CycleFailed
from memories.home import close_all, home, make_folder
from memories.settings import settings as store_settings

FAILURE_LINES = 12
CACHE_LINK, EXTENSIONS_LINK, SPILL_LINK = "cache", "duckdb_extensions", "duckdb_spill"


@dataclass(frozen=True, slots=True)
class ModelRun:
    """The seconds that one dbt model took, and the peak memory of the whole run, with DuckDB, in bytes."""

    name: str
    stage: str
    seconds: float
    most_bytes: int


@dataclass(frozen=True, slots=True)
class Took:
    """Seconds of each model that dbt ran, and the peak memory of the whole run in bytes."""

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
    """Runs `dbt run` for the instant `as_of` of the variables; returns what each model took.

    Raises CacheLocked when another process holds the DuckDB file, CycleFailed with dbt's last lines when a model fails.
    """
    cache.parent.mkdir(parents=True, exist_ok=True)
    check_free(cache)
    discard_outdated(cache)
    asked = ["run", *(["--full-refresh"] if full_refresh else []), *(["--select", *select] if select else [])]
    with parsed_projects.hold(_target_folder(cache, variables)) as target:
        parsed_projects.discard_outdated(target)
        _seed(target)
        # What dbt parses now is of this version too, whether or not its models succeed.
        parsed_projects.record_version(target)
        parsed_projects.remove_unused(target.parent)
        took = _invoke(asked, database_url, cache, variables, target, settings, on_model)
    record_version(cache)
    for path in (*cache.parent.glob(f"{cache.name}*"), target.parent):
        close_all(path)
    stages = {path.stem: path.parent.name for path in PROJECT.glob("models/*/*") if path.suffix in {".sql", ".py"}}
    return [ModelRun(name, stages[name], seconds, took.most_bytes) for name, seconds in took.seconds.items()]


def parse_project() -> None:
    """Parses the project in advance for new stores, which takes longer than the first cycle of a small one."""
    PARSED.mkdir(parents=True, exist_ok=True)
    settings = ingest_settings()
    parsed_projects.discard_outdated(PARSED)
    _invoke(["parse"], "", settings.duckdb_file, run_parameters({}), PARSED, settings)
    parsed_projects.record_version(PARSED)


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
        *("--no-use-colors", "--no-write-json", "--log-level", "none", "--log-level-file", "none", *asked),
        *("--project-dir", str(PROJECT), "--profiles-dir", str(PROFILES)),
        *("--target-path", str(target), "--log-path", str(target), "--vars", _as_yaml(_parsed(variables))),
    ]
    environment = {
        **os.environ,
        **_profile(database_url, cache, settings),
        "DREAMS_AS_OF": str(variables["as_of"] or ""),
        "DBT_SEND_ANONYMOUS_USAGE_STATS": "false",
        # dbt runs as many models at a time as there are processors: matrix products that use all processors
        # themselves would wait for one another.
        "OPENBLAS_NUM_THREADS": "1",
    }
    if not process.run(arguments, environment, _working_folder(target, cache), said, took, on_model):
        lines = [line for line in said.read_text().splitlines() if line.strip()]
        raise CycleFailed("dbt failed; the last complete cycle stays visible. " + "\n".join(lines[-FAILURE_LINES:]))
    return Took(**json.loads(took.read_text()))


def _as_yaml(variables: Mapping[str, object]) -> str:
    """The vars in YAML, not JSON: dbt reads YAML, to which JSON's 1e-09 is a string."""
    return str(yaml.safe_dump(dict(variables), default_flow_style=True, width=math.inf, allow_unicode=True))


def _parsed(variables: Mapping[str, object]) -> Mapping[str, object]:
    """The vars passed to dbt, without the instant: a var that changes with each run makes dbt parse everything again.

    The instant is passed in the environment.
    """
    return {name: value for name, value in variables.items() if name != "as_of"}


def _profile(database_url: str, cache: Path, settings: IngestSettings) -> Mapping[str, str]:
    """The environment variables that profiles.yml reads, with values that are the same for most stores.

    Other values make dbt parse everything again. So libpq's own variables say where Postgres is, and links in the
    working folder where the files are.
    """
    variables, without_variable = {}, {"application_name": "dreams"}
    for option in pq.Conninfo.parse(database_url.encode()):
        if option.val and option.envvar:
            variables[option.envvar.decode()] = option.val.decode()
        elif option.val:
            without_variable[option.keyword.decode()] = option.val.decode()
    return {
        **variables,
        "POSTGRES_DB_URL": make_conninfo(**without_variable),
        "DUCKDB_PATH": f"{CACHE_LINK}/{cache.name}",
        "DUCKDB_EXTENSION_DIRECTORY": EXTENSIONS_LINK,
        "DUCKDB_MEMORY_LIMIT": settings.duckdb_memory_limit,
        "DUCKDB_TEMPORARY_FOLDER": SPILL_LINK,
    }


def _working_folder(target: Path, cache: Path) -> Path:
    """The folder that dbt runs in, with links to the folders of the DuckDB file, its extensions and what it spills."""
    folder, spill = target / "working", home() / "duckdb_spill"
    make_folder(folder)
    make_folder(spill)
    links = {CACHE_LINK: cache.parent, EXTENSIONS_LINK: install_extension(), SPILL_LINK: spill}
    for name, linked in links.items():
        with suppress(FileExistsError):
            (folder / name).symlink_to(linked.absolute())
    return folder


def _target_folder(cache: Path, variables: Mapping[str, object]) -> Path:
    """The folder of the project as parsed for one set of parameters and one DuckDB file."""
    named = (json.dumps(_parsed(variables), sort_keys=True), str(cache.absolute()))
    parameters, file = (sha256(name.encode()).hexdigest()[:12] for name in named)
    return store_settings().dreams_home.absolute() / "dbt_target" / f"{parameters}-{file}"


def _seed(target: Path) -> None:
    """Gives a new folder the project as parsed for the same parameters, or else for the default ones.

    dbt decides whether it can use that.
    """
    parameters = target.name.partition("-")[0]
    folders = (*target.parent.glob(f"{parameters}-*"), PARSED)
    if not (target / PARSED_FILE).exists():
        for folder in filter(parsed_projects.is_current, folders):
            with suppress(FileNotFoundError):
                shutil.copyfile(folder / PARSED_FILE, target / PARSED_FILE)
                return
