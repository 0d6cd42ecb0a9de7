"""Recognises sentences that state goals, tasks, actions and revisions, by patterns in six languages.

Every pattern is bounded, so that matching stays linear in the text. A pattern serves its own language only, since words
of one are endings of another; phrases that say that something changed are distinctive enough to be tried on every text.
"""

import re
from collections.abc import Sequence

from ingest.annotation.schema import TaskType

TELLING = re.compile(
    r"\b(?:decided|decision|goal|fixed|turned out|turns out|because|therefore|conclusion|cause|learned|lesson"
    r"|found|must|no longer|instead|works|failed|finally|deadline|beslut|mål|weil|entschieden|parce que|décidé"
    r"|porque|decid)",
    re.IGNORECASE,
)
ENGLISH_PAST = (
    r"(?:(?!need|indeed|observed|owned|speed|feed|seed|tired|bored|excited|interested|worried|pleased|relieved"
    r"|surprised|confused|annoyed|married|scared|delighted|disappointed|noticed|learned|reali[sz]ed|wanted"
    r"|liked|loved|hated|believed|assumed|wondered|seemed|needed|hoped|expected|remembered|wished|feared"
    r"|enjoyed|missed|supposed|used|red\b|un|hundred|naked)[a-z-]{2,20}ed|ran|made|wrote|rewrote|built|rebuilt"
    r"|sent|bought|took|put|read|drove|rode|gave|brought|taught|sold|paid|cut|told|swapped|drew|set|met|went"
    r"|dug|hung|laid|sewed|swam|spoke|sang|withdrew)\b"
)
IMPERATIVE = (
    r"(?:buy|bring|ask|send|write|clean|repair|install|migrate|deploy|remove|add|create|ensure|make sure|get"
    r"|pick up|prepare|replace|verify|tell|find|return|renew|finish|remember|don't forget|do not forget"
    r"|schedule|follow up|look into|look up|throw|pay|collect|reply|learn|try|investigate|measure|rename"
    r"|refactor|implement|upgrade|delete|merge|move|take|give|put|(?:(?:call|phone|email|book|test|report"
    r"|review|update|order|check|fix|plan|paint|rent|open|cut|print|sign)(?=\s(?:the|a|an|my|our|your"
    r"|his|her|their|this|all|it|them|for|with|whether|if|up|(?-i:[A-Z])))))(?=\s(?!is\b|was\b|are\b|were\b"
    r"|has\b|had\b|will\b)\S)"
)
COMMIT = re.compile(
    r"^(?:(?:feat|fix|docs|chore|refactor|test|perf|build|ci|style|revert)(?:\([^)\n]{1,40}\))?!?:\s"
    r"|(?:add|fix|remove|update|use|make|bump|rename|move|merge|refactor|implement|improve|support|allow|avoid"
    r"|clean|document|drop|handle|introduce|release|replace|revert|simplify|speed|switch|test|write)(?:s|e?d)?\b)",
    re.IGNORECASE,
)
# Patterns of sentences by language; the first match decides. "any" goes before those of the text's own language.
PATTERNS: dict[str, tuple[tuple[TaskType, str], ...]] = {
    "any": (
        ("action", r"^\W{0,4}\[x\]|^[☑✅✔]|^(?:done|klart|erledigt|fait|hecho|feito)\s?[:!.]"),
        ("task", r"^\W{0,4}\[ \]|^☐|\b(?-i:TODO|FIXME)\b|^(?:to-?do|next(?: steps?)?|tasks?|action item|reminder)\s?:"),
        ("goal", r"^(?:sub-?|my |our |new |main |the )*(?:goals?|aim|objective|milestone|resolution|new habit)\s?:"),
    ),
    "en": (
        (
            "goal",
            r"^(?:(?:three |two |new |my |our )*sub-?)?(?:goals?|new habit)\b(?! (?:was|of|keeper|reached"
            r"|post))|^(?:[\w-]+ )?plans?(?: for [\w ]{1,30})?:|\b(?:my|our|the) (?:goal|aim|dream|ambition"
            r"|objective) is\b|\b(?:i|we)(?:'d| would| really)? (?:want|hope|like|love|aim|plan|intend) to\b"
            r"|\b(?:i'm|i am|we're|we are) (?:planning|aiming|hoping) to\b|^(?:plan|aim|hope|want)(?:ning"
            r"|ing)? to\b|\bby (?:next |the end of )?\w+,? (?:i|we) (?:should|want|will|would|must|need)\b",
        ),
        (
            "task",
            r"\b(?:i|we|you|one of us|someone) (?:still |also |really )?(?:need to|have to|has to|must|should"
            r"|ought to)\b(?! have)|^(?:still |we |i )?(?:must|needs? to|have to|remember to|don't forget"
            r"|do not forget)\b|\b(?:i|we)(?:'ll| will| am going to|'m going to| are going to) (?!never|always"
            r"|be\b|miss\b|not\b)|\bneeds? (?:to be |re)?\w+(?:ed|ing|ten)\b|\bmust be \w+ed\b|\bdue (?:on|by)\b"
            rf"|^(?:please |then |and |first,? )?{IMPERATIVE}",
        ),
        (
            "action",
            rf"^(?:just |finally |then |today,? |yesterday,? |also )?{ENGLISH_PAST}(?!,? by\b)"
            rf"|\b(?:i|we)(?:'ve| have)?(?: \w+ly| also| just| then| finally)? {ENGLISH_PAST}"
            r"|\b(?:i|we)(?:'ve| have) (?:done|begun|written|drawn|driven)\b",
        ),
    ),
    "sv": (
        ("goal", r"\b(?:del)?mål(?:et)?(?: är|:)|\b(?:jag|vi) (?:vill|hoppas|siktar|planerar)\b"),
        (
            "task",
            r"\b(?:jag|vi|du) (?:behöver|ska|bör)\b|\b(?:måste|glöm inte|kom ihåg)\b|^(?:att göra|nästa|uppgift)\s?:",
        ),
        (
            "action",
            r"(?:^|\b(?:jag|vi) (?:har )?)(?!hade\b|trodde|tyckte|kände|brukade)(?:\w{2,}(?:ade|at)|körde"
            r"|ringde|skrev|köpte|åkte|gjorde|byggde|bytte|läste|satte|hämtade|köpt|skrivit|gjort|bytt|byggt"
            r"|tog|sålde|betalade)\b",
        ),
    ),
    "de": (
        ("goal", r"\bziele?(?: ist|:)|\b(?:ich|wir) (?:will|wollen|möchten?|plane|planen|hoffe)\b"),
        (
            "task",
            r"\b(?:ich|wir|du) (?:muss|müssen|soll|sollen|sollten?)\b|\b(?:muss|müssen) (?:ich|wir|noch)\b"
            r"|\bnicht vergessen\b|^(?:zu erledigen|aufgabe|nächstes)\s?:",
        ),
        (
            "action",
            r"\b(?:ich habe|wir haben|habe ich|haben wir)\b.{1,80}\b\w*(?:ge\w{2,}(?:t|en)|iert|stellt|kauft"
            r"|hoben)\b|^(?:behoben|repariert|gekauft|erledigt|gebaut|geschrieben|angerufen)\b",
        ),
    ),
    "fr": (
        (
            "goal",
            r"\b(?:objectif|but)(?: est|\s?:)|\b(?:je|nous) (?:veux|voudrais|voulons|voudrions|compte|esp[èé]r\w+)\b",
        ),
        (
            "task",
            r"\b(?:il faut|je dois|nous devons|on doit|n'oublie|ne pas oublier|penser à)\b|^(?:à faire|tâche)\s?:",
        ),
        (
            "action",
            r"\b(?:j'ai|nous avons|on a)(?: \w+ment| enfin| bien)? (?!pensé|aimé|oublié|espéré)\w{2,}(?:é|ris"
            r"|it|is|ouvert|endu)\b|^(?:réparé|acheté|corrigé|appelé|envoyé)\b",
        ),
    ),
    "es": (
        ("goal", r"\b(?:objetivo|meta)(?: es|:)|\b(?:quiero|queremos|quisiera|espero|pretendo) \w{2,}[aei]r\b"),
        (
            "task",
            r"\b(?:tengo que|tenemos que|hay que|debo|debemos|no olvidar|necesito|recordar que)\b|^(?:pendiente"
            r"|por hacer|tarea)\s?:",
        ),
        (
            "action",
            r"\b(?!pensé|quedé|porqué)\w{3,}é\b(?= (?:el|la|los|las|un|una|a|al|con|mi|de)\b)|\b(?:hice|escribí"
            r"|hicimos|envié)\b|\b(?:he|hemos) \w{2,}[ai]do\b|\b\w{3,}amos (?:el|la|los|las)\b",
        ),
    ),
    "pt": (
        ("goal", r"\b(?:objetivo|meta)(?: é|:)|\b(?:quero|queremos|gostaria de|espero|pretendo) \w{2,}[aei]r\b"),
        (
            "task",
            r"\b(?:tenho (?:de|que)|temos (?:de|que)|é preciso|preciso de|precisamos|não esquecer|devo"
            r"|devemos)\b|^(?:por fazer|tarefa|pendente)\s?:",
        ),
        ("action", r"\b(?!gostei|achei|pensei|fiquei|\w+rei\b)\w{3,}ei\b|\b(?:fiz|fizemos|escrevi|corrigi)\b"),
    ),
}
FORMS = {
    language: [(kind, re.compile(pattern, re.IGNORECASE)) for kind, pattern in patterns]
    for language, patterns in PATTERNS.items()
}
WEAK_EVIDENCE: dict[str, TaskType] = {
    "goal": "goal", "goals": "goal", "todo": "task", "to-do": "task", "task": "task", "tasks": "task", "done": "action",
}  # fmt: skip
# Phrases that say that something changed.
REVISING = {
    "en": (
        r"no longer|not any ?more|any ?more(?=\s*[.,;!]|$)|any longer|superseded|obsolete|from now on"
        r"|changed? (?:my|our|his|her|their|the) (?:minds?|plans?)|(?:turns|turned"
        r"|turning) out .{0,40}?(?:wrong|false|not|otherwise)|(?:i|we) (?:was|were) wrong|(?:was|were"
        r"|is) (?:mistaken|wrong about)|(?<=[.;:] )corrected|(?:have|has|been) corrected|actually,? (?:not"
        r"|it's not|it is not|it isn't|it wasn't)|as of (?:now|today|tomorrow)|(?:from|starting) (?:today"
        r"|tonight|tomorrow|\w{3,6}day) on(?:wards)?|switch(?:ed|ing) (?:from|over|back)|switched (?:to"
        r"|.{1,40}? from)|(?:moved?s?|migrated|changed|renamed|converted) from\b|(?:is|are|was|were|been"
        r"|got) (?:now )?(?:moved|postponed|cancell?ed|rescheduled|renamed|halved|doubled|replaced|withdrawn"
        r"|brought forward|pushed back|called off)|(?:has|have|had|is|was|been|meeting|lessons?|launch"
        r"|appointment) moved? to|moved to (?:next|\w{3,6}day|\d+)|(?:raised|lowered|increased|reduced|changed"
        r"|cut|updated|bumped) (?:\S+ ){0,4}to \d[\d.,]*|replac(?:ed|es) (?:by|the old)|reverted|rolled back|(?:is"
        r"|are) now (?:at |in |on |called |only )?(?:\d[\d.,]*|(?-i:[A-Z]\w*))"
        r"|change of [\w ]{1,20}:|(?:has|have) changed\b"
        r"|on second thoughts?|scratch that|decided against|after all(?=\s*[.,;:!]|$)"
        r"|(?<!am )(?<!is )(?<!are )(?<!was )(?<!were )(?<!be )(?<!been )(?<!get )(?<!got )"
        r"(?<!being )used to(?! \w+ing\b| it\b| the\b| this\b| that\b)"
    ),
    "sv": (
        r"inte längre|bytte (?:från|till)|ändra(?:t|de) (?:mig|oss|sig)|brukade|visade sig vara fel|hade fel"
        r"|framflytta[dt]|rättelse|inställ[dt]a?|från och med (?:nu|idag)|numera"
    ),
    "de": (
        r"nicht mehr|kein(?:e[nmrs]?)? .{1,30}? mehr|umgestiegen|gewechselt|meinung geändert|ab (?:jetzt|sofort"
        r"|heute)|verschoben|abgesagt|korrektur:|doch nicht|früher (?:war|hatten)"
    ),
    "fr": (
        r"n(?:e |')\w+ plus|changé d'avis|désormais|dorénavant|(?:report|annul|remplac)ée?s?"
        r"|passée?s? d(?:e|u|') ?.{1,40}? (?:à|vers)"
        r"|me suis trompée?"
    ),
    "es": (
        r"ya no|cambi(?:é|amos|ado|ó) de|a partir de (?:ahora|hoy|agora)|de ahora en adelante"
        r"|aplazad[oa]|cancelad[oa]|me equivoqué|antes (?:era|usábamos)|reemplazad[oa]"
    ),
    "pt": (
        r"já não|não .{1,25}? mais(?=[.,;!]|$)|afinal|mud(?:ei|ámos|amos|ou) d[eao]"
        r"|de agora em diante|doravante|adiad[oa]|enganei-me|substituíd[oa]"
    ),
}
REVISES = re.compile(
    rf"\b(?:{'|'.join(REVISING.values())})(?!\w)"
    r"|^(?:update|edit|correction|corrected|rättelse|errata)(?=\s?:)|^turned out wrong",
    re.IGNORECASE,
)
# These say that something changed too, unless the sentence only asks or proposes.
INSTEAD_OF = re.compile(
    r"\b(?:instead of|istället för|i stället för|(?<!\w)statt(?:dessen)?|anstelle von|au lieu d[e'u]"
    r"|en (?:lugar|vez) de|em vez de)",
    re.IGNORECASE,
)
PROPOSAL = re.compile(r"^(?:what if|idea|why not|maybe|perhaps)|\b(?:could|should|would|might)\b|[?？]$", re.IGNORECASE)


def form_of(sentence: str, language: str) -> TaskType | None:
    """Goal, task or action if the sentence has such a form, else None; a question is none of them."""
    if sentence.endswith(("?", "？", "؟")):
        return None
    forms = (*FORMS["any"], *FORMS.get(language, FORMS["en"]))
    return next((kind for kind, pattern in forms if pattern.search(sentence)), None)


def revises(sentences: Sequence[str]) -> bool:
    """Whether a sentence says that something changed from what held before."""
    return any(
        REVISES.search(one) or (INSTEAD_OF.search(one) and not PROPOSAL.search(one))
        for one in (sentence.replace("’", "'") for sentence in sentences)
    )
