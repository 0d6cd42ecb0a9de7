"""Finds the keyphrases of a text by the form of its words: no model, no corpus, linear in its length.

Words that carry no topic split the text (as in RAKE) into candidates. In a short note counts say little, so the words
around a candidate decide whether it is a noun: after "the" it is; before "the" or after "we" it is a verb. Chinese,
Japanese and Thai are split at their particles.
"""

import re
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import chain

from ingest.annotation.schema import (
    MAXIMUM_TOPIC_WORDS,
    MAXIMUM_TOPICS,
    TOPIC_CHARACTERS,
    normalised_topic,
)
from ingest.annotation.vocabulary import (
    NOUNS_TOO,
    VAGUE_ALONE,
    singular,
    word_set,
    words,
)

# Combining marks belong to their word, though \w leaves them out.
MARK = (
    r"\u0300-\u036f\u0483-\u0487\u0591-\u05c7\u0610-\u061a\u064b-\u065f\u0670\u06d6-\u06ed\u0900-\u0963\u0970-\u0dff"
    r"\u0e31-\u0e4e\u0eb1-\u0ecd\u0f18-\u0fbc\u102b-\u109d\u1780-\u17d3\u200c\u200d"
)
ELISION = r"\b(?:[ldjnmtsc]|qu)['’](?=[^\W\d_]{2})"
WORD = re.compile(rf"{ELISION}|[^\W\d_](?:[\w{MARK}]|['’\-](?=[^\W\d_]))*|\d+|\S", re.IGNORECASE)
SENTENCE_ENDS = frozenset('.!?:;。！？।|•*#-–—"“”»«)')
POSSESSIVE = re.compile(r"'s?$")
UNSPACED = re.compile(r"[\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u3040-\u30ff\u3400-\u9fff\uf900-\ufaff]")
CHINESE_OR_JAPANESE = re.compile(r"[\u3400-\u9fff\uf900-\ufaff々]+|[\u30a0-\u30ff]+")
CHINESE_PARTICLES = re.compile(
    "[的了是在我你他她它们們这這那有和与與就不都也很还還要会會能可到去来來说說把被让讓给給对對从從为為着著过過吗嗎呢吧啊没沒"
    "年月日时時分今明昨天上下午晚早修好检查檢查买買看听聽个個以及而且但如果因所]+"
)
THAI = re.compile(r"[\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff]+")
THAI_PARTICLES = re.compile(
    "และ|หรือ|แต่|ที่|ของ|ใน|เป็น|ไม่|ได้|มี|ว่า|จะ|ให้|กับ|แล้ว|ฉัน|ผม|เขา|เรา|นี้|นั้น|มา|ไป|อยู่|จาก|ต้อง|วันนี้|เพื่อ|ครับ|ค่ะ|คือ|โดย"
)
THAI_CHARACTERS = 20
KOREAN_PARTICLE = re.compile(
    r"^([\uac00-\ud7af]{2,}?)(?:에서는|에서|으로|에게|까지|부터|은|는|이|가|을|를|에|의|로|와|과|도|만)$"
)
VERB_ENDINGS = {
    "en": re.compile(r"..(?<!e)ed$|.{3}(?<!mi|ne|pp)ly$|.{3}est$|n't$|'(?:ll|ve|re|d)$"),
    "sv": re.compile(r"..(?:ade|ades|at|ligen|ande)$"),
    "fr": re.compile(r"...(?<!i)(?:er|ais|ait|aient|ons|ez|ement|é)$"),
    "es": re.compile(r"...(?:ar|er|ir|é|ó|aba|aron|ieron|ando|iendo|mente|arlo|arla)$"),
    "pt": re.compile(r"...(?:ar|er|ir|ei|ou|ava|aram|eram|iram|ando|endo|indo|mente|á-lo|á-la)$"),
}
NOUNS_LIKE_VERBS = word_set("""
    forest harvest interest request contest guest protest digest arrest manifest priest conquest
    anomaly assembly belly bed butterfly embed family jelly monopoly seed shed speed supply weed watershed testbed
    mujer lugar taller carácter poder mar hogar alquiler mulher colher talher hiver mer café bebé comité bébé marché
    côté thé été clé maison saison avion format salat
""")
OBJECTS = {
    "en": word_set("the a an my your his her its our their it them him us me"),
    "sv": word_set("en ett den det min mitt mina vår vårt våra sin sitt sina"),
    "fr": word_set("le la les l' un une mon ma mes notre nos son sa ses"),
    "es": word_set("el la los las un una mi mis su sus"),
    "pt": word_set("o os um uma meu minha meus minhas seu sua"),
}
CONNECTORS = {
    "fr": word_set("de d' du"),
    "es": word_set("de del"),
    "pt": word_set("de do da dos das"),
}
PREPOSITIONS = word_set("""
    of for in on at with about from into by over under near after before through behind beyond plus av för i på med om
    från till de du des sur avec pour dans con por para sobre com em no na do da
""")
SHORT_WORD_LETTERS = 3
PHRASE_WEIGHTS = {1: 1.0, 2: 1.7, 3: 1.6}
NAME_WEIGHT = 0.6
WEAKEST_SHARE = 0.3


