"""The memories routes: store, read, edit, pin, forget, search, explain. Each passes its request to `Memory`.

They are plain functions, which FastAPI runs in worker threads, so that Postgres never keeps the models waiting.
"""

import asyncio
from dataclasses import asdict
from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Depends, Path, Query, Request, Response
from starlette.convertors import StringConvertor, register_url_convertor

from memories.documents.write import Stored
from memories.limits import LONGEST_QUERY_CHARACTERS
from memories.records import Answer, Memoir
from memories.views.explanation import Explanation
from sidecar.api.routes import bodies
from sidecar.api.routes.bodies import (
    ChangesBody,
    Forgotten,
    NewMemory,
    Search,
)
from sidecar.api.routes.failures import documented
from sidecar.api.routes.text import Words
from sidecar.store import ServedStore


class NamedMemory(StringConvertor):
    """Any part of a path where an id belongs; the store says what is wrong with one. A search is no memory."""

    regex = "(?!search$)[^/]+"


register_url_convertor("memory", NamedMemory())
router = APIRouter(prefix="/v1/memories", tags=["Memories"])
MemoryId = Annotated[
    str,
    Path(
        alias="id",
        description="The id of the memory, or of any of its chunks; its first six characters are enough.",
        json_schema_extra={"pattern": "^([0-9a-fA-F]{6,32}|[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12})$"},
    ),
]
SearchedFor = Annotated[
    Words | None,
    Query(max_length=LONGEST_QUERY_CHARACTERS, description="A query: adds the memory's rank in the search for it."),
]

Listing = Annotated[UUID | None, Query(description="The `query_id` of the search that listed the memory.")]


async def _opened(request: Request) -> ServedStore:
    """The store, with the event loop set on which the models run."""
    store: ServedStore = request.app.state.store
    store.answer_on(asyncio.get_running_loop())
    return store


Opened = Annotated[ServedStore, Depends(_opened)]


@router.post("", status_code=201, response_model=bodies.StoredBody, responses=documented(503))
def store(store: Opened, body: NewMemory, response: Response) -> Stored:
    """Stores a memory; storing the same content again re-activates the existing one."""
    stored = store.memory().put(**body.model_dump())
    response.headers["Location"] = f"/v1/memories/{stored.id}"
    return stored


@router.post("/search", response_model=bodies.AnswerBody, responses=documented(503))
def search(store: Opened, body: Search) -> Answer:
    """Returns the memories most relevant to a query, each with the terms of its relevance; records them as listed."""
    return store.memory().search(
        body.query,
        body.k,
        body.filters.filters(),
        as_of=body.as_of,
        without=body.without,
        words_only=body.words_only,
    )


@router.get("/{id:memory}", response_model=bodies.MemoirBody, responses=documented(404, 409, 503))
def get(store: Opened, memory_id: MemoryId, query_id: Listing = None) -> Memoir:
    """Returns a memory and records that it was opened; memories opened with the same `query_id` become associated."""
    return store.memory().get(memory_id, query_id=query_id)


@router.get("/{id:memory}/why", response_model=bodies.ExplanationBody, responses=documented(404, 503))
def why(store: Opened, memory_id: MemoryId, query: SearchedFor = None) -> Explanation:
    """Explains a memory: its strength, fate, events and edges; with a query, its rank and the share of each term."""
    return store.memory().why(memory_id, query)


@router.patch("/{id:memory}", response_model=bodies.MemoirBody, responses=documented(404, 409, 503))
def edit(store: Opened, memory_id: MemoryId, body: ChangesBody) -> Memoir:
    """Edits a memory, and keeps the earlier state as a version."""
    return store.memory().edit(memory_id, **body.model_dump(exclude_none=True))


@router.put("/{id:memory}/pin", response_model=bodies.Pinned, responses=documented(404, 503))
def pin(store: Opened, memory_id: MemoryId) -> bodies.Pinned:
    """Pins a memory: it no longer fades, from the next cycle on."""
    return bodies.Pinned(id=store.memory().pin(memory_id), pinned=True)


@router.delete("/{id:memory}/pin", response_model=bodies.Pinned, responses=documented(404, 503))
def unpin(store: Opened, memory_id: MemoryId) -> bodies.Pinned:
    """Unpins a memory: it can fade again, from the next cycle on."""
    return bodies.Pinned(id=store.memory().pin(memory_id, pinned=False), pinned=False)


@router.delete("/{id:memory}", responses=documented(404, 503))
def forget(store: Opened, memory_id: MemoryId) -> Forgotten:
    """Deletes a memory and every copy of it permanently; the receipt lists what was removed and what remains."""
    receipt = store.memory().forget(memory_id)
    return Forgotten.model_validate({"id": receipt.memory_id, "rows": receipt.rows, **asdict(receipt)})
