"""The memories routes: store, read, edit, forget, search, explain. Each hands its request to the opened `Memory`.

They are plain functions, which FastAPI runs in worker threads: Postgres never keeps the models waiting.
"""

import asyncio
from dataclasses import asdict
from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Depends, Path, Query, Request, Response

from memories.documents.write import Stored
from memories.limits import LONGEST_QUERY_CHARACTERS
from memories.records import Answer, Memoir
from memories.views.explanation import Explanation
from sidecar.api.errors import documented
from sidecar.api.routes import bodies
from sidecar.api.routes.bodies import (
    Changes,
    Forgotten,
    NewMemory,
    Search,
)
from sidecar.api.text import Words
from sidecar.store import Store

router = APIRouter(prefix="/v1/memories", tags=["Memories"])
MemoryId = Annotated[UUID, Path(alias="id", description="Of the memory, or of any chunk of it.")]
SearchedFor = Annotated[
    Words | None,
    Query(max_length=LONGEST_QUERY_CHARACTERS, description="A search to find the memory's place in."),
]

Listing = Annotated[UUID | None, Query(description="The `query_id` of the search that listed the memory.")]


async def opened(request: Request) -> Store:
    """The store, which now knows on which loop the models are."""
    store: Store = request.app.state.store
    store.answer_on(asyncio.get_running_loop())
    return store


Opened = Annotated[Store, Depends(opened)]


@router.post("", status_code=201, response_model=bodies.StoredBody, responses=documented(503))
def store(store: Opened, body: NewMemory, response: Response) -> Stored:
    """Stores a memory; the same content again re-activates the one that has it."""
    stored = store.memory().put(**body.model_dump())
    response.headers["Location"] = f"/v1/memories/{stored.id}"
    return stored


@router.post("/search", response_model=bodies.AnswerBody, responses=documented(503))
def search(store: Opened, body: Search) -> Answer:
    """The memories that a query brings to mind, each with the terms of its relevance. The search is an event, too."""
    return store.memory().search(
        body.query,
        body.k,
        body.filters.filters(),
        as_of=body.as_of,
        without=body.without,
        words_only=body.words_only,
    )


@router.get("/{id:uuid}", response_model=bodies.MemoirBody, responses=documented(404, 409, 503))
def get(store: Opened, memory_id: MemoryId, query_id: Listing = None) -> Memoir:
    """A memory. Reading it is an event; with the search that listed it, what is read together is learnt together."""
    return store.memory().get(memory_id, query_id=query_id)


@router.get("/{id:uuid}/why", response_model=bodies.ExplanationBody, responses=documented(404, 503))
def why(store: Opened, memory_id: MemoryId, query: SearchedFor = None) -> Explanation:
    """Why a memory stands as it does: strength, fate, events, edges; with a query, each term of its rank there."""
    return store.memory().why(memory_id, query)


@router.patch("/{id:uuid}", response_model=bodies.MemoirBody, responses=documented(404, 409, 503))
def edit(store: Opened, memory_id: MemoryId, body: Changes) -> Memoir:
    """Changes a memory; what it said before is kept as a version."""
    return store.memory().edit(memory_id, **body.model_dump(exclude_none=True))


@router.put("/{id:uuid}/pin", response_model=bodies.Pinned, responses=documented(404, 503))
def pin(store: Opened, memory_id: MemoryId) -> bodies.Pinned:
    """Keeps a memory from fading, from the next cycle on."""
    return bodies.Pinned(id=store.memory().pin(memory_id), pinned=True)


@router.delete("/{id:uuid}/pin", response_model=bodies.Pinned, responses=documented(404, 503))
def unpin(store: Opened, memory_id: MemoryId) -> bodies.Pinned:
    """Lets a memory fade again, from the next cycle on."""
    return bodies.Pinned(id=store.memory().pin(memory_id, pinned=False), pinned=False)


@router.delete("/{id:uuid}", responses=documented(404, 503))
def forget(store: Opened, memory_id: MemoryId) -> Forgotten:
    """Deletes a memory and every copy of it, for good; the receipt says what was removed and what remains."""
    receipt = store.memory().forget(memory_id)
    return Forgotten.model_validate({"id": memory_id, "rows": receipt.rows, **asdict(receipt)})