@dataclass(frozen=True, slots=True)
class Token:
    """A word of the text as written and in lower case, and whether a sentence begins with it."""

    text: str
    lower: str
    starts_sentence: bool

    @property
    def is_word(self) -> bool:
        return self.lower[0].isalpha()

    @property
    def is_capitalised(self) -> bool:
        return self.text[0].isupper() and not self.starts_sentence


@dataclass(slots=True)
class PhraseCandidate:
    """A phrase that may be a topic, with the evidence for it."""

    topic: str
    noun_evidence: float
    position: int
    is_name: bool = False
    count: int = 1


BORDER = Token("|", "|", False)


def keyphrases(text: str, languages: Sequence[str]) -> list[str]:
    """Topics of a text, most typical first; `languages` as `languages_of` finds them."""
    tokens = [*_tokens(text), BORDER]
    languages = languages or (["en"] if text.isascii() else [""])
    found: dict[str, PhraseCandidate] = {}
    for candidate in _candidates(tokens, languages):
        known = found.setdefault(candidate.topic, candidate)
        if known is not candidate:
            known.count += 1
            known.noun_evidence = max(known.noun_evidence, candidate.noun_evidence)
    return _best([one for one in found.values() if 0 < len(one.topic) <= TOPIC_CHARACTERS])


def _tokens(text: str) -> list[Token]:
    tokens: list[Token] = []
    starts_sentence = True
    for word in WORD.findall(text):
        tokens.append(Token(word, word.replace("’", "'").lower(), starts_sentence))
        starts_sentence = word in SENTENCE_ENDS or (starts_sentence and not word[0].isalnum())
    return tokens


def _candidates(tokens: Sequence[Token], languages: Sequence[str]) -> Iterator[PhraseCandidate]:
    """Yields candidates from the runs of words between words that carry no topic."""
    run: list[Token] = []
    start = 0
    language = languages[0]
    stop = frozenset().union(*(words("stop", one) for one in languages))
    for index, token in enumerate(tokens):
        joins = bool(run) and token.lower in CONNECTORS.get(language, ())
        if token.is_word and (joins or _carries_topic(tokens, index, language, stop)):
            start = start if run else index
            run.append(token)
            if not token.lower.endswith(("'s", "s'")):
                continue
        yield from _from_run(tokens, start, run, language)
        run = []
        if token.is_word and UNSPACED.search(token.text):
            yield from (PhraseCandidate(normalised_topic(part), 1, index) for part in _unspaced_parts(token.text))


def _carries_topic(tokens: Sequence[Token], index: int, language: str, stop: frozenset[str]) -> bool:
    token = tokens[index]
    if (
        token.lower in stop
        or POSSESSIVE.sub("", token.lower) in stop
        or len(token.lower) == 1
        or UNSPACED.search(token.text)
    ):
        return False
    if not words("determiners", language) and len(token.lower) <= SHORT_WORD_LETTERS and not token.text.isupper():
        return False
    if language == "de":
        return token.text[0].isupper()
    return token.is_capitalised or not _is_verb(tokens, index, language)


def _is_verb(tokens: Sequence[Token], index: int, language: str) -> bool:
    """Whether the word's ending or its neighbours make it a verb or an adverb."""
    word = tokens[index].lower
    before = tokens[index - 1].lower if index else ""
    after = tokens[index + 1].lower if index + 1 < len(tokens) else ""
    if before in words("determiners", language):
        return False
    ending = VERB_ENDINGS.get(language)
    if ending and ending.search(word) and word not in NOUNS_LIKE_VERBS:
        return True
    if before in words("subjects", language) or after in OBJECTS.get(language, ()):
        return True
    if language != "en":
        return False
    if before == "to":
        return word in NOUNS_TOO or after in PREPOSITIONS or after == "|"
    return word.endswith("ing") and (before in words("auxiliaries", language) or after in PREPOSITIONS)


