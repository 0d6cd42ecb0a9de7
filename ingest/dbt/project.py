"""Locates the dbt project, reads its vars, and computes the version of its models."""

from collections.abc import Mapping
from hashlib import sha256
from importlib.metadata import version
from typing import Any

import yaml

from memories.settings import PROJECT_ROOT

PROJECT = PROJECT_ROOT / "biological_memory"
PROFILES = PROJECT_ROOT / "profiles"
# The project as parsed for stores with the default parameters; `make install` creates it.
PARSED = PROJECT / "target" / "parsed"
PARSED_FILE = "partial_parse.msgpack"


def project_vars() -> Mapping[str, Any]:
    """The vars of the dbt project, as in dbt_project.yml."""
    found: Mapping[str, Any] = yaml.safe_load((PROJECT / "dbt_project.yml").read_text(encoding="utf-8"))["vars"]
    return found


def code_version() -> str:
    """The release and a fingerprint of the models; a cache of any other version is discarded."""
    fingerprint = sha256()
    for path in sorted(PROJECT.rglob("*")):
        if path.suffix in {".sql", ".py", ".yml"} and "target" not in path.parts:
            fingerprint.update(path.relative_to(PROJECT).as_posix().encode() + path.read_bytes())
    return f"{version('codex-dreams')}+{fingerprint.hexdigest()[:12]}"
