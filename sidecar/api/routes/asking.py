"""The route that answers a question with sentences of memories, or in a model's words that they bear out."""

from fastapi import APIRouter, Request
from starlette.concurrency import run_in_threadpool

from memories.evidence.asking import Reply, ask
from memories.evidence.model_words import MOST_TOKENS, prompt, worded
from memories.records import EXTRACTIVE
from sidecar.api.routes import bodies
from sidecar.api.routes.failures import documented
from sidecar.api.routes.memories import Opened
from sidecar.api.routes.replies.generation import generator, together
from sidecar.generators.protocol import ChatMessage, GenerationRequest, Sampling

router = APIRouter(prefix="/v1", tags=["Memories"])


@router.post("/ask", response_model=bodies.ReplyBody, responses=documented(404, 429, 502, 503, 504))
async def answer(request: Request, store: Opened, body: bodies.AskedQuestion) -> Reply:
    """Answers a question with quoted sentences of memories, each recorded as cited; or says that nothing is recorded.

    Then `quotes` is empty, and `misses` are the nearest memories. The generator `extractive` answers with the
    quotations alone. Any other words an answer from them, whose `sentences` are what the quotations say: one that they
    do not say is replaced by the quotations that it cites or left out, which `note` tells.
    """
    served = generator(request, body.generator, "generator")
    memory = await run_in_threadpool(store.memory)
    reply = await run_in_threadpool(
        ask, memory, body.question, body.filters.filters(), as_of=body.as_of, words_only=body.words_only
    )
    if served.card.name == EXTRACTIVE or not reply.is_answered:
        return reply
    asked = prompt(reply, await run_in_threadpool(memory.quoter))
    messages = [ChatMessage("system", asked.instruction), ChatMessage("user", asked.message)]
    wanted = GenerationRequest(messages, max_tokens=MOST_TOKENS, sampling=Sampling(temperature=0), think=False)
    (choice,) = await together(request, served, [wanted])
    return worded(reply, served.card.name, choice.text)
