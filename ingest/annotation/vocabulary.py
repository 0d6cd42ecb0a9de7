"""Holds stop words by language, detects the language of a text by them, and forms English singulars.

The base lists come with YAKE, for more than thirty languages. This adds, for the six in `CARED_FOR`, verbs, times and
vague words, which carry no topic although they are not function words.
"""

from collections import defaultdict
from collections.abc import Iterable
from functools import cache
from importlib.util import find_spec
from itertools import chain, product
from pathlib import Path


def word_set(text: str) -> frozenset[str]:
    return frozenset(text.split())


CARED_FOR = ("en", "sv", "de", "fr", "es", "pt")

# Verbs that are hardly ever nouns; their regular forms are derived.
ENGLISH_VERBS = """
accept achieve add admit agree allow announce annoy answer apologise appear apply argue arrange arrive ask assume
avoid bake become begin belong blame boil borrow bother break bring build buy calculate calibrate carry catch
celebrate check choose clean climb close collect come compare compile complain confirm confuse connect consider
contain continue convert cook correct create decide define delete deliver depend deploy describe destroy develop die
disagree disappear discover discuss dislike distinguish divide do draw dream drink drive earn eat edit email enable
enjoy ensure enter escalate exist expect explain explore extend fail fall feed feel fetch fill find finish fix fly
follow forget forgive freeze generate get give glue go grow happen hate have hear help hide hire hold hope hurt
identify ignore imagine implement improve include inform insert insist inspect install intend introduce invent invite
join keep kill kiss know laugh learn leave lend let lie like listen live look lose love maintain make matter mean meet
mention merge migrate miss need negotiate notice obtain occur offer open overlook own owe pack paint pass pay peel
perform persuade phone pick point pour praise prefer prepare pretend prevent promise prove provide publish pull push
put quit raise reach react read realise realize receive recommend reduce refactor refuse regret reject rely remain
remember remind remove rename repair repeat replace reply require respond return reveal revert ride ring rinse rise
rent reorganise ruin run save say scrape see seem select sell send serve set settle share shout show sing sit sleep
smell smile solve speak spend spill spread stand start stay steal stick stir stop store struggle submit succeed suffer
suggest suppose survive suspect swap swear swim switch take talk teach tell tend thank think throw tidy touch
translate travel trust try turn twist understand update upgrade upload use validate verify visit wait wake walk want
warn wash watch wear win wish wonder work worry wrap write yell
"""
ENGLISH_IRREGULAR = """
ate became been began begun bit bitten blew blown bought bound brought broke broken built came caught chose chosen
crept cut dealt did died done drank drawn dreamt drew driven drove drunk eaten fallen fed fell felt flew flown forgot
forgotten fought found froze frozen gave given gone got gotten grew grown had heard held hidden hid hit hung kept knew
known laid lain lay learnt led left lent lit lost lying made meant met paid put ran rang rode risen rose rung said
sang sat saw seen sent shook shown shut slept slid sold spent spoke spoken spilt stole stolen stood struck stuck sung
swam swept swore swum taken taught threw thrown told took tore torn understood went woke woken won wore worn woven
written wrote dying tying
"""
EXTRA_WORDS = {
    "en": """
    able afternoon ago ahead aim alone already also amazing another april august awful away awkward back bad beautiful
    best big bit bored boring busy calm careful certain cheap clever close completely correct cross current daily date
    day days dead dear december different difficult early easy empty enough entire especially evening everyday exact
    excellent excited expensive extra fact fair fairly false familiar far fast favourite favorite february few finally
    fine five foolish four friday friendly full fun funny further glad goal good gone great half halfway happy heavy
    honest hour hours huge ill important impossible instead interesting january july june keen kind large last late
    lately later latest earlier longer fewer home online hang left less little long lot lots loud lucky main major
    many march may maybe mean midnight minor minute minutes moment monday month months morning most much nearly neat
    new next nice night nights noon nothing november nowhere o'clock obvious october odd often old one ones ordinary
    original other outside own pair particular past people perfect piece please pleasant pleased polite poor possible
    pretty previous proper proud quick quickly quiet quietly rare rather ready real really reason recent recently
    regular rest right sad same saturday second seconds separate september serious seven shy silly similar simple
    simply six slight slightly slow slowly small something sometimes soon sore sorry special strange stupid sudden
    suddenly sunday sure sweet ten ten twelve fifteen forty fifty sixty hundred first third fourth tenth single
    biggest terrible thank thanks thing things third thirty thousand three thursday tiny tired today todo tomorrow
    tonight total true tuesday twelve twenty twice two typical ugly unable unclear unhappy unlikely unusual upset
    useful usual usually various warm way ways wednesday week weekday weekdays weekend weeks weird while whole wise
    world worse worst worth wrong yeah year years yesterday yet young zero eight nine eleven hundred million else per
    via apparently mr mrs dr ms vs etc eg ie re exactly anyway pm am jan mon tue wed thu fri sat sun feb mar apr jun
    jul aug sep oct nov dec everyone someone somebody anybody nobody gonna wanna gotta yes no ok okay hello hi hey
    regards lovely lonely bye indeed still even only just polite politely across around without within against between
    during
    """,
    "sv": """
    måndag tisdag onsdag torsdag fredag lördag söndag januari februari mars april maj juni juli augusti september
    oktober november december morgon morgonen kväll kvällen natten natt eftermiddag eftermiddagen förmiddag vecka
    veckan veckor månad månaden månader år året timme timmar minut minuter stund idag ikväll imorse nyss vill ville
    velat hålla håller höll ta tar tog tagit tänker tänkte tänka tror trodde tycker tyckte tyckt vet visste veta sett
    ser såg se hör hörde hört ringde ringer ringa köpte köpa köper skrev skriver skriva läser läste läsa börjar
    började börja slutar slutade åker åkte åka kör körde köra lägger lade lägga sätter satte sätta hittade hittar
    hitta hjälper hjälpte fixade fixa lagade laga byter bytte byta skickar skickade skicka frågade frågar fråga
    berättade pratade pratar pratat bygger byggde bygga flyttade flyttar flytta är behöver använder använde använda
    känns kändes ligger låg står stod sitter satt heter hette visar visade betyder blivit nytt ny nya gammal gamla hel
    hela helt sak saker grej mål tid tiden gång gånger ganska verkligen egentligen precis bara lite kanske nästan igen
    väl ju nog bäst dålig dåligt dåliga fint trött glad ledsen svår svårt fel rätt istället längre inte lördags
    söndags kul roligt rolig ont handlar handla testar testade testa klar klart färdig färdigt slut fungerar fungerade
    fungera funkar funkade låter lät glömde glöm
    """,
    "de": """
    montag dienstag mittwoch donnerstag freitag samstag sonntag januar februar märz april mai juni juli august
    september oktober november dezember morgen abend nacht mittag nachmittag vormittag woche wochen monat monate jahr
    jahre stunde stunden minute minuten uhr zeit tag tage tagen heute gestern ding dinge sache sachen mal ziel aufgabe
    anfang ende moment leute mensch menschen herr frau neu neue neuen neuer neues alt alte alten seite teil stück
    frage
    """,
    "fr": """
    lundi mardi mercredi jeudi vendredi samedi dimanche janvier février mars avril mai juin juillet août septembre
    octobre novembre décembre matin soir nuit après-midi midi semaine semaines mois an ans année années jour jours
    journée heure heures minute minutes temps fois chose choses aujourd'hui hier demain maintenant toujours jamais
    très trop assez bien mal petit petite petits grand grande grands nouveau nouvelle nouveaux bon bonne vieux vieille
    beau belle fait faire faut fais font vais va vont aller pris prendre mis mettre veux veut voudrais dois doit
    devons peut peux pouvons dit dire vu voir su savoir sais sait pense pensé crois trouvé appelé acheté réparé besoin
    objectif but vraiment encore ensuite enfin puis plutôt lieu place gens début fin moment matinée soirée
    """,
    "es": """
    lunes martes miércoles jueves viernes sábado domingo enero febrero marzo abril mayo junio julio agosto septiembre
    octubre noviembre diciembre mañana tarde noche mediodía semana semanas mes meses año años día días hora horas
    minuto minutos rato vez veces tiempo cosa cosas hoy ayer ahora siempre nunca muy mucho poco bastante bien mal
    nuevo nueva nuevos nuevas viejo vieja bueno buena malo mala grande grandes pequeño pequeña hay tengo tiene tenemos
    quiero quiere queremos puedo puede podemos debo debe debemos hice hizo hecho hago voy va vamos fui fue dijo dice
    digo creo pienso sé sabe necesito necesita falta gusta objetivo meta gente lugar fin parte luego después antes
    casi realmente entonces está están estoy estaba era eran llamo compro uso usa usamos
    """,
    "pt": """
    segunda terça quarta quinta sexta segunda-feira terça-feira quarta-feira quinta-feira sexta-feira sábado domingo
    janeiro fevereiro março abril maio junho julho agosto setembro outubro novembro dezembro manhã tarde noite semana
    semanas mês ano dia dias hora horas minuto minutos vez vezes tempo coisa coisas hoje ontem amanhã agora sempre
    nunca muito pouco bem mal novo nova novos novas velho velha bom boa mau má grande pequeno pequena há tenho tem
    temos quero quer queremos posso pode podemos devo deve devemos fiz fez feito faço vou vai vamos fui foi disse diz
    digo acho penso sei sabe preciso precisa falta gosto gosta objetivo meta gente lugar fim parte depois antes quase
    realmente então queria faz favor está estão estou estava era eram ligo compro uso usa usamos
    """,
}
FUNCTION_WORDS = {
    "determiners": {
        "en": "a an the my your his her its our their this that these those some any each every no another",
        "sv": """
            en ett den det de min mitt mina din ditt dina sin sitt sina vår vårt våra deras hans hennes denna detta
            dessa
            """,
        "de": """
            der die das dem den des ein eine einen einem einer eines mein meine meinen meinem meiner unser unsere kein
            keine
            """,
        "fr": """
            le la les l' un une mon ma mes ton ta tes son sa ses notre nos votre vos leur leurs ce cet cette ces
            """,
        "es": "el la los las un una unos unas mi mis tu tus su sus nuestro nuestra este esta estos estas ese esa",
        "pt": """
            o a os as um uma uns umas meu minha meus minhas seu sua seus suas nosso nossa este esta estes estas esse
            essa
            """,
    },
    "subjects": {
        "en": """
            i we you he she they it who i'll we'll you'll he'll she'll they'll i'd we'd you'd he'd she'd they'd can
            could will would should must might shall cannot can't couldn't won't wouldn't shouldn't don't doesn't
            didn't let's please never
            """,
        "sv": "jag vi du han hon de det man ni som att kan ska skall måste vill bör får skulle kunde ville",
        "de": "ich wir du er sie es man",
        "fr": "je j' tu il elle on nous vous ils elles ne n' se s' me m' qui",
        "es": "yo nosotros tú él ella ellos ellas usted que no se me te nos lo",
        "pt": "eu nós tu ele ela eles elas você que não se me te nos",
    },
    "auxiliaries": {
        "en": """
            is are was were be been being am isn't aren't wasn't weren't has have had i'm i've we've we're it's he's
            she's they're they've you've you're hasn't haven't hadn't get got feel feels felt seem seems look looks
            very so too more
            """,
        "sv": "är var blir blev har hade bli vara så mycket",
        "de": "bin bist ist sind war waren habe hat haben wird werden",
        "fr": "ai as a avons avez ont est es suis sommes êtes sont était étaient été j'ai avait très c'est plus",
        "es": "he has ha hemos han es son era está están estoy fue ser muy más",
        "pt": "é são era está estão estou foi ser ter tem tinha muito mais",
    },
}
# As often nouns: counted as verbs only if the words around them say so.
NOUNS_TOO = word_set("""
    answer bake break build call change check climb cook cut deploy dream drink drive drop email feed fix fly help
    install kiss look love matter move offer order paint phone plan point promise push read release rent repair reply
    report return review ride ring rise run sleep smell smile spread stand start stay stick stop store swap switch
    talk test touch travel trust turn update upgrade visit wait walk wash watch wish work worry wrap
""")
# Fit inside a phrase ("dry run", "water level"), but say nothing alone.
VAGUE_ALONE = word_set("""
    amount autumn beginning bottom bright broad case century clear cold count cut dark deep decision dry end example
    fall final first five flat form free fresh front general grand group half hard head high hot idea inner issue item
    kind length level line list local low man manner matter middle mild minute mood name narrow neat note number open
    order outer overnight page part percent percentage metre meter centimetre kilometre millimetre cubic square mile
    degree krona kronor euro dollar person place plain plan point private problem public pure question rate result
    rich rough round rule safe sentence set sharp short side size smart smooth soft sort space spring square stage
    start state steep step story straight strict strong stuff subject summer system tall task term test thick thin
    tight time title top tough trip turn type unit use value version weak wet white wide wild winter word work black
    red blue green grey gray brown yellow today's tool try
""")
QUOTED_SHARE = 0.35
PLURAL_EXCEPTIONS = {
    "children": "child", "women": "woman", "men": "man", "feet": "foot", "teeth": "tooth", "mice": "mouse",
    "leaves": "leaf", "knives": "knife", "shelves": "shelf", "halves": "half", "wolves": "wolf", "lives": "life",
    "analyses": "analysis", "matrices": "matrix", "indices": "index", "vertices": "vertex", "movies": "movie",
    "cookies": "cookie", "zombies": "zombie", "shoes": "shoe", "caches": "cache", "axes": "axis", "ties": "tie",
    "pies": "pie", "criteria": "criterion", "calories": "calorie", "buses": "bus", "gases": "gas", "lenses": "lens",
}  # fmt: skip
UNCHANGED_IN_SINGULAR = """
    ss us is ics news series species lens gas bus canvas atlas bias always christmas alias kubernetes postgres
    diabetes redis windows jonas thomas lucas
"""
SINGULAR_ENDINGS = tuple(UNCHANGED_IN_SINGULAR.split())


