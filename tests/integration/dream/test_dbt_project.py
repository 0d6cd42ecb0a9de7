"""dbt works alone: it builds, with unit and data tests, and documents every model and column.

Runs with the same parameters share a target folder, so that dbt parses the project once.
"""

import json
import os
import subprocess
import sys
from pathlib import Path

import duckdb
import pytest

from ingest.dbt.cache import install_extension
from ingest.dbt.project import PROFILES, PROJECT
from memories.documents.write import store
from memories.postgres.database import connect
from memories.records import Document
from tests.conftest import OWN, ROOT, forget_settings, new_database, use


def dbt(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    command = [
        *(sys.executable, "-m", "dbt.cli.main", "--no-use-colors", *arguments),
        *("--project-dir", str(PROJECT), "--profiles-dir", str(PROFILES)),
        *("--target-path", str(folder), "--log-path", str(folder)),
    ]
    environment = {**os.environ, "DUCKDB_EXTENSION_DIRECTORY": str(install_extension())}
    return subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True)


@pytest.fixture(scope="module")
def target(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("target")


def test_build_passes_every_test_on_the_sample(dreamt_url: str, target: Path) -> None:
    finished = dbt(target, "build", "--full-refresh")
    assert finished.returncode == 0, finished.stdout[-3000:]
    results = json.loads((target / "run_results.json").read_text())["results"]
    kinds = [result["unique_id"].split(".")[0] for result in results]
    assert kinds.count("model") > 40
    assert kinds.count("unit_test") > 80
    assert kinds.count("test") > 400
    assert {result["status"] for result in results} <= {"success", "pass", "no-op"}


def test_a_model_that_fails_leaves_its_table_as_it_was(dreamt_url: str, duckdb_file: Path, tmp_path: Path) -> None:
    def activations() -> list[tuple[object, ...]]:
        with duckdb.connect(str(duckdb_file), read_only=True) as cache:
            return cache.sql("select * from wm_activations order by all").fetchall()

    before = activations()
    failed = dbt(tmp_path, "run", "--select", "wm_activations", "--vars", "{attention_window_minutes: many}")
    assert failed.returncode == 1
    assert "many" in failed.stdout
    assert before and activations() == before


@pytest.fixture(scope="module")
def manifest(server: str, dreamt_template: tuple[str, Path], target: Path) -> dict[str, dict[str, object]]:
    cache = Path(os.environ["DUCKDB_PATH"])
    with pytest.MonkeyPatch.context() as patch:
        use(new_database(server, dreamt_template[0], OWN), cache, patch)
        finished = dbt(target, "docs", "generate", "--empty-catalog")
        forget_settings()
    cache.unlink(missing_ok=True)
    assert finished.returncode == 0, finished.stdout[-3000:]
    nodes = json.loads((target / "manifest.json").read_text())["nodes"]
    return {node["name"]: node for node in nodes.values() if node["resource_type"] == "model"}


def test_every_model_and_column_is_described(manifest: dict[str, dict]) -> None:
    assert [name for name, node in manifest.items() if not node["description"]] == []
    assert [
        f"{name}.{column}"
        for name, node in manifest.items()
        for column, entry in node["columns"].items()
        if not entry["description"]
    ] == []


def test_the_docs_carry_the_equations(manifest: dict[str, dict]) -> None:
    assert "(1 − s) e^B + s (Σⱼ shareⱼ e^Bⱼ" in manifest["ltm_need"]["description"]


def test_marts_have_enforced_contracts(manifest: dict[str, dict]) -> None:
    marts = [node for node in manifest.values() if "marts" in node["fqn"]]
    assert len(marts) >= 10
    assert [node["name"] for node in marts if not node["contract"]["enforced"]] == []


def test_models_have_the_tag_of_their_stage_and_an_owner(manifest: dict[str, dict[str, object]]) -> None:
    for node in manifest.values():
        assert node["tags"] == [str(node["path"]).split("/")[0]], node["name"]
        assert node["group"] == "codex_dreams"
    assert {node["access"] for node in manifest.values() if node["tags"] == ["marts"]} == {"public"}


def test_dbt_says_why_tests_fail_after_a_new_memory(dreamt_url: str, target: Path) -> None:
    asked = ("test", "--select", "nothing_came_since_dbt_run")
    assert "dbt run" not in dbt(target, *asked).stdout.replace("nothing_came_since_dbt_run", "")
    with connect() as connection:
        store(connection, Document("test", "new", "A new thought about the tide."))
    assert "tests compare it with what was computed then" in dbt(target, *asked).stdout
