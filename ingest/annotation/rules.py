"""Annotates a memory by rule, without a model: topics, entities, sentiment, task type, gist, and whether it revises.

Deterministic and linear in the text; only the beginning of a long text is read. Rules see form, not meaning: the
annotation of a chat model (`ingest.annotation.chat`) is better if there is one.
"""

import re
import unicodedata
from collections.abc import Sequence
from functools import cache

from vaderSentiment.vaderSentiment import SentimentIntensityAnalyzer

from ingest.annotation.entities import entities, without_formed
from ingest.annotation.keyphrases import keyphrases
from ingest.annotation.schema import GIST_CHARACTERS, Annotation, TaskType
from ingest.annotation.sentence_forms import (
    COMMIT,
    TELLING,
    WEAK_EVIDENCE,
    form_of,
    revises,
)
from ingest.annotation.vocabulary import languages_of

RULES_ANNOTATOR = "rules"
RULES_VERSION = "2"
READ_CHARACTERS = 20_000
LANGUAGE_CHARACTERS = 2_000
REVISION_CHARACTERS = 2_000
SENTIMENT_CHARACTERS = 5_000
SENTIMENT_PIECE_CHARACTERS = 500
FORM_SENTENCES = 3
GIST_SENTENCES = 40
FULL_SENTENCE_CHARACTERS = 60

WORD = re.compile(r"[^\W\d_]+(?:['’][^\W\d_]+)*")
SOFT_BREAK = re.compile(r"(?<=[^\n.!?:|])[ \t]{0,8}\n(?=[^\W\d_A-Z])")
SENTENCE_BORDER = re.compile(
    r"(?<!\bDr\.)(?<!\bMr\.)(?<!\bMrs\.)(?<!\bSt\.)(?<=[.!?…])[\"'”’)]?\s+(?=[^\sa-zß-öø-ÿ])|\n+|(?<=[。！？।؟])"
)
LEADING_MARKUP = re.compile(r"^(?:[#>*•+|\s-]|\d{1,3}[.)]\s|\[[ xX]\]|```\w*)+")


def annotate_by_rule(content: str, context: str = "", tags: Sequence[str] = ()) -> Annotation:
    """Annotates a text by its form. Context and tags are weak evidence, and only for the task type."""
    text = _readable(content)
    sentences = _sentences(text)
    languages = languages_of(word.replace("’", "'").lower() for word in WORD.findall(text[:LANGUAGE_CHARACTERS]))
    language = languages[0] if languages else ""
    topics = keyphrases(without_formed(text), languages)
    return Annotation(
        entities=entities(text, language),
        topics=topics,
        sentiment=_sentiment(text, language),
        task_type=_task_type(sentences, language, context, tags),
        gist=_gist(sentences, topics) or text[:GIST_CHARACTERS],
        revises=revises(_sentences(text[:REVISION_CHARACTERS])),
    )


def _readable(content: str) -> str:
    """The beginning of a text in NFC, so that composed and decomposed forms are alike; lone surrogates become `?`."""
    beginning = content[: 4 * READ_CHARACTERS].encode("utf-8", "replace").decode("utf-8")
    return SOFT_BREAK.sub(" ", unicodedata.normalize("NFC", beginning)[:READ_CHARACTERS])


def _sentences(text: str) -> list[str]:
    return [part.strip() for part in SENTENCE_BORDER.split(text) if part and part.strip()]


def _task_type(sentences: Sequence[str], language: str, context: str, tags: Sequence[str]) -> TaskType:
    """Goal, task or action by the first sentence of such a form, else by a hint; questions are observations."""
    if sentences and re.search(r"\b(?:git|commit)\b", context, re.IGNORECASE) and COMMIT.search(sentences[0]):
        return "action"
    for sentence in sentences[:FORM_SENTENCES]:
        kind = form_of(sentence[:300].replace("’", "'"), language)
        if kind:
            return kind
    hints = [*tags, *context.split()]
    return next((WEAK_EVIDENCE[hint.casefold()] for hint in hints if hint.casefold() in WEAK_EVIDENCE), "observation")


def _sentiment(text: str, language: str) -> float:
    """VADER's compound score for English, the mean over pieces of 500 characters; else only emoji count."""
    analyzer = _analyzer()
    read = text[:SENTIMENT_CHARACTERS]
    if language != "en" and not (not language and read.isascii()):
        read = " ".join(character for character in read if character in analyzer.emojis)
    pieces = [read[at : at + SENTIMENT_PIECE_CHARACTERS] for at in range(0, len(read), SENTIMENT_PIECE_CHARACTERS)]
    compounds = [analyzer.polarity_scores(piece)["compound"] for piece in pieces]
    return round(sum(compounds) / len(compounds), 4) if compounds else 0.0


@cache
def _analyzer() -> SentimentIntensityAnalyzer:
    return SentimentIntensityAnalyzer()


def _gist(sentences: Sequence[str], topics: Sequence[str]) -> str:
    """The sentence with most of the topics, preferring early ones, cut at a word if it is too long."""
    stripped = (LEADING_MARKUP.sub("", sentence).rstrip("*_# ") for sentence in sentences[:GIST_SENTENCES])
    plain = [sentence for sentence in stripped if sentence]
    if not plain:
        return ""
    weights = [_gist_weight(sentence, topics) - 0.2 * at for at, sentence in enumerate(plain)]
    gist = " ".join(plain[weights.index(max(weights))].split())
    if len(gist) <= GIST_CHARACTERS:
        return gist
    shortened = gist[: GIST_CHARACTERS - 1]
    return (shortened.rsplit(" ", 1)[0] if " " in shortened[120:] else shortened) + "…"


def _gist_weight(sentence: str, topics: Sequence[str]) -> float:
    lowered = sentence.casefold()
    named = sum(1 / (1 + 0.3 * rank) for rank, topic in enumerate(topics) if topic in lowered)
    length = min(len(sentence), FULL_SENTENCE_CHARACTERS) / FULL_SENTENCE_CHARACTERS
    return named + length + 0.7 * bool(TELLING.search(sentence)) - 0.8 * sentence.endswith("?")
