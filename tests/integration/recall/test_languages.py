"""Words are found in their other forms, in the language of each memory, beside English ones."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from memories.documents.write import store
from memories.evidence.asking import ask
from memories.lexical.index import LexicalIndex
from memories.memory import Memory
from memories.postgres.database import Connection, connect
from memories.recall.query import query_terms
from memories.records import Document

# A memory in each language, and other forms of its words, some of them without accents.
FORMS = {
    "de": ("Wir haben die alten Häuser am Fluss besichtigt und den Garten gemessen.", "Haus Gärten hauser"),
    "es": ("Las casas del pueblo tienen ventanas pequeñas y paredes blancas.", "casa ventana pequeno"),
    "fr": ("Les voisins chantaient des chansons anciennes pendant toute la soirée.", "voisin chanson soiree"),
    "it": ("Abbiamo comprato due biciclette usate per i ragazzi della scuola.", "bicicletta ragazzo scuole"),
    "pt": (
        "As reuniões da equipe terminaram com decisões importantes sobre o orçamento.",
        "reunioes equipes orcamentos",
    ),
    "nl": ("De buren hebben gisteren drie boeken uit de bibliotheek geleend.", "boek bibliotheken buur"),
    "sv": ("Grannarna planterade äppelträd längs vägen mellan gårdarna.", "granne gård gard"),
    "fi": ("Lapset leikkivät metsässä ja rakensivat majoja vanhojen talojen taakse.", "metsä talo metsan"),
    "tr": ("Komşularımızın evleri denize bakıyordu ve bahçeleri çok güzeldi.", "ev bahçe deniz bahceleri"),
    "ru": ("Мы осматривали несколько новых домов на берегу реки.", "дом новый река"),
    "el": ("Οι γάτες κοιμούνται πάντα στις καρέκλες της κουζίνας.", "γάτα καρέκλα κουζίνα γατα"),
    "ar": ("اشترينا الكتب الجديدة من المكتبة القريبة من البيت", "كتب مكتبة جديدة"),
    "ta": ("வீடுகளில் மரங்கள் வளர்கின்றன", "வீடு வீடுகள்"),
}
ENGLISH = ("The neighbours built wooden houses by the river.", "house neighbour")
UNSPACED = {"昨天我们在东京见到了老朋友。": "东京 朋友", "昨日は図書館で本を読みました。": "図書館 本"}


@pytest.fixture
def connection(store_url: str) -> Iterator[Connection]:
    with connect(autocommit=True) as opened:
        yield opened


@pytest.mark.parametrize("tail_rows", [0, 1_000], ids=["on disk", "in memory"])
def test_a_word_finds_its_other_forms_in_the_language_of_the_memory(
    connection: Connection, tmp_path: Path, tail_rows: int
) -> None:
    index = LexicalIndex(tmp_path / "index", tail_rows=tail_rows)
    written = [*FORMS.values(), ENGLISH, *UNSPACED.items()]
    stored = [store(connection, Document("test", text, text)) for text, _ in written]
    index.catch_up(connection)
    assert set(index.languages) == {"en", *FORMS}
    for memory_id, (_, forms) in zip(stored, written, strict=True):
        for form in forms.split():
            assert next(iter(index.search(query_terms(form, {}, index), 10)), None) == memory_id, form


def test_stems_of_another_language_find_no_english_word(connection: Connection, tmp_path: Path) -> None:
    index = LexicalIndex(tmp_path / "index")
    # In Spanish "casas" and "cas" have one stem.
    english = store(connection, Document("test", "1", "The ticket of the CAS server has expired again."))
    spanish = store(connection, Document("test", "2", FORMS["es"][0]))
    index.catch_up(connection)
    assert list(index.search(query_terms("casas", {}, index), 10)) == [spanish]
    assert list(index.search(query_terms("cas ticket", {}, index), 1)) == [english]


def test_a_word_of_two_languages_weighs_by_both(connection: Connection, tmp_path: Path) -> None:
    index = LexicalIndex(tmp_path / "index")
    for number in range(20):
        store(connection, Document("test", f"e{number}", f"Ingrid told us about the boat and the harbour {number}."))
    german = store(connection, Document("test", "g", "Ingrid hat uns gestern von ihrem neuen Garten erzählt."))
    walrus = store(connection, Document("test", "w", "Ingrid and the others have seen a walrus on the ice."))
    index.catch_up(connection)
    # Rare in German, Ingrid is in every memory: it must not outweigh the walrus.
    found = index.search(query_terms("Ingrid walrus", {}, index), 30)
    assert next(iter(found)) == walrus
    shares = sorted(score for memory_id, score in found.items() if memory_id not in (german, walrus))
    assert found[german] < 2 * shares[-1]


def test_questions_and_misspelt_words_of_other_languages_are_answered(store_url: str) -> None:
    with Memory(store_url) as memory:
        for text, _ in [*FORMS.values(), ENGLISH]:
            memory.store(text)
        house = ask(memory, "Welches Haus, welcher Garten am Fluss?", words_only=True)
        assert "Häuser" in house.quotes[0].text
        answer = memory.search("bicicleta scuola", words_only=True, record=False)
        assert answer.respelled == {"bicicleta": "biciclette"}
        assert answer.is_sure
        assert "biciclette" in answer.results[0].memory.content
        assert memory.search("новые дома", words_only=True, record=False).signs.known == 1.0
