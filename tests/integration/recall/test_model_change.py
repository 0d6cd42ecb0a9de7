"""A search goes on by meaning while a store changes to another embedding model."""

from collections.abc import Iterator
from typing import Any

import ollama
import pytest

from ingest.vectors.embed import embed
from memories.memory import Memory
from memories.postgres.database import connect
from tests.conftest import forget_settings, ollama_server

# Each model places texts on axes of its own: a vector of one means nothing to the other.
AXES = {"old": {"boat": 0, "vessel": 0, "garden": 1}, "new": {"garden": 0, "boat": 1, "vessel": 1}}


def answer(request: dict[str, Any]) -> tuple[int, dict[str, object]]:
    vectors = []
    for text in request["input"]:
        vector = [0.1] * 4
        for word, axis in AXES[request["model"]].items():
            vector[axis] += word in text.lower()
        vectors.append(vector)
    return 200, {"embeddings": vectors}


@pytest.fixture
def models(store_url: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[ollama.Client]:
    with ollama_server(answer) as client:
        monkeypatch.setenv("OLLAMA_URL", str(client._client.base_url))
        yield client
    forget_settings()


def configure(model: str, patch: pytest.MonkeyPatch) -> None:
    patch.setenv("EMBEDDING_MODEL", model)
    forget_settings()


def first(url: str, query: str) -> str:
    with Memory(url) as memory:
        answer = memory.search(query, record=False)
        assert answer.method == "full"
        return answer.results[0].memory.content


def test_search_compares_by_the_old_model_until_most_memories_have_the_new(
    models: ollama.Client, store_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    configure("old", monkeypatch)
    with Memory(store_url) as memory:
        for content in ("The boat lies on the slip.", "The garden wants rain.", "Nothing else happened."):
            memory.store(content)
    with connect(autocommit=True) as connection:
        assert embed(connection, models, "old").embedded == 3
        configure("new", monkeypatch)
        assert first(store_url, "vessel") == "The boat lies on the slip."
        connection.execute("update public.memories set embedding_vector = null where content like '%boat%'")
        embed(connection, models, "new")
        assert first(store_url, "vessel") == "The boat lies on the slip."
        models_left = connection.execute("select distinct embedding_model from public.memories").fetchall()
    assert models_left == [("new",)]
