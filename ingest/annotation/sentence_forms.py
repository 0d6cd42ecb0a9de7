"""Recognises sentences that state a goal, a task, something done, or a change, by a few phrases of each language.

A phrase is one that people use of any subject ("no longer", "must"), so that no topic is favoured. Where a language has
no row, only marks that all share are read, such as ticked boxes. Matching is linear in the text.
"""

import re
from collections.abc import Sequence
from functools import cache
from typing import NamedTuple

from ingest.annotation.languages import stop_words, verb_form, zipf
from ingest.annotation.schema import TaskType


class Phrases(NamedTuple):
    """Regular expressions of one language, without groups. `change` says that something no longer holds."""

    goal: str
    task: str
    done: str
    change: str


# The marks of lists and labels that all languages share.
MARKS: tuple[tuple[TaskType, re.Pattern[str]], ...] = (
    ("action", re.compile(r"^\W{0,4}\[[xX]\]|^[☑✅✔]|^done\s?[:!.]", re.IGNORECASE)),
    ("task", re.compile(r"^\W{0,4}\[ \]|^☐|\b(?-i:TODO|FIXME)\b|^(?:to-?do|next(?: steps?)?|reminder)\s?:", re.IGNORECASE)),
)
PHRASES = {
    "en": Phrases(
        r"^(?:(?:my|our|new|main|the|sub)[ -]?)*(?:goals?|aim|resolution|plan)\s?:|\b(?:my|our|the) (?:goal|aim|dream) is\b"
        r"|\b(?:i|we)(?:'d| would| really)? (?:want|hope|like|love|aim|plan|intend) to\b"
        r"|\b(?:i'm|i am|we're|we are) (?:planning|aiming|hoping) to\b|\bby [\w ]{1,20},? (?:i|we) (?:should|want|will)\b",
        r"\b(?:i|we|you|someone) (?:still |also |really )?(?:need to|have to|must|should|ought to)\b(?! have)"
        r"|^(?:must|needs? to|have to|remember to|don't forget|do not forget)\b|\b(?:i|we)(?:'ll| will)(?! not| never) \w+"
        r"|\bneeds to be\b|\bdue (?:on|by)\b",
        r"\b(?:i|we)(?:'ve| have) \w+(?:ed|en|ne|ught|lt)\b",
        r"no longer|any ?more(?=\s*[.,;!]|$)|instead of|from now on|as of (?:now|today)|on second thoughts?"
        r"|(?:changed?|changing) (?:my|our|his|her|their) minds?|turn(?:s|ed) out .{0,40}?(?:wrong|false|not|otherwise)"
        r"|actually,? (?:not|it's not|it is not|it isn't)|(?:i|we) (?:was|were) wrong|switch(?:ed|ing) (?:from|to|over|back)"
        r"|(?:is|are|was|were|been|has|have) (?:now )?(?:moved|postponed|cancell?ed|rescheduled|renamed|replaced|called off)"
        r"|(?:is|are) now(?= \d| at | in | on | called | only )|(?:raised|lowered|increased|reduced|changed|cut|moved) "
        r"(?:\S+ ){0,4}to(?= \d| next | \w{3,6}day)|reverted?|decided against"
        r"|(?<!am )(?<!is )(?<!are )(?<!was )(?<!were )(?<!be )(?<!get )(?<!got )used to(?! \w+ing\b| it\b| the\b| th[ai]\w)",
    ),
    "de": Phrases(
        r"\bziele?(?: ist|:)|\b(?:ich|wir) (?:will|wollen|möchten?|plane|planen|hoffe)\b",
        r"\b(?:ich|wir|du|man) (?:muss|müssen|soll|sollen|sollten?)\b|\b(?:muss|müssen) (?:ich|wir|noch)\b|nicht vergessen",
        r"\b(?:ich habe|wir haben|habe ich|haben wir|ich bin|wir sind)\b.{1,80}\b(?:\w*ge\w{2,}(?:t|en)|\w+iert)\b",
        r"nicht mehr|kein(?:e[nmrs]?)? .{1,30}? mehr|ab (?:jetzt|sofort|heute)|(?<!\w)statt(?:dessen)?|doch nicht"
        r"|meinung geändert|(?:ist|wurde|wird) .{0,30}?(?:verschoben|abgesagt|ersetzt)",
    ),
    "fr": Phrases(
        r"\b(?:objectif|but)(?: est|\s?:)|\b(?:je|nous) (?:veux|voudrais|voulons|voudrions|compte|esp[èé]r\w+)\b",
        r"\b(?:il faut|je dois|nous devons|on doit|n'oublie|ne pas oublier)\b|^à faire\s?:",
        r"\b(?:j'ai|nous avons|on a)(?: \w+ment| enfin| bien)? \w{2,}(?:é|ris|it|is|ert|endu)e?s?\b",
        r"n(?:e |')\w+ plus|désormais|dorénavant|au lieu d[e'u]|changé d'avis"
        r"|(?:est|a été|sont|ont été) (?:report|annul|remplac|déplac)ée?s?|(?:me suis|s'est) trompée?",
    ),
    "es": Phrases(
        r"\b(?:objetivo|meta)(?: es|:)|\b(?:quiero|queremos|quisiera|espero) \w{2,}[aei]r\b",
        r"\b(?:tengo que|tenemos que|hay que|debo|debemos|no olvidar|necesito)\b|^(?:pendiente|por hacer)\s?:",
        r"\b(?:he|hemos) \w{2,}[ai]do\b|\b\w{3,}(?:é|amos|imos) (?:el|la|los|las|un|una|con|mi)\b|\b(?:hice|hicimos)\b",
        r"ya no|en (?:lugar|vez) de|a partir de (?:ahora|hoy)|de ahora en adelante|cambi(?:é|amos|ado) de"
        r"|(?:aplazad|cancelad|reemplazad)[oa]s?|me equivoqué",
    ),
    "pt": Phrases(
        r"\b(?:objetivo|meta)(?: é|:)|\b(?:quero|queremos|gostaria de|espero) \w{2,}[aei]r\b",
        r"\b(?:tenho (?:de|que)|temos (?:de|que)|é preciso|preciso de|precisamos|não esquecer|devo|devemos)\b",
        r"\b(?!gostei|achei|pensei|fiquei)\w{3,}ei (?:o|a|os|as|um|uma)\b|\b(?:fiz|fizemos)\b",
        r"já não|não .{1,25}? mais(?=[.,;!]|$)|em vez de|de agora em diante|a partir de (?:agora|hoje)|mud(?:ei|ámos|amos) de"
        r"|(?:adiad|cancelad|substituíd)[oa]s?|enganei-me",
    ),
    "it": Phrases(
        r"\bobiettivo(?: è|:)|\b(?:voglio|vogliamo|vorrei|spero di) \w{2,}[aei]re\b",
        r"\b(?:devo|dobbiamo|bisogna|non dimenticare|occorre)\b|^da fare\s?:",
        r"\b(?:ho|abbiamo)(?: \w+mente)? \w{2,}(?:ato|uto|ito|tto|sto|so)\b",
        r"non .{1,20}? più|invece di|d'ora in poi|ho cambiato idea|(?:rinviat|annullat|sostituit)[oaie]|mi sono sbagliat[oa]",
    ),
    "nl": Phrases(
        r"\bdoel(?: is|:)|\b(?:ik|we|wij) (?:wil|willen|hoop|hopen)\b",
        r"\b(?:ik|we|wij|je) (?:moet|moeten|zou|zouden)\b|\bniet vergeten\b|^te doen\s?:",
        r"\b(?:ik heb|we hebben|wij hebben)\b.{1,80}\bge\w{2,}(?:t|d|en)\b",
        r"niet meer|geen .{1,30}? meer|in plaats van|vanaf (?:nu|vandaag)|(?:is|wordt) .{0,30}?(?:verplaatst|afgelast|vervangen)",
    ),
    "sv": Phrases(
        r"\bmål(?:et)?(?: är|:)|\b(?:jag|vi) (?:vill|hoppas|planerar)\b",
        r"\b(?:jag|vi|du|man) (?:behöver|ska|bör)\b|\b(?:måste|glöm inte|kom ihåg)\b|^att göra\s?:",
        r"\b(?:jag|vi)(?: har)? (?!hade\b|trodde|tyckte|kände|brukade)(?:\w{2,}(?:ade|at|tt)|köpte|körde|skrev|gjorde)\b",
        r"inte längre|inte .{1,20}? längre|i ?stället för|från och med (?:nu|idag)|numera|brukade|ändra(?:t|de) (?:mig|oss|sig)"
        r"|inställ[dt]a?|(?:är|har blivit) (?:flyttad|ersatt|framflyttad)|hade fel",
    ),
    "da": Phrases(
        r"\bmål(?:et)?(?: er|:)|\b(?:jeg|vi) (?:vil gerne|håber)\b", r"\b(?:jeg|vi|du) (?:skal|bør|må)\b|\bhusk at\b",
        r"\b(?:jeg|vi) har \w{2,}(?:et|t)\b", r"ikke længere|ikke mere|i stedet for|fra nu af|(?:aflyst|udskudt|flyttet til)",
    ),
    "nb": Phrases(
        r"\bmål(?:et)?(?: er|:)|\b(?:jeg|vi) (?:vil|håper)\b", r"\b(?:jeg|vi|du) (?:må|skal|bør)\b|\bhusk å\b",
        r"\b(?:jeg|vi) har \w{2,}(?:et|t)\b", r"ikke lenger|i stedet for|fra nå av|(?:avlyst|utsatt|flyttet til)",
    ),
    "fi": Phrases(
        r"\btavoite(?: on|:)|\b(?:haluan|haluamme|toivon)\b", r"\b(?:pitää|täytyy|on pakko|muista)\b",
        r"\b(?:olen|olemme) \w+(?:nut|nyt|neet)\b", r"ei(?:vät)? enää|en enää|sen sijaan|tästä lähtien|(?:peruttu|siirretty)",
    ),
    "pl": Phrases(
        r"\bcel(?:em)?(?: jest|:)|\b(?:chcę|chcemy|chciał[ao]?bym)\b", r"\b(?:muszę|musimy|trzeba|należy|nie zapomnieć)\b",
        r"\b(?!był)\w{3,}(?:łem|łam|liśmy)\b", r"już nie|zamiast|od teraz|od dziś|(?:odwołan|przełożon|zastąpion)[yaeo]",
    ),
    "ru": Phrases(
        r"\bцель(?:\s?:| —)|\b(?:хочу|хотим|мечтаю)\b", r"\b(?:надо|нужно|должен|должна|должны|не забыть)\b",
        r"\b(?:я|мы) \w{3,}(?:л|ла|ли)\b", r"больше не|уже не|вместо|отныне|теперь не|(?:отмен|перенес|замен)[её]н[аоы]?",
    ),
    "uk": Phrases(
        r"\bмета(?:\s?:| —)|\b(?:хочу|хочемо)\b", r"\b(?:треба|потрібно|мушу|повинен|повинна|не забути)\b",
        r"\b(?:я|ми) \w{3,}(?:в|ла|ли)\b", r"більше не|вже не|замість|відтепер|(?:скасован|перенесен|замінен)[аоі]",
    ),
    "el": Phrases(
        r"\bστόχος(?: είναι|:)|\bθέλ(?:ω|ουμε) να\b", r"\b(?:πρέπει|μην ξεχάσ\w+|χρειάζεται)\b", r"(?!)",
        r"δεν .{1,25}? πια|αντί για|από εδώ και πέρα|από τώρα|(?:ακυρώθηκε|αναβλήθηκε)",
    ),
    "tr": Phrases(
        r"\bhedef(?:im)?\s?:|\bistiyor(?:um|uz)\b", r"\b(?:gerek|lazım|unutma)\b|\w+m[ae]l[ıi]y(?:ım|im|ız|iz)\b", r"(?!)",
        r"artık|yerine|bundan sonra|(?:iptal edildi|ertelendi)",
    ),
    "ar": Phrases(r"الهدف|أريد أن|نريد أن", r"يجب أن|يجب|لا تنس", r"(?!)", r"لم يعد|لم تعد|بدلا من|بدلًا من|من الآن"),
    "he": Phrases(r"המטרה|אני רוצה|אנחנו רוצים", r"צריך|צריכה|חייב|לא לשכוח", r"(?!)", r"כבר לא|במקום|מעכשיו|מהיום"),
    "hi": Phrases(r"लक्ष्य|चाहता हूँ|चाहती हूँ", r"ज़रूरी है|करना है|चाहिए|मत भूलना", r"(?!)", r"अब नहीं|के बजाय|की जगह|अब से"),
    "zh": Phrases(r"目标|我想|我们想|打算", r"必须|需要|应该|别忘了|要记得", r"修好了|完成了|做完了", r"不再|已经不|而不是|改成|改为|取消|从现在起"),
    "ja": Phrases(r"目標|したい", r"しなければ|忘れない|する必要", r"しました。?$", r"もう.{1,20}ない|の代わりに|今後は|変更|中止"),
    "ko": Phrases(r"목표|하고 싶", r"해야 (?:한다|해|합니다)|잊지", r"(?!)", r"더 이상|대신|이제부터|취소"),
}  # fmt: skip
WEAK_EVIDENCE: dict[str, TaskType] = {
    "goal": "goal", "goals": "goal", "todo": "task", "to-do": "task", "task": "task", "tasks": "task", "done": "action",
}  # fmt: skip
LABELLED_CHANGE = re.compile(r"^(?:update|edit|correction|corrected|errata|rättelse|korrektur|corrección)\s?:", re.IGNORECASE)
PROPOSAL = re.compile(r"^(?:what if|idea|why not|maybe|perhaps)|\b(?:could|should|would|might)\b|[?？؟]$", re.IGNORECASE)
# Verbs of a state, of which nothing gets done, and the words before a verb that begins a report or an order.
STATES = frozenset("be have do want feel think know need hope like love seem believe wish see notice hear use".split())
# "Buying" is in the dictionary as a noun, yet so common that "buy" is a verb first.
COMMON_ACTIVITY_ZIPF = 4.5
ENGLISH_SUBJECT = re.compile(
    r"^(?:(?:just|finally|then|today|yesterday|also|please|and|first),? )?(?:(?:i|we) (?:\w+ly |also |just |then |finally )?)?"
    r"(?P<verb>[a-z]{2,20})\b(?P<rest>.*)$",
    re.IGNORECASE,
)
LATER_SUBJECT = re.compile(r"\b(?:i|we) (?:\w+ly |also |just |then |finally )?(?P<verb>[a-z]{2,20})\b(?P<rest>.*)$", re.IGNORECASE)
FINITE = re.compile(r"\b(?:is|are|was|were|has|had|will|would|can|could|may|might|does|did)\b|\w{3,}ed\b", re.IGNORECASE)


