"""Annotates a memory by rule, without a model: topics, entities, sentiment, task type, gist, and whether it revises.

Deterministic and linear in the text; only the beginning of a long text is read. Rules see form, not meaning: the
annotation of a chat model (`ingest.annotation.chat`) is better if there is one.
"""

import re
import unicodedata
from collections import Counter
from collections.abc import Sequence
from functools import cache

from vaderSentiment.vaderSentiment import SentimentIntensityAnalyzer

from ingest.annotation.forms import formed, without_formed
from ingest.annotation.keyphrases import keyphrases
from ingest.annotation.languages import carries_meaning, language_of
from ingest.annotation.names import names
from ingest.annotation.schema import GIST_CHARACTERS, MAXIMUM_ENTITIES, Annotation, Entity, EntityKind, TaskType
from ingest.annotation.segments import sentences, without_marks
from ingest.annotation.sentence_forms import WEAK_EVIDENCE, form_of, revises
from memories.apparatus import apparatus

RULES_ANNOTATOR = "rules"
RULES_VERSION = "3"
READ_CHARACTERS = 20_000
REVISION_SENTENCES = 20
SENTIMENT_CHARACTERS = 5_000
SENTIMENT_PIECE_CHARACTERS = 500
FORM_SENTENCES = 3
GIST_SENTENCES = 60
ENTITY_CHARACTERS = 200
# A sentence of so many words is whole; a shorter one is often a fragment.
FULL_SENTENCE_WORDS = 8
FEWEST_WORDS = 4
MEASURES: frozenset[EntityKind] = frozenset({"quantity", "time"})
RANK: dict[EntityKind, int] = {"person": 0, "organisation": 1, "product": 2, "place": 3, "name": 4}
COMMIT = re.compile(r"\b(?:git|commit)\b", re.IGNORECASE)
BOT = re.compile(r"\[bot\]$")


def annotate_by_rule(
    content: str, context: str = "", tags: Sequence[str] = (), title: str = "", centre: tuple[int, int] | None = None
) -> Annotation:
    """Annotates a text by its form.

    Context and tags are weak evidence, and only for the task type. `title` is what the source calls it; `centre` are
    the characters of the passage whose vector is nearest to the memory's own, where the gist is looked for.
    """
    read = apparatus(_readable(content), with_code=False)
    words_only = without_formed(read.text)
    language = language_of(words_only)
    found = sentences(read.text)
    listed = _entities(read.text, words_only, language, read.people)
    return Annotation(
        entities=listed,
        topics=keyphrases(words_only, language),
        sentiment=_sentiment(read.text, language),
        task_type=_task_type(found, language, context, tags),
        gist=_gist(read.text, title or read.title, found, language, centre) or content[:GIST_CHARACTERS],
        revises=bool(read.reverted) or revises(found[:REVISION_SENTENCES], language),
    )


def _readable(content: str) -> str:
    """The beginning of a text in NFC, so that composed and decomposed forms are alike; lone surrogates become `?`."""
    beginning = content[: 4 * READ_CHARACTERS].encode("utf-8", "replace").decode("utf-8")
    return unicodedata.normalize("NFC", beginning)[:READ_CHARACTERS]


def _entities(text: str, words_only: str, language: str, people: Sequence[str]) -> list[Entity]:
    """Each name once, with its most telling kind; measures come last, so that they give way to names."""
    kinds: dict[str, EntityKind] = {name: "person" for name in people if not BOT.search(name)}
    for name, kind in (*formed(text), *names(words_only, language)):
        if name not in kinds or RANK.get(kind, 9) < RANK.get(kinds[name], -1):
            kinds[name] = kind
    listed = [Entity(text=name, kind=kind) for name, kind in kinds.items() if 0 < len(name) <= ENTITY_CHARACTERS]
    return sorted(listed, key=lambda entity: entity.kind in MEASURES)[:MAXIMUM_ENTITIES]


def _task_type(found: Sequence[str], language: str, context: str, tags: Sequence[str]) -> TaskType:
    """Goal, task or action by the first sentence of such a form, else by a hint; questions are observations."""
    if "git" in tags or COMMIT.search(context):
        return "action"
    for sentence in found[:FORM_SENTENCES]:
        kind = form_of(sentence[:300].replace("’", "'"), language)
        if kind:
            return kind
    hints = [*tags, *context.split()]
    return next((WEAK_EVIDENCE[hint.casefold()] for hint in hints if hint.casefold() in WEAK_EVIDENCE), "observation")


def _sentiment(text: str, language: str) -> float | None:
    """VADER's compound score, the mean over pieces of 500 characters.

    VADER knows English words, and emoji: without English, a text that has no emoji has an unknown sentiment.
    """
    read = text[:SENTIMENT_CHARACTERS]
    if language != "en":
        read = " ".join(character for character in read if character in _analyzer().emojis)
    pieces = [read[at : at + SENTIMENT_PIECE_CHARACTERS] for at in range(0, len(read), SENTIMENT_PIECE_CHARACTERS)]
    compounds = [_analyzer().polarity_scores(piece)["compound"] for piece in pieces]
    return round(sum(compounds) / len(compounds), 4) if compounds else None


@cache
def _analyzer() -> SentimentIntensityAnalyzer:
    return SentimentIntensityAnalyzer()


def _gist(text: str, title: str, found: Sequence[str], language: str, centre: tuple[int, int] | None) -> str:
    """The title, else the sentence of the central passage that is nearest to the words of the whole, cut at a word."""
    gist = title
    if not gist:
        candidates = [without_marks(one) for one in _within(found, text, centre) or found]
        whole = [one for one in candidates if len(one.split()) >= FEWEST_WORDS] or candidates
        gist = _central(whole[:GIST_SENTENCES], text, language)
    gist = " ".join(gist.split())
    if len(gist) <= GIST_CHARACTERS:
        return gist
    shortened = gist[: GIST_CHARACTERS - 1]
    return (shortened.rsplit(" ", 1)[0] if " " in shortened[120:] else shortened) + "…"


def _within(found: Sequence[str], text: str, centre: tuple[int, int] | None) -> list[str]:
    """The sentences that begin in the central passage; none without one."""
    within: list[str] = []
    at = 0
    for sentence in found if centre else ():
        beginning = sentence.split(maxsplit=1)[0]
        at = max(at, text.find(beginning, at))
        if centre and centre[0] <= at < centre[1]:
            within.append(sentence)
        at += len(sentence)
    return within


def _central(candidates: Sequence[str], text: str, language: str) -> str:
    """The sentence with the highest mean weight of its words, which weigh as often as the text has them.

    As SumBasic (Nenkova & Vanderwende 2005), but that a sentence counts as FULL_SENTENCE_WORDS words at least.
    """
    plain = [sentence for sentence in candidates if any(map(str.isalnum, sentence))]
    if not plain:
        return next(iter(candidates), "")
    counts = Counter(_words(text, language))
    weights = [
        sum(counts[word] for word in words) / max(len(sentence.split()), FULL_SENTENCE_WORDS)
        * (0.5 if sentence.endswith(("?", "？", "؟")) else 1) / (1 + 0.1 * place)
        for place, sentence in enumerate(plain)
        for words in [set(_words(sentence, language))]
    ]  # fmt: skip
    return plain[weights.index(max(weights))]


def _words(text: str, language: str) -> list[str]:
    lowered = re.findall(r"\w+", text.casefold())
    return [word for word in lowered if len(word) > 1 and carries_meaning(word, language)]