def _from_run(tokens: Sequence[Token], start: int, run: Sequence[Token], language: str) -> Iterator[PhraseCandidate]:
    connectors = CONNECTORS.get(language, frozenset())
    while run and run[-1].lower in connectors:
        run = run[:-1]
    if not run:
        return
    if len(run) > 1 and language == "en" and _is_third_person(run[-1].lower, tokens[start + len(run)]):
        run = run[:-1]
    kept = run[:MAXIMUM_TOPIC_WORDS] if connectors else run[-MAXIMUM_TOPIC_WORDS:]
    while kept[-1].lower in connectors:
        kept = kept[:-1]
    evidence = _noun_evidence(tokens[start - 1].lower if start else "", language) if len(kept) == len(run) else 1.0
    is_name = language != "de" and all(token.is_capitalised for token in kept)
    if len(kept) == 1 and not is_name and not _stands_alone(kept[0], evidence, language):
        return
    if language == "en" and all(_is_vague(token.lower) for token in kept):
        return
    *first, last = [POSSESSIVE.sub("", token.lower) for token in kept]
    last = singular(last) if language == "en" and not is_name else KOREAN_PARTICLE.sub(r"\1", last)
    yield PhraseCandidate(normalised_topic(" ".join([*first, last]).replace("' ", "'")), evidence, start, is_name)


def _is_third_person(word: str, following: Token) -> bool:
    """Whether the last word of a phrase is a verb as in "the river runs through"."""
    if not word.endswith("s") or singular(word) not in NOUNS_TOO or not following.lower[0].isalnum():
        return False
    return following.lower not in words("auxiliaries", "en") and following.lower not in ("of", "and", "or", "with")


def _noun_evidence(before: str, language: str) -> float:
    """How strongly the word before a phrase says that it is a noun; 1.0 is neutral."""
    if before in words("auxiliaries", language):
        return 0.3
    if before in words("determiners", language) or before.isdigit() or before.endswith("'s"):
        return 1.5
    if before in PREPOSITIONS:
        return 1.3
    return 1.15 if before in words("stop", language) else 1.0


def _stands_alone(token: Token, evidence: float, language: str) -> bool:
    word = POSSESSIVE.sub("", token.lower)
    if len(word) < 3:
        return token.text.isupper() and len(word) == 2
    if language != "en":
        return evidence > 0.5
    if _is_vague(word) or evidence < 0.5:
        return False
    weak = word.endswith(("ing", "ful", "less", "ous", "ive", "able", "ible", "ish")) or word in NOUNS_TOO
    return evidence > 1.2 or not weak


def _is_vague(word: str) -> bool:
    return word in VAGUE_ALONE or singular(word) in VAGUE_ALONE


def _unspaced_parts(text: str) -> Iterator[str]:
    """Rough words of scripts without spaces: text between particles, in pieces of 2 to 6 characters (Thai: 3 to 20)."""
    pieces = [*chain.from_iterable(map(CHINESE_PARTICLES.split, CHINESE_OR_JAPANESE.findall(text)))]
    pieces = [piece for run in pieces for piece in re.findall(".{2,6}", run)]
    pieces += [
        piece[:THAI_CHARACTERS] for run in THAI.findall(text) for piece in THAI_PARTICLES.split(run) if len(piece) > 2
    ]
    yield from pieces or [text[:6]]


def _best(candidates: Sequence[PhraseCandidate]) -> list[str]:
    """The highest-ranked topics that do not repeat one another; a note of few words gets few."""
    word_counts: Counter[str] = Counter()
    for candidate in candidates:
        word_counts.update(dict.fromkeys(candidate.topic.split(), candidate.count))
    ranked = sorted(
        ((_weight(one, word_counts), one) for one in candidates), key=lambda pair: (-pair[0], pair[1].position)
    )
    limit = min(MAXIMUM_TOPICS, 2 + len(word_counts) // 3)
    chosen: list[tuple[set[str], str]] = []
    for weight, candidate in ranked:
        parts = set(candidate.topic.split())
        if len(chosen) == limit or weight < WEAKEST_SHARE * ranked[0][0]:
            break
        if not any(parts <= other or other <= parts for other, _ in chosen):
            chosen.append((parts, candidate.topic))
    return [topic for _, topic in chosen]


def _weight(candidate: PhraseCandidate, word_counts: Counter[str]) -> float:
    parts = candidate.topic.split()
    recurrence = candidate.count + sum(word_counts[part] - candidate.count for part in parts) / (2 * len(parts))
    form = PHRASE_WEIGHTS[min(len(parts), MAXIMUM_TOPIC_WORDS)] * (
        NAME_WEIGHT if candidate.is_name and len(parts) == 1 else 1
    )
    return float(form * candidate.noun_evidence * recurrence**0.7 / (1 + candidate.position / 200))
