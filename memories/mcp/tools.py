"""The MCP tools: Codex's six, with exactly its parameters, and three of our own.

Each answers both as data and as a text, in which everything recalled is quoted between markers (see `quotation`).
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from pydantic import BaseModel
from pydantic_core import to_json, to_jsonable_python

from memories.documents.memoir import RowPlace
from memories.errors import InputError
from memories.evidence.asking import UNSURE, ask
from memories.instant import minute
from memories.mcp.arguments import (
    Arguments,
    AskMemory,
    ExplainMemory,
    Nothing,
    OneMemory,
    PinMemory,
    RecallContext,
    SearchMemory,
    StoreFile,
    StoreMemory,
    WholeId,
)
from memories.mcp.codex_search import CodexAnswer, search
from memories.mcp.shown import Shown
from memories.mcp.text_file import read_text_file
from memories.memory import Memory
from memories.quoting.quotation import EXPLANATION, Quoter, says_something
from memories.records import Filters, Memoir, Recalled
from memories.views.reasons import explanation_lines, respellings


@dataclass(frozen=True, slots=True)
class Desk:
    """What a tool works with: the opened store, the folders it may read files from, what this session was shown."""

    memory: Memory
    file_roots: Sequence[Path] = ()
    shown: Shown = field(default_factory=Shown)


@dataclass(frozen=True, slots=True)
class ToolReply:
    """What a tool answers: a text for the assistant, and the same as data."""

    text: str
    data: Mapping[str, object]


@dataclass(frozen=True, slots=True)
class Tool:
    """A tool: its description, arguments, function and answer, and hints for the assistant that calls it.

    `is_read_only` tools change no memory; calling an `is_idempotent` tool again changes nothing more. Tools with
    `reads_files` are only offered to assistants on this machine.
    """

    name: str
    title: str
    description: str
    arguments: type[Arguments]
    call: Callable[[Desk, Any], ToolReply]
    answer: type[BaseModel]
    is_read_only: bool = True
    is_destructive: bool = False
    is_idempotent: bool = False
    reads_files: bool = False


def store_memory(desk: Desk, given: StoreMemory) -> ToolReply:
    content, context, summary = map(desk.memory.with_citations, (given.content, given.context, given.summary))
    if not says_something(content):
        raise InputError("this only repeats what was recalled: store what is new, or nothing")
    memory_id = desk.memory.store(content, context=context, summary=summary, tags=given.tags)
    return ToolReply(f"Stored as memory {memory_id}.", {"id": str(memory_id)})


def store_file(desk: Desk, given: StoreFile) -> ToolReply:
    file = read_text_file(given.file_path, desk.file_roots)
    memory_id = desk.memory.store(
        file.text,
        context=desk.memory.with_citations(given.context) or str(file.path),
        summary=desk.memory.with_citations(given.summary),
        tags=given.tags,
        metadata={"file": str(file.path)},
    )
    chunks = desk.memory.get(memory_id, record=False).total_chunks
    data = {"id": str(memory_id), "file_path": str(file.path), "total_chunks": chunks}
    return ToolReply(f"Stored {file.path} as memory {memory_id}, in {chunks} chunk{'s'[: chunks > 1]}.", data)


def get_memory(desk: Desk, given: OneMemory) -> ToolReply:
    found = desk.memory.get(given.id, record=False)
    desk.memory.opened(found.id, desk.shown.query_id(found.id))
    quoter = desk.memory.quoter()
    text = f"{quoter.explanation}\n\n{quoter.memory(found)}"
    return ToolReply(text, {"memory": _as_data(found), "notice": EXPLANATION})


def delete_memory(desk: Desk, given: WholeId) -> ToolReply:
    receipt = desk.memory.forget(given.id)
    remains = "\n".join(f"- {each.what}: until {each.until}" for each in receipt.remains)
    return ToolReply(
        f"Deleted memory {given.id} from every table. What remains on the disk:\n{remains}",
        {
            "id": given.id,
            "deleted": True,
            "rows": receipt.rows,
            "removed": receipt.removed,
            "changed": receipt.changed,
            "remains": [asdict(each) for each in receipt.remains],
        },
    )


def pin_memory(desk: Desk, given: PinMemory) -> ToolReply:
    memory_id = desk.memory.pin(given.id, pinned=given.pinned)
    sentence = f"Memory {memory_id} {'will not fade' if given.pinned else 'may fade again'} from the next cycle on."
    return ToolReply(sentence, {"id": str(memory_id), "pinned": given.pinned})


def get_statistics(desk: Desk, given: Nothing) -> ToolReply:
    counts = to_jsonable_python(desk.memory.statistics())
    return ToolReply(to_json(counts, indent=1).decode(), counts)


def search_memory(desk: Desk, given: SearchMemory) -> ToolReply:
    found = search(desk.memory, given)
    answer = found.answer
    desk.shown.note((result.memory.id for result in answer.results), answer.query_id)
    quoter = desk.memory.quoter()
    blocks = [_passage(quoter, each, found.scores[each.passage_id]) for each in answer.results]
    said = [
        f"{_outcome(found, given)} (query_id {answer.query_id})",
        *([UNSURE.format(answer.confidence)] if answer.results and not answer.is_sure else []),
        *respellings(answer),
        *([answer.note] if answer.note else []),
        *([quoter.explanation] if blocks else []),
        *blocks,
    ]
    data = {
        "query": answer.query,
        "query_id": answer.query_id,
        "count": len(answer.results),
        "step": found.step,
        "threshold": found.threshold,
        "confidence": answer.confidence,
        "method": answer.method,
        "note": answer.note,
        "respelled": answer.respelled,
        "notice": EXPLANATION,
        "results": [_result(each, found) for each in answer.results],
    }
    return ToolReply("\n\n".join(filter(None, said)), to_jsonable_python(data))


def ask_memory(desk: Desk, given: AskMemory) -> ToolReply:
    answer = ask(desk.memory, given.question, Filters(tags=given.tag_filter))
    shown = [*(quote.memory_id for quote in answer.quotes), *(miss.memory.id for miss in answer.misses)]
    desk.shown.note(shown, answer.query_id)
    quoter = desk.memory.quoter()
    if answer.is_answered:
        said = [
            f"{len(answer.quotes)} sentences of the user's memories answer this (probability {answer.confidence:.0%}).",
            quoter.explanation,
            *(
                quoter.text(quote.memory_id, quote.created_at, quote.text, superseded_by=quote.superseded_by or "")
                for quote in answer.quotes
            ),
        ]
    else:
        said = [UNSURE.format(answer.confidence)]
    data = {
        "question": answer.question,
        "query_id": answer.query_id,
        "is_answered": answer.is_answered,
        "confidence": answer.confidence,
        "note": answer.note,
        "notice": EXPLANATION,
        "quotes": [asdict(quote) for quote in answer.quotes],
        "misses": [miss.memory.id for miss in answer.misses],
    }
    return ToolReply("\n\n".join([*said, *([answer.note] if answer.note else [])]), to_jsonable_python(data))


def recall_context(desk: Desk, given: RecallContext) -> ToolReply:
    context = desk.memory.context(given.agent)
    quoter = desk.memory.quoter()
    attended = [
        quoter.text(row["memory_id"], row["created_at"], str(row["content"]), slot=row["wm_slot"], agent=row["agent"])  # type: ignore[arg-type]
        for row in context.working_memory
    ]
    episodes = [_episode(row) for row in context.episodes]
    said = [f"{len(attended)} memories in mind, {len(episodes)} recent episodes.", quoter.explanation, *attended]
    if episodes:
        said.append(quoter.notes("recent episodes", "\n".join(episodes)))
    return ToolReply("\n\n".join(said), to_jsonable_python({"notice": EXPLANATION, **asdict(context)}))


def explain_memory(desk: Desk, given: ExplainMemory) -> ToolReply:
    explanation = desk.memory.why(given.id, given.query)
    lines = "\n".join(explanation_lines(explanation))
    quoter = desk.memory.quoter()
    said = [quoter.explanation, quoter.notes(f"memory {explanation.memory.id}", lines)]
    data = to_jsonable_python({"notice": EXPLANATION, **asdict(explanation)})
    return ToolReply("\n\n".join(said), data)


def _outcome(found: CodexAnswer, given: SearchMemory) -> str:
    count = len(found.answer.results)
    if not count:
        return "Nothing was found: try other words, or fewer tags."
    which = f"{count} memor{'y' if count == 1 else 'ies'} found"
    if found.step == 1:
        return f"{which}."
    nearest = "the nearest there are" if found.threshold is None else f"those that reach {found.threshold:.2f}"
    return f"{which}: none reaches a combined_score of {given.similarity_threshold:.2f}, so these are {nearest}."


def _passage(quoter: Quoter, result: Recalled, score: float | None) -> str:
    chunks = result.memory.total_chunks
    shown = {"rank": result.rank, "relevance": f"{result.relevance:.2f}"}
    scored = {} if score is None else {"combined_score": f"{score:.2f}"}
    part = {"part_of": f"{chunks} chunks; get_memory gives all"} if chunks > 1 else {}
    replaced = {} if result.superseded_by is None else {"superseded_by": str(result.superseded_by)}
    return quoter.memory(result.memory, result.passage, **shown, **scored, **part, **replaced)


def _result(result: Recalled, found: CodexAnswer) -> dict[str, object]:
    """Codex's fields, then ours; `id` and `content` are those of the chunk that matched."""
    memoir, place = (
        result.memory,
        found.places.get(result.passage_id, RowPlace(result.passage_id, None, None, None, None)),
    )
    return {
        "id": result.passage_id,
        "content": result.passage,
        "excerpt": result.excerpt,
        "context": memoir.context,
        "summary": memoir.summary,
        "tags": memoir.tags,
        "chunk_index": place.chunk_index,
        "total_chunks": place.total_chunks,
        "parent_id": place.parent_id,
        "created_at": memoir.created_at,
        "updated_at": memoir.updated_at,
        "tag_similarity": result.tag_similarity,
        "content_similarity": result.cosine_similarity,
        "combined_score": found.scores[result.passage_id],
        "semantic_cluster": place.semantic_cluster,
        "rank": result.rank,
        "relevance": result.relevance,
        "terms": result.terms,
        "document_id": memoir.id,
        "duplicates": result.duplicates,
        "superseded_by": result.superseded_by,
        "query_id": found.answer.query_id,
    }


def _as_data(memoir: Memoir) -> dict[str, object]:
    found = to_jsonable_python(memoir)
    assert isinstance(found, dict)  # noqa: S101 - a dataclass becomes a dict
    return found


def _episode(row: Mapping[str, Any]) -> str:
    goal = f"; goal: {row['level_0_goal']}" if row["level_0_goal"] else ""
    topics = f"; about {', '.join(row['topics'])}" if row["topics"] else ""
    when = f"{minute(row['started_at'])} to {row['ended_at']:%H:%M}"
    return f"{when}, {row['memory_count']} memories: {row['title'] or 'untitled'}{goal}{topics}"