@cache
def _patterns(language: str) -> tuple[tuple[TaskType, re.Pattern[str]], ...]:
    phrases = PHRASES.get(language)
    own = zip(("goal", "task", "action"), phrases[:3], strict=True) if phrases else ()
    return (*MARKS, *((kind, re.compile(pattern, re.IGNORECASE)) for kind, pattern in own))  # type: ignore[misc]


@cache
def _change(language: str) -> re.Pattern[str] | None:
    phrases = PHRASES.get(language)
    if not phrases:
        return None
    # Words of scripts without spaces have no borders.
    spaced = language not in ("zh", "ja", "ko", "ar", "he", "hi")
    return re.compile(rf"\b(?:{phrases.change})(?!\w)" if spaced else phrases.change, re.IGNORECASE)


def form_of(sentence: str, language: str) -> TaskType | None:
    """Goal, task or action if the sentence has such a form, else None; a question is none of them."""
    if sentence.endswith(("?", "？", "؟")):
        return None
    found = next((kind for kind, pattern in _patterns(language) if pattern.search(sentence)), None)
    return found or (_english_form(sentence) if language == "en" else None)


def _english_form(sentence: str) -> TaskType | None:
    """Reads English sentences that begin with a verb, or with oneself: in the past it was done, as an order it is not."""
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
    """Whether a sentence that begins with this word tells to do something: a verb, and no other that makes a statement."""
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
        if change and change.search(sentence) and not PROPOSAL.search(sentence):
            return True
    return False
