"""Formats search results and explanations as text for people."""

from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from uuid import UUID

from memories.instant import day, minute
from memories.records import Answer, Memoir, Recalled, Term
from memories.views.explanation import Explanation

GIST_CHARACTERS = 100
LINE_CHARACTERS = 400
LEAST_SHOWN = 0.05
# Readable names for the terms of relevance.
TERM_NAMES: Mapping[Term, str] = {
    "dense": "meaning",
    "lexical": "words",
    "people": "who takes part",
    "asking": "only asks",
    "assistant": "an assistant's words",
    "time": "the time named",
    "temporal": "neighbours in time",
    "episode": "episode",
    "hebbian": "recalled together",
    "semantic": "like others found",
    "entity": "same names",
    "retrievability": "ease of recall",
    "supersession": "replaces what was found",
    "tags": "tags",
}


def gist(memory: Memoir, passage: str | None = None) -> str:
    """A memory in one line: its summary, or the beginning of the passage or content."""
    return one_line(memory.summary or passage or memory.content, GIST_CHARACTERS)


def one_line(text: str, characters: int) -> str:
    """Shortens a text to one line, without control characters that could steer a terminal."""
    line = " ".join("".join(sign if sign.isprintable() else " " for sign in text[: 2 * characters]).split())
    return line if len(line) <= characters else line[: characters - 1] + "…"


def memoir_lines(memory: Memoir) -> Iterator[str]:
    """A whole memory below a header, without control characters that could steer a terminal."""
    yield f"{memory.id}  {minute(memory.created_at)}"
    about = {"context": memory.context, "tags": ", ".join(memory.tags), "summary": memory.summary}
    yield from (f"{name}: {one_line(text, LINE_CHARACTERS)}" for name, text in about.items() if text)
    yield ""
    yield "".join(sign if sign.isprintable() or sign in "\n\t" else " " for sign in memory.content)


def result_lines(result: Recalled, fate: str | None) -> Iterator[str]:
    """A search result in two lines: the memory, and why it was found."""
    memory = result.memory
    yield f"{result.rank:>3}  {day(memory.created_at)}  {str(memory.id)[:8]}  {gist(memory, result.excerpt)}"
    reasons = [terms(result.terms)]
    if result.cosine_similarity is not None:
        reasons.append(f"cosine {result.cosine_similarity:.2f}")
    if fate is not None:
        reasons.append(f"fate {fate}")
    if result.superseded_by is not None:
        reasons.append(f"superseded by {str(result.superseded_by)[:8]}")
    if result.duplicates:
        reasons.append(f"stands for {len(result.duplicates)} more like it")
    yield f"     {' · '.join(filter(None, reasons))}"


def answer_lines(answer: Answer, fates: Mapping[UUID, str]) -> Iterator[str]:
    """The results of a search, two lines each, and what to do next."""
    if answer.results and not answer.is_sure:
        yield f"Nothing sure was found ({answer.confidence:.0%}); what comes nearest:"
    for result in answer.results:
        yield from result_lines(result, fates.get(result.memory.id))
    if answer.results:
        yield f"\nTo read one, and let the store learn from that: dreams open ID --query-id {answer.query_id}"
    else:
        yield "Nothing was found: try other words or fewer filters, or look at what there is with `dreams stats`."


def respellings(answer: Answer) -> Iterator[str]:
    """A line for each query word that no memory has, with the word that was searched for as well."""
    for word, near in answer.respelled.items():
        yield f"No memory has the word {word!r}; {near!r} was searched for as well."


def terms(shares: Mapping[Term, float]) -> str:
    """The terms that contribute noticeably to a relevance, largest first."""
    counted = sorted(((share, term) for term, share in shares.items() if abs(share) >= LEAST_SHOWN), reverse=True)
    return ", ".join(f"{TERM_NAMES[term]} {share:.1f}" for share, term in counted)


def explanation_lines(explanation: Explanation) -> Iterator[str]:
    """An explanation of a memory, as lines to read."""
    memory, place = explanation.memory, explanation.place
    yield f"{memory.id}  {minute(memory.created_at)}  {gist(memory)}"
    if memory.tags:
        yield f"tags: {one_line(', '.join(memory.tags), LINE_CHARACTERS)}"
    if place is not None:
        yield f"\nFor '{one_line(place.query, GIST_CHARACTERS)}'"
        yield "  " + _place_line(explanation)
    yield "\nStrength"
    yield from (f"  {line}" for line in _state_lines(explanation))
    if explanation.edges:
        yield f"\nEdges ({len(explanation.edges)} of {explanation.edge_count}, the heaviest first)"
        for edge in explanation.edges:
            yield f"  {edge.weight:.2f}  {edge.edge_type:<8}  {_named(edge.memory_id, edge.gist)}"
    yield f"\nEvents ({len(explanation.events)} of {explanation.event_count}, the latest first)"
    for event in explanation.events:
        rank = f" as number {event.rank}" if event.rank else ""
        query = f" for '{one_line(event.query, GIST_CHARACTERS)}'" if event.query else ""
        yield f"  {minute(event.occurred_at)}  {event.kind}{rank}{query}"
    if explanation.insights:
        yield "\nInsights that rest on it"
        for insight in explanation.insights:
            description = one_line(insight.description, LINE_CHARACTERS)
            yield f"  {insight.insight_type} ({insight.confidence:.2f}): {description}"


def _place_line(explanation: Explanation) -> str:
    place = explanation.place
    if place is None or place.rank is None or place.relevance is None:
        return f"it is not among the first {place.of if place else 0} results"
    folded = f", folded into {str(place.folded_into)[:8]}" if place.folded_into else ""
    cosine = "" if place.cosine_similarity is None else f" · cosine {place.cosine_similarity:.2f}"
    return f"rank {place.rank}{folded}; relevance {place.relevance:.1f}: {terms(place.terms)}{cosine}"


def _state_lines(explanation: Explanation) -> Iterator[str]:
    state, episode = explanation.state, explanation.episode
    if state is None:
        if explanation.memory.created_at > datetime.now(UTC):
            yield "Its date is in the future: cycles include it from then on."
        else:
            yield "No cycle has dreamt of it yet: `dreams run`."
        return
    yield (
        f"{state.strength:.2f}, {state.fate}{', pinned' if state.pinned else ''}, as of {minute(state.as_of)}: "
        f"retrievability {state.retrievability:.2f}, stability {state.stability_days:.1f} days, "
        f"difficulty {state.difficulty:.1f}; attended to {state.access_count} times, "
        f"last on {day(state.last_accessed_at)}."
    )
    if state.superseded_by is not None:
        yield f"Superseded by {_named(state.superseded_by, state.superseded_by_gist)}"
    if episode is not None:
        title = one_line(episode.title or "", GIST_CHARACTERS)
        yield (
            f"Number {episode.position} of {episode.memory_count} in the episode '{title}', "
            f"{minute(episode.started_at)} to {episode.ended_at:%H:%M}."
        )
        if episode.previous_memory_id is not None:
            yield f"Before it: {_named(episode.previous_memory_id, episode.previous_gist)}"
        if episode.next_memory_id is not None:
            yield f"After it: {_named(episode.next_memory_id, episode.next_gist)}"


def _named(memory_id: UUID, text: str | None) -> str:
    return f"{str(memory_id)[:8]}  {one_line(text or '', GIST_CHARACTERS)}"
