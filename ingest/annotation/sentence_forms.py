"""Recognises sentences that state a goal, a task, something done, or a change, by a few phrases of each language.

The phrases, in phrases.yml, are what people say of any subject ("no longer", "must"), so that no topic is favoured.
Where a language has none, only marks that all share are read, such as ticked boxes. Matching is linear in the text.
"""

import re
from collections.abc import Sequence
from functools import cache
from pathlib import Path

import yaml

from ingest.annotation.languages import stop_words, verb_form, zipf
from ingest.annotation.schema import TaskType

# The marks of lists and labels that all languages share.
MARKS: tuple[tuple[TaskType, re.Pattern[str]], ...] = (
    ("action", re.compile(r"^\W{0,4}\[[xX]\]|^[☑✅✔]|^done\s?[:!.]", re.IGNORECASE)),
    (
        "task",
        re.compile(r"^\W{0,4}\[ \]|^☐|\b(?-i:TODO|FIXME)\b|^(?:to-?do|next(?: steps?)?|reminder)\s?:", re.IGNORECASE),
    ),
)
PHRASES = Path(__file__).with_name("phrases.yml")
STATED: tuple[tuple[TaskType, str], ...] = (("goal", "goal"), ("task", "task"), ("action", "done"))
NEVER = "(?!)"
# Words of these have prefixes or no spaces around them, so that a phrase may be a part of one.
UNSPACED = frozenset({"zh", "ja", "ko", "ar", "he", "hi"})
WEAK_EVIDENCE: dict[str, TaskType] = {
    "goal": "goal", "goals": "goal", "todo": "task", "to-do": "task", "task": "task", "tasks": "task", "done": "action",
}  # fmt: skip
LABELLED_CHANGE = re.compile(
    r"^(?:update|edit|correction|corrected|errata|rättelse|korrektur|corrección)\s?:", re.IGNORECASE
)
PROPOSAL = re.compile(
    r"^(?:what if|idea|why not|maybe|perhaps)|\b(?:could|should|would|might)\b|[?？؟]$", re.IGNORECASE
)
# Verbs of a state, of which nothing gets done, and the words before a verb that begins a report or an order.
STATES = frozenset(
    [
        "be",
        "have",
        "do",
        "want",
        "feel",
        "think",
        "know",
        "need",
        "hope",
        "like",
        "love",
        "seem",
        "believe",
        "wish",
        "see",
        "notice",
        "hear",
        "use",
    ]
)
# "Buying" is in the dictionary as a noun, yet so common that "buy" is a verb first.
COMMON_ACTIVITY_ZIPF = 4.5
ENGLISH_SUBJECT = re.compile(
    r"^(?:(?:just|finally|then|today|yesterday|also|please|and|first),? )?"
    r"(?:(?:i|we) (?:\w+ly |also |just |then |finally )?)?(?P<verb>[a-z]{2,20})\b(?P<rest>.*)$",
    re.IGNORECASE,
)
LATER_SUBJECT = re.compile(
    r"\b(?:i|we) (?:\w+ly |also |just |then |finally )?(?P<verb>[a-z]{2,20})\b(?P<rest>.*)$", re.IGNORECASE
)
FINITE = re.compile(
    r"\b(?:is|are|was|were|has|had|will|would|can|could|may|might|does|did)\b|\w{3,}ed\b", re.IGNORECASE
)


@cache
def _phrases() -> dict[str, dict[str, list[str]]]:
    phrases: dict[str, dict[str, list[str]]] = yaml.safe_load(PHRASES.read_text("utf-8"))
    return phrases


@cache
def _pattern(language: str, says: str) -> re.Pattern[str]:
    """The phrases of a language that say this; matches nothing where it has none."""
    return re.compile("|".join(_phrases().get(language, {}).get(says, [NEVER])), re.IGNORECASE)


@cache
def _change(language: str) -> re.Pattern[str]:
    phrases = _pattern(language, "change").pattern
    return re.compile(phrases if language in UNSPACED else rf"\b(?:{phrases})(?!\w)", re.IGNORECASE)


def form_of(sentence: str, language: str) -> TaskType | None:
    """Goal, task or action if the sentence has such a form, else None; a question is none of them."""
    if sentence.endswith(("?", "？", "؟")):
        return None
    patterns = (*MARKS, *((kind, _pattern(language, says)) for kind, says in STATED))
    found = next((kind for kind, pattern in patterns if pattern.search(sentence)), None)
    return found or (_english_form(sentence) if language == "en" else None)


def _english_form(sentence: str) -> TaskType | None:
    """Reads English sentences that begin with a verb or with oneself: in the past it was done, an order is a task."""
    for pattern in (ENGLISH_SUBJECT, LATER_SUBJECT):
        found = pattern.search(sentence)
        if not found:
            continue
        verb = found["verb"].lower()
        base = verb_form(verb, "en")
        if base != verb and not verb.endswith(("s", "ing")) and base not in STATES:
            return None if found["rest"].startswith((" that ", " by ")) else "action"
        if pattern is ENGLISH_SUBJECT and base == verb and _is_order(verb, found["rest"]):
            return "task"
    return None


def _is_order(verb: str, rest: str) -> bool:
    """Whether a sentence that begins with this word is an order: a verb, and no other that makes a statement."""
    participle = (verb[:-1] if verb.endswith("e") else verb) + "ing"
    is_activity = verb_form(participle, "en") == verb or zipf(participle, "en") >= COMMON_ACTIVITY_ZIPF
    is_verb = verb not in STATES | stop_words("en") and is_activity
    return is_verb and rest.startswith(" ") and not FINITE.search(rest)


def revises(sentences: Sequence[str], language: str) -> bool:
    """Whether a sentence says that something changed from what held before."""
    change = _change(language)
    for sentence in (one.replace("’", "'") for one in sentences):
        if LABELLED_CHANGE.search(sentence):
            return True
        if change.search(sentence) and not PROPOSAL.search(sentence):
            return True
    return False
