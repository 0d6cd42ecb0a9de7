"""Gives memories their vectors, over the Ollama protocol: resumable, and what fails stays NULL with its reason."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from hashlib import sha256
from itertools import islice
from uuid import UUID

import httpx
import numpy
import ollama
from numpy.typing import NDArray

from memories.database import Connection
from memories.errors import ModelError, ModelUnreachable
from memories.vectors import COLUMN_DIMENSIONS, as_document, padded

REQUEST_TEXTS = 256
WAITING_PAGE = 8192

# Texts of like length share a batch; the longest come first, so that memory runs short at once or never.
WAITING = """
select id, content from public.memories
where embedding_vector is null or embedding_model is distinct from %s
order by octet_length(content) desc, id
"""

WRITE = """
update public.memories as m set
    embedding_vector = s.embedding, vector_magnitude = s.magnitude, embedding_model = %(model)s,
    embedding_reduced = null,
    tag_embedding = case when m.embedding_model = %(model)s then m.tag_embedding end,
    last_embedding_update = clock_timestamp() at time zone 'UTC'
from staged_vectors as s where s.id = m.id and s.content_hash = m.content_hash
"""

FAIL = """
insert into dreams.embedding_failures (memory_id, embedding_model, reason) values (%s, %s, %s)
on conflict (memory_id, embedding_model) do update
set reason = excluded.reason, attempts = embedding_failures.attempts + 1, last_attempt_at = excluded.last_attempt_at
"""


@dataclass(slots=True)
class Embedded:
    """How many memories got a vector, and how many could not be embedded."""

    embedded: int = 0
    failed: int = 0


def count_waiting(connection: Connection, model: str) -> int:
    row = connection.execute(
        "select count(*) from public.memories where embedding_vector is null or embedding_model is distinct from %s",
        (model,),
    ).fetchone()
    return int(str(row[0])) if row else 0


def embed(
    connection: Connection, client: ollama.Client, model: str, on_batch: Callable[[int], None] = lambda _: None
) -> Embedded:
    """Embeds every memory that has no vector of this model; each batch is committed, and the next run goes on.

    Raises ModelUnreachable when the server does not answer or has no such model, and ModelError when its vectors do not
    fit the store; both lose nothing.
    """
    outcome = Embedded()
    with connection.cursor(name="waiting", withhold=True) as waiting:
        waiting.execute(WAITING, (model,))
        connection.commit()
        waiting.itersize = WAITING_PAGE
        rows = iter(waiting)
        while batch := [(UUID(str(memory_id)), str(content)) for memory_id, content in islice(rows, REQUEST_TEXTS)]:
            vectors, failures = vectors_of(client, model, [content for _, content in batch])
            with connection.transaction():
                _write(connection, model, batch, vectors, failures)
            outcome.embedded += len(vectors)
            outcome.failed += len(failures)
            on_batch(len(batch))
    return outcome


def vectors_of(
    client: ollama.Client, model: str, texts: Sequence[str]
) -> tuple[dict[int, NDArray[numpy.float64]], dict[int, str]]:
    """Vectors by place in the batch, and the reasons of those that failed: a failing batch is halved to find them."""
    try:
        answer = client.embed(model=model, input=[as_document(model, text) for text in texts])
    except ollama.ResponseError as error:
        if error.status_code == httpx.codes.NOT_FOUND:
            raise ModelUnreachable(f"the server has no model {model!r}: pull it, or set EMBEDDING_MODEL") from error
        if len(texts) == 1:
            return {}, {0: f"{error.status_code}: {error.error}"}
        half = len(texts) // 2
        vectors, failures = vectors_of(client, model, texts[:half])
        more_vectors, more_failures = vectors_of(client, model, texts[half:])
        vectors.update({half + place: vector for place, vector in more_vectors.items()})
        failures.update({half + place: reason for place, reason in more_failures.items()})
        return vectors, failures
    except (ConnectionError, httpx.TransportError) as error:
        raise ModelUnreachable(
            "the embedding server does not answer: start it, or unset OLLAMA_URL to use the sidecar; "
            f"what was embedded so far is kept ({type(error).__name__})"
        ) from error
    return _checked(numpy.asarray(answer.embeddings, dtype=numpy.float64), model, len(texts))


def _checked(
    vectors: NDArray[numpy.float64], model: str, expected: int
) -> tuple[dict[int, NDArray[numpy.float64]], dict[int, str]]:
    if vectors.ndim != 2 or len(vectors) != expected:
        raise ModelError(f"{model} gave {len(vectors)} vectors for {expected} texts: use another embedding model")
    if vectors.shape[1] > COLUMN_DIMENSIONS:
        raise ModelError(
            f"{model} has {vectors.shape[1]} dimensions, the store {COLUMN_DIMENSIONS}: use a smaller embedding model"
        )
    lengths = numpy.linalg.norm(vectors, axis=1)
    usable = numpy.isfinite(lengths) & (lengths > 0)
    return (
        {place: vectors[place] for place in range(expected) if usable[place]},
        {place: "the model gave no usable vector" for place in range(expected) if not usable[place]},
    )


def _write(
    connection: Connection,
    model: str,
    batch: Sequence[tuple[UUID, str]],
    vectors: dict[int, NDArray[numpy.float64]],
    failures: dict[int, str],
) -> None:
    connection.execute(
        "create temporary table if not exists staged_vectors"
        " (id uuid, content_hash text, embedding vector, magnitude real)"
    )
    connection.execute("truncate staged_vectors")
    with connection.cursor().copy("copy staged_vectors from stdin") as copy:
        for place, vector in vectors.items():
            memory_id, content = batch[place]
            length = float(numpy.linalg.norm(vector))
            copy.write_row((memory_id, sha256(content.encode()).hexdigest(), padded(vector), length))
    connection.execute(WRITE, {"model": model})
    connection.execute("delete from dreams.embedding_failures as f using staged_vectors as s where s.id = f.memory_id")
    for place, reason in failures.items():
        connection.execute(FAIL, (batch[place][0], model, reason))
