"""Checks whether quoted sentences say what a sentence claims.

The check is strict, since a wrong answer is worse than none: a claim may leave words of its source out, change
articles, pronouns and auxiliary verbs, and begin with the source's end ("in May" may stand first or last). But it adds
no other word, number or name, keeps their order (so that nobody and nothing changes places), and negates as often.
"""

import re
from collections.abc import Sequence
from functools import lru_cache
from typing import NamedTuple

from memories.evidence.sentences import sentences
from memories.lexical.terms import names, stems
from memories.quoting.quotation import says_something

# References to sources: numbers, or short ids of memories, with or without the word; and a mark that follows.
# Blanks are tried from their first on alone: a long run of them takes no longer than a text.
REFERENCES = re.compile(r"(?P<all>(?:(?<!\s)\s*+\[(?:\d{1,3}|(?:memory )?[0-9a-f]{8})\])+)(?P<mark>[.!?…؟۔।。！？]*)")
NUMBER = re.compile(r"\[(\d{1,3})\]")
MARKS = tuple(".!?…؟۔।。！？")
CONTRACTED = re.compile(r"n['’]t\b", re.IGNORECASE)
# English words that a person who retells a sentence changes or adds: "I was at the mill" is "you were at the mill".
RETOLD = """
a an the this that these those i me my mine myself we us our ours ourselves you your yours yourself yourselves he him
his himself she her hers herself it its itself they them their theirs themselves am are is was were be been being have
has had having do does did s m re ve ll d
"""
# Words that negate, by language: English, German, Dutch, French, Spanish, Portuguese, Italian, Swedish and Danish,
# Polish, Russian and Ukrainian, Turkish, Arabic, Hebrew, Hindi, Chinese, Japanese and Korean (by character).
NEGATING = """
not no never none nobody nothing nowhere neither nor without cannot
nicht kein keine keinen keinem keiner keines nie niemals nichts niemand niemanden ohne weder
niet geen nooit niets niemand zonder noch
ne pas jamais rien aucun aucune personne sans ni non
nunca jamás nada nadie ningún ninguno ninguna sin tampoco
não nenhum nenhuma ninguém sem nem
mai nessuno nessuna niente nulla senza né
inte icke aldrig ingen inget inga ingenting utan ikke aldrig intet uden
nie nigdy nikt nic żaden żadna bez
не нет ни никогда никто ничего без ні ніколи ніхто нічого
değil hiç yok hayır
لا لم لن ليس ليست غير بدون
לא אין בלי אף
नहीं मत न बिना
不 没 沒 無 无 未 别 非 勿 ぬ 안 않 못 없
"""


class Said(NamedTuple):
    """A sentence of a text without its references, the numbers among them, and the sources that say it, from 0."""

    text: str
    numbers: Sequence[int]
    sources: Sequence[int]


def said(text: str, sources: Sequence[str]) -> Sequence[Said]:
    """The sentences of a text in order, each with the sources of which one sentence says it."""
    known = [[_words(each.text) for each in sentences(source)] for source in sources]
    return [
        Said(words, numbers, [place for place, source in enumerate(known) if _is_said(_words(words), source)])
        for words, numbers in _with_references(text)
    ]


class _Words(NamedTuple):
    telling: Sequence[str]
    negations: int


def _with_references(text: str) -> Sequence[tuple[str, Sequence[int]]]:
    """Each sentence that says something, with the numbers in it; those after its end are its own, and end it."""
    bare, end, found = "", 0, []
    placed: list[tuple[int, int]] = []
    for references in REFERENCES.finditer(text):
        bare += text[end : references.start()]
        placed += ((len(bare.encode()), int(number)) for number in NUMBER.findall(references["all"]))
        if bare.endswith(MARKS) or references["mark"]:
            bare += f"{references['mark']}\n"
        end = references.end()
    begun = 0
    for sentence in sentences(bare + text[end:]):
        if says_something(sentence.text):
            found.append((sentence.text, [number for place, number in placed if begun < place <= sentence.end_byte]))
            begun = sentence.end_byte
    return found


def _words(text: str) -> _Words:
    whole = CONTRACTED.sub(" not", text)
    negations = sum(word in _negating() for word in names(whole))
    return _Words([stem for stem in stems(whole) if stem not in _retold()], negations)


def _is_said(claim: _Words, source: Sequence[_Words]) -> bool:
    return bool(claim.telling) and any(
        claim.negations == each.negations and _is_retold(claim.telling, each.telling) for each in source
    )


def _is_retold(part: Sequence[str], whole: Sequence[str]) -> bool:
    return set(part) <= set(whole) and any(
        _in_order([*part[start:], *part[:start]], whole) for start in range(len(part))
    )


def _in_order(part: Sequence[str], whole: Sequence[str]) -> bool:
    left = iter(whole)
    return all(word in left for word in part)


@lru_cache(maxsize=1)
def _retold() -> frozenset[str]:
    return frozenset(stems(RETOLD))


@lru_cache(maxsize=1)
def _negating() -> frozenset[str]:
    return frozenset(names(NEGATING))