@cache
def words(kind: str, language: str) -> frozenset[str]:
    """The determiners, subjects or auxiliaries of a language; of kind "stop", every word that carries no topic."""
    if kind != "stop":
        return frozenset(FUNCTION_WORDS[kind].get(language, "").split())
    stop = set(_base_lists().get(language, ())) | set(EXTRA_WORDS.get(language, "").split())
    stop.update(*(words(kind, language) for kind in FUNCTION_WORDS))
    if language == "en":
        verbs = set(ENGLISH_VERBS.split()) - NOUNS_TOO
        stop |= set(chain.from_iterable(map(english_forms, verbs))) | set(ENGLISH_IRREGULAR.split())
        stop -= VAGUE_ALONE
    return frozenset(stop)


def english_forms(verb: str) -> set[str]:
    """The regular forms of a verb; a few that do not exist do no harm."""
    stem = verb[:-1] if verb.endswith("e") else verb
    past = verb[:-1] + "i" if verb.endswith("y") else stem
    return {verb, verb + "s", verb + "es", past + "es", past + "ed", stem + "ed", stem + "ing", verb + "ing",
            verb + verb[-1] + "ed", verb + verb[-1] + "ing"}  # fmt: skip


def singular(word: str) -> str:
    """The singular of an English noun, by rule and a few exceptions."""
    if word in PLURAL_EXCEPTIONS:
        return PLURAL_EXCEPTIONS[word]
    if len(word) < 4 or not word.endswith("s") or word.endswith(SINGULAR_ENDINGS):
        return word
    if word.endswith("ies"):
        return word[:-3] + "y" if len(word) > 5 or word[0] not in "tpdl" else word[:-1]
    if word.endswith(("sses", "shes", "ches", "xes", "zzes", "oes")):
        return word[:-2]
    return word[:-1]


