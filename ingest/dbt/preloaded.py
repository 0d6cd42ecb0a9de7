"""Makes ready, in the fork server, what every run of dbt would make anew, so that the forked processes find it made."""

import gc
import signal

import dbt.adapters.duckdb
import dbt.cli.main  # noqa: F401 - its import takes seconds
from dbt.adapters.duckdb.credentials import DuckDBCredentials
from dbt.contracts.graph.manifest import Manifest
from dbt.contracts.project import Configuration, PackageConfig, Project, ProjectFlags
from dbt.parser.manifest import extended_mashumuro_decoder
from dbt.version import installed
from dbt_common.clients.jinja import template_cache

from ingest.dbt.parsed_projects import is_current
from ingest.dbt.project import PARSED, PARSED_FILE

# Each is a file of the project or the profile; dbt derives the JSON schema that it checks them against.
CHECKED = (Configuration, DuckDBCredentials, PackageConfig, Project, ProjectFlags)


def make_ready() -> None:
    """Reads the project as parsed in advance, for which dbt generates code, and compiles its macros."""
    # Python unblocks the signal that `get_ready` blocks when dbt makes a lock: an interrupted cycle would print a
    # traceback from here. The cycle itself ends the processes that are forked.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    for checked in CHECKED:
        checked.json_schema()
    if not is_current(PARSED):
        return
    try:
        parsed = (PARSED / PARSED_FILE).read_bytes()
        version = extended_mashumuro_decoder(parsed)["metadata"]["dbt_version"]  # type: ignore[no-untyped-call]
    except (FileNotFoundError, ValueError):
        # Each run parses the project itself if it was not parsed in advance, or the file is not whole.
        return
    if version != installed.to_version_string(skip_matcher=True):
        return
    manifest = Manifest.from_msgpack(parsed, decoder=extended_mashumuro_decoder)
    for macro in manifest.macros.values():
        if macro.package_name == manifest.metadata.project_name:
            template_cache.get_node_template(macro)


make_ready()
# What every run has in common is not searched for garbage again and again.
gc.collect()
gc.freeze()
