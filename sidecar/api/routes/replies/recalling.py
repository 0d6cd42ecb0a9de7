"""Memory in any chat route: recalls before the last message of a person, and tells what the reply rests on."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Annotated, Any, Literal

from fastapi import Request
from pydantic import Field, StrictBool
from pydantic_core import to_jsonable_python
from starlette.concurrency import run_in_threadpool

from memories.evidence.asking import cite
from memories.evidence.conversation import Passed, Recollection, recollect
from memories.limits import MOST_RESULTS_FOR_ASSISTANTS
from memories.memory import Memory
from sidecar.api.routes.replies.strict import Strict
from sidecar.api.routes.text import Instant, Whole
from sidecar.generators.errors import InvalidRequest
from sidecar.generators.protocol import GenerationRequest
from sidecar.store import ServedStore


class MemoryAsked(Strict):
    """Whether and how memories are recalled for a reply."""

    recall: StrictBool = Field(False, description="Recalls memories before the last message of the user.")
    k: Annotated[int, Field(ge=1, le=MOST_RESULTS_FOR_ASSISTANTS, description="How many at most."), Whole] = 8
    as_of: Instant | None = Field(None, description="Recalls from the store as it was at this instant.")
    inject: Literal["text", "segments"] = Field("text", description="Segments need a workspace, which is not there.")


@dataclass(frozen=True, slots=True)
class Recalling:
    """The requests as they go to the generator, and what was recalled for them, if anything was to be."""

    asked: Sequence[GenerationRequest]
    memory: Memory | None = None
    found: Recollection | None = None
    is_recorded: bool = False

    async def told(self, texts: Sequence[str]) -> dict[str, Any]:
        """The part of a response that names what was recalled, and what each sentence of the replies rests on.

        What they rest on is recorded as cited. Empty when nothing was to be recalled.
        """
        return {} if self.found is None else await run_in_threadpool(self._told, self.found, texts)

    def _told(self, found: Recollection, texts: Sequence[str]) -> dict[str, Any]:
        resting = [(choice, each) for choice, text in enumerate(texts) for each in found.resting(text)]
        if self.memory is not None and self.is_recorded:
            cite(self.memory, (each for _, one in resting for each in one.memory_ids), found.answer.query_id)
        told = {
            "query_id": found.answer.query_id,
            "confidence": found.answer.confidence,
            "note": found.answer.note,
            "recalled": [_described(passed) for passed in found.passed],
            "cited": [
                {"choice": choice, "sentence": each.sentence, "ids": each.memory_ids} for choice, each in resting
            ],
        }
        return {"memory": to_jsonable_python(told)}


async def recalling(request: Request, given: MemoryAsked | None, asked: Sequence[GenerationRequest]) -> Recalling:
    """Recalls for requests that differ in their sampling alone.

    Raises InvalidRequest where nothing can be recalled, and what `Memory.search` raises.
    """
    if given is None or not given.recall:
        return Recalling(asked)
    if given.inject == "segments":
        raise InvalidRequest("Set inject to text: this model has no workspace that reads segments.", "memory.inject")
    store: ServedStore | None = request.app.state.store
    if store is None:
        raise InvalidRequest("Ask `dreams serve`: this sidecar serves models without memories.", "memory")
    store.answer_on(asyncio.get_running_loop())
    return await run_in_threadpool(_recalling, store, given, asked)


def _recalling(store: ServedStore, given: MemoryAsked, asked: Sequence[GenerationRequest]) -> Recalling:
    messages = list(asked[0].messages)
    place = next((place for place in reversed(range(len(messages))) if messages[place].role == "user"), None)
    if place is None or not messages[place].content.strip():
        raise InvalidRequest("Send a message of the user, by which memories are recalled.", "messages")
    memory = store.memory()
    found = recollect(memory, messages[place].content, given.k, as_of=given.as_of)
    messages[place] = messages[place]._replace(content=found.before(messages[place].content, memory.quoter()))
    with_memories = [replace(one, messages=messages, quotations=found.quotations) for one in asked]
    return Recalling(with_memories, memory, found, is_recorded=given.as_of is None)


def _described(passed: Passed) -> dict[str, Any]:
    result, quote = passed
    return {
        "id": result.memory.id,
        "created_at": result.memory.created_at,
        "rank": result.rank,
        "relevance": result.relevance,
        "terms": result.terms,
        "span": {"from": quote.start_byte, "to": quote.end_byte},
        "superseded_by": result.superseded_by,
    }
