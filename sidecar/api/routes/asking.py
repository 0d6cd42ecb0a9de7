"""The route that answers a question with sentences of memories."""

from fastapi import APIRouter

from memories.evidence.asking import Reply, ask
from sidecar.api.routes import bodies
from sidecar.api.routes.failures import documented
from sidecar.api.routes.memories import Opened

router = APIRouter(prefix="/v1", tags=["Memories"])


@router.post("/ask", response_model=bodies.ReplyBody, responses=documented(503))
def answer(store: Opened, body: bodies.Question) -> Reply:
    """Answers a question with quoted sentences of memories, each recorded as cited; or says that nothing is recorded.

    Then `quotes` is empty, and `misses` are the nearest memories. No model writes the answer.
    """
    return ask(store.memory(), body.question, body.filters.filters(), as_of=body.as_of, words_only=body.words_only)