def languages_of(lowered_words: Iterable[str]) -> list[str]:
    """The language whose stop words are most frequent, and a second one if the text quotes it; may be empty."""
    evidence: defaultdict[str, float] = defaultdict(float)
    for word in lowered_words:
        for language, weight in _languages_by_word().get(word, ()):
            evidence[language] += weight
    order = {language: place for place, language in enumerate(CARED_FOR)}
    ranked = sorted(evidence, key=lambda one: (-round(evidence[one], 6), order.get(one, len(order)), one))
    return ranked[:1] + [
        one for one in ranked[1:2] if one in CARED_FOR and evidence[one] > QUOTED_SHARE * evidence[ranked[0]]
    ]


@cache
def _languages_by_word() -> dict[str, list[tuple[str, float]]]:
    """Each stop word with its languages and weights, lower for a word of many languages or one that is only listed."""
    listed: defaultdict[str, set[str]] = defaultdict(set)
    grammatical: defaultdict[str, set[str]] = defaultdict(set)
    for language, base in _base_lists().items():
        for word in base.union(EXTRA_WORDS.get(language, "").split()):
            listed[word].add(language)
    for kind, language in product(FUNCTION_WORDS, CARED_FOR):
        for word in words(kind, language):
            grammatical[word].add(language)
    return {
        word: [(language, 0.5 / len(listed[word])) for language in sorted(listed[word])]
        + [(language, 1 / len(grammatical[word])) for language in sorted(grammatical[word])]
        for word in {*listed, *grammatical}
    }


@cache
def _base_lists() -> dict[str, frozenset[str]]:
    package = find_spec("yake")
    if package is None or package.origin is None:
        raise ModuleNotFoundError("Install yake, which carries the stop-word lists.", name="yake")
    folder = Path(package.origin).parent / "core" / "StopwordsList"
    lists = {path.stem.removeprefix("stopwords_"): path for path in sorted(folder.glob("stopwords_*.txt"))}
    return {
        language: frozenset(path.read_text(encoding="utf-8-sig", errors="replace").lower().split())
        for language, path in lists.items()
        if language not in ("noLang", "br")
    }
