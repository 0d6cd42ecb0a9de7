"""Embeds memories over the Ollama protocol; resumable, and a failure leaves the vector NULL and records its reason."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from uuid import UUID

import httpx
import numpy
import ollama

from memories.embedding.embed import (
    TEXT,
    Failures,
    Found,
    Waiting,
    embeddings_of,
    vectors_of,
    write_vectors,
)
from memories.embedding.passages import LIMIT_BYTES, passages
from memories.embedding.vectors import Vectors, as_document
from memories.errors import ModelError, ModelUnreachable
from memories.postgres.database import Connection

REQUEST_TEXTS = 256
WAITING_PAGE = 8192

# Texts of similar length share a batch; the longest come first, so that memory runs out at once or never.
# A long content whose vector an earlier version made of its beginning has no passages.
WAITS = f"""
m.embedding_vector is null or m.embedding_model is distinct from %s
or octet_length(m.content) > {LIMIT_BYTES} and not exists (select from dreams.passages as p where p.memory_id = m.id)
"""
WAITING = f"""
select m.id, m.content_hash, {TEXT} from public.memories as m
where {WAITS}
order by octet_length(m.content) desc, m.id
"""  # noqa: S608


@dataclass(slots=True)
class EmbeddingCounts:
    """How many memories got a vector, and how many could not be embedded."""

    embedded: int = 0
    failed: int = 0


def count_waiting(connection: Connection, model: str) -> int:
    row = connection.execute(
        f"select count(*) from public.memories as m where {WAITS}".encode(),  # noqa: S608 - a condition of our own
        (model,),
    ).fetchone()
    return int(str(row[0])) if row else 0


def embed(
    connection: Connection, client: ollama.Client, model: str, on_batch: Callable[[int], None] = lambda _: None
) -> EmbeddingCounts:
    """Embeds every memory that has no vector of this model; commits each batch, so that the next run continues.

    Raises ModelUnreachable when the server does not answer or has no such model, and ModelError when its vectors do not
    fit the store; finished batches stay.
    """
    outcome = EmbeddingCounts()
    with connection.cursor(name="waiting", withhold=True) as waiting:
        waiting.execute(WAITING.encode(), (model,))
        connection.commit()
        waiting.itersize = WAITING_PAGE
        rows = (Waiting(UUID(str(row[0])), str(row[1]), str(row[2]), str(row[3])) for row in waiting)
        while batch := _batch(rows):
            vectors, failures = embeddings_of(partial(_ask, client, model), model, batch)
            with connection.transaction():
                write_vectors(connection, model, batch, vectors, failures)
            outcome.embedded += len(vectors)
            outcome.failed += len(failures)
            on_batch(len(batch))
    return outcome


def _batch(rows: Iterator[Waiting]) -> Sequence[Waiting]:
    """The next memories, with passages for one request together."""
    batch: list[Waiting] = []
    text_count = 0
    for waiting in rows:
        batch.append(waiting)
        text_count += len(passages(waiting.content))
        if text_count >= REQUEST_TEXTS:
            break
    return batch


def document_vectors(client: ollama.Client, model: str, texts: Sequence[str]) -> tuple[Found, Failures]:
    """Embeds a batch of texts; returns the vectors by place in the batch, and the reasons of those that failed."""
    return vectors_of(partial(_ask, client, model), [as_document(model, text) for text in texts])


def _ask(client: ollama.Client, model: str, texts: Sequence[str]) -> Vectors:
    try:
        answer = client.embed(model=model, input=texts)
    except ollama.ResponseError as error:
        if error.status_code == httpx.codes.NOT_FOUND:
            raise ModelUnreachable(f"the server has no model {model!r}: pull it, or set EMBEDDING_MODEL") from error
        raise ModelError(f"{error.status_code}: {error.error}") from error
    except (ConnectionError, httpx.TransportError) as error:
        raise ModelUnreachable(
            "the embedding server does not answer: start it, or unset OLLAMA_URL to use the sidecar; "
            f"what was embedded so far is kept ({type(error).__name__})"
        ) from error
    return numpy.asarray(answer.embeddings, dtype=numpy.float32)
