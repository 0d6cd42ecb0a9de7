"""Asks a model to word an answer from numbered quotations, and keeps of its sentences those that the quotations say."""

from dataclasses import replace
from typing import NamedTuple

from memories.evidence.asking import Reply, Stated
from memories.evidence.claims import Said, said
from memories.evidence.quotes import one_by_one
from memories.evidence.sentences import is_question
from memories.quoting.quotation import Quoter

INSTRUCTION = (
    "Answer the question in one to three short sentences, in the words of the numbered quotations and without adding"
    " anything. After each sentence, write the number of its quotation in brackets, such as [1]."
)
MOST_TOKENS = 300


class Prompt(NamedTuple):
    """What a model is asked: an instruction (a system message) and a message (the user's)."""

    instruction: str
    message: str


def prompt(reply: Reply, quoter: Quoter) -> Prompt:
    """Asks for an answer worded from the sentences that a reply quotes, which are numbered from 1."""
    quoted = [
        quoter.text(quote.memory_id, quote.created_at, quote.text, number=number)
        for number, quote in enumerate(one_by_one(reply.quotes), 1)
    ]
    return Prompt(f"{INSTRUCTION}\n\n{quoter.explanation}", "\n\n".join([*quoted, reply.question]))


def worded(reply: Reply, generator: str, text: str) -> Reply:
    """The reply in a model's words, as far as its quotations say the same.

    A sentence that they do not say is replaced by the quotations that it cites, or left out if it cites none. If they
    say nothing of the text, the reply stands as it is. Either way `note` says what was kept.
    """
    parts = one_by_one(reply.quotes)
    written = said(text, [part.text for part in parts])
    stated: list[Stated] = []
    kept = left_out = 0
    for sentence in written:
        cited = [number - 1 for number in sentence.numbers if 0 < number <= len(parts)]
        if places := _saying(sentence, cited):
            kept += 1
            stated.append(Stated(sentence.text, places, is_quoted=False))
        elif cited:
            stated += [Stated(parts[place].text, [place], is_quoted=True) for place in cited]
        else:
            left_out += 1
    if not kept:
        return replace(reply, note=_joined(reply.note, f"nothing that {generator} wrote is what the memories say"))
    used = list(dict.fromkeys(place for each in stated for place in each.quotes))
    once = {each.text: each for each in stated}.values()
    return replace(
        reply,
        generator=generator,
        quotes=[parts[place] for place in used],
        sentences=[replace(each, quotes=[used.index(place) for place in each.quotes]) for each in once],
        note=_joined(reply.note, _kept(generator, len(written), kept, left_out)),
    )


def _saying(sentence: Said, cited: list[int]) -> list[int]:
    """The cited quotations that say a sentence, or else the first that does; none says a question."""
    if is_question(sentence.text):
        return []
    return [place for place in sentence.sources if place in cited] or list(sentence.sources[:1])


def _kept(generator: str, written: int, kept: int, left_out: int) -> str | None:
    if kept == written:
        return None
    replaced = written - kept - left_out
    outcomes = [f"{replaced} replaced by quotations"] * bool(replaced) + [f"{left_out} left out"] * bool(left_out)
    return f"of {written} sentences that {generator} wrote, not all are what the memories say: {', '.join(outcomes)}"


def _joined(*notes: str | None) -> str | None:
    return "; ".join(note for note in notes if note) or None
