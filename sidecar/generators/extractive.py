"""Answers without a model: repeats the quotations that answer, or says that nothing is recorded."""

from collections.abc import Iterator

from memories.evidence.asking import NOT_RECORDED
from memories.records import EXTRACTIVE
from sidecar.generators.errors import InvalidRequest
from sidecar.generators.protocol import End, GenerationRequest, ModelCard, Piece

CARD = ModelCard(EXTRACTIVE, EXTRACTIVE)


class Extractive:
    """The generator of that name; a line of its reply is a quotation."""

    def generate(self, request: GenerationRequest) -> Iterator[Piece]:
        if request.quotations is None:
            raise InvalidRequest(f'{EXTRACTIVE} only quotes memories: send "memory": {{"recall": true}}.', "memory")
        if request.schema is not None:
            raise InvalidRequest(f"{EXTRACTIVE} only quotes: ask another model for JSON.", "response_format")
        if request.tool_choice not in ("auto", "none"):
            raise InvalidRequest(f"{EXTRACTIVE} calls no tools: ask another model.", "tool_choice")
        for place, line in enumerate(request.quotations or [NOT_RECORDED]):
            yield Piece("\n" * (place > 0) + line)
        yield Piece(end=End("stop", 0, 0))
