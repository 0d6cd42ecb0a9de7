"""The rule annotator finds what a reader would, on hand-labelled sentences in six languages."""

import pytest

from ingest.annotation.rules import annotate_by_rule
from ingest.annotation.schema import Annotation, normalised_topic

TASK_TYPES = [
    ("Goal: swim across the lake before the end of August.", "goal"),
    ("I want to learn enough Finnish to read a newspaper.", "goal"),
    ("By spring we should have the greenhouse finished.", "goal"),
    ("We are planning to move the archive to the new building.", "goal"),
    ("TODO: order new strings for the cello.", "task"),
    ("- [ ] renew the passport", "task"),
    ("We need to check the smoke detectors.", "task"),
    ("Next: write the chapter about moss.", "task"),
    ("Remember to water the tomatoes.", "task"),
    ("Buy oat milk and batteries.", "task"),
    ("Call the dentist about the crown.", "task"),
    ("Fixed the leaking tap in the cellar.", "action"),
    ("I called the landlord about the heating.", "action"),
    ("- [x] send the invoice", "action"),
    ("Ran the migration on the staging server.", "action"),
    ("Yesterday it rained for nine hours. We finally repaired the gutter.", "action"),
    ("The library closes at six on Fridays.", "observation"),
    ("Should we repaint the kitchen?", "observation"),
    ("I want to know why? Do we need to pay?", "observation"),
    ("Noticed that the swifts are back.", "observation"),
    ("Test results were better than feared.", "observation"),
    ("Jag måste laga cykeln före lördag.", "task"),
    ("Vi lagade staketet tillsammans.", "action"),
    ("Målet är att springa en mil utan att gå.", "goal"),
    ("Ich muss noch die Steuererklärung abgeben.", "task"),
    ("Ich habe gestern den Zaun repariert.", "action"),
    ("Il faut réserver la salle pour le concert.", "task"),
    ("J'ai réparé la chaudière ce matin.", "action"),
    ("Quiero aprender a tocar el violín.", "goal"),
    ("Tengo que llamar al fontanero.", "task"),
    ("Arreglé la puerta del garaje.", "action"),
    ("Preciso de comprar tinta para a impressora.", "task"),
    ("Ontem arranjei a torneira da cozinha.", "action"),
]

REVISIONS = [
    ("The choir no longer meets on Wednesdays.", True),
    ("We now use the blue paint instead of the green one.", True),
    ("Switched from coffee to tea.", True),
    ("The appointment has moved to Thursday.", True),
    ("I changed my mind about the sofa.", True),
    ("The first measurement turned out to be wrong.", True),
    ("Correction: the key is under the second pot.", True),
    ("It is actually not a maple, it is a plane tree.", True),
    ("She used to work at the harbour.", True),
    ("The limit is now 30 km/h.", True),
    ("The excursion is postponed.", True),
    ("Kören övar inte längre på onsdagar.", True),
    ("Wir treffen uns nicht mehr am Montag.", True),
    ("Nous utilisons le vélo au lieu de la voiture.", True),
    ("Ya no trabajo en el banco.", True),
    ("Já não moro em Coimbra.", True),
    ("We moved the boat to the other pier.", False),
    ("The knife is used to cut bread.", False),
    ("I am used to getting up early.", False),
    ("What if we took the train instead of the car?", False),
    ("The meeting is on Thursday.", False),
    ("Fixed the leaking tap in the cellar.", False),
    ("Jag bytte lampan i hallen.", False),
    ("Der Zug fährt um neun.", False),
]


@pytest.mark.parametrize(("text", "task_type"), TASK_TYPES)
def test_task_type_follows_the_form(text: str, task_type: str) -> None:
    assert annotate_by_rule(text).task_type == task_type


@pytest.mark.parametrize(("text", "revises"), REVISIONS)
def test_revision_is_noticed(text: str, revises: bool) -> None:
    assert annotate_by_rule(text).revises is revises


@pytest.mark.parametrize(
    ("context", "tags", "task_type"),
    [("git commit of the garden planner", (), "action"), ("", ("todo",), "task"), ("", (), "observation")],
)
def test_context_and_tags_are_weak_evidence(context: str, tags: tuple[str, ...], task_type: str) -> None:
    assert annotate_by_rule("The planner warns of frost", context, tags).task_type == task_type


def test_a_form_outweighs_a_tag() -> None:
    assert annotate_by_rule("Fixed the frost warning.", tags=("todo",)).task_type == "action"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Fixed the moisture sensor after the night frost.", {"moisture sensor", "frost"}),
        ("We really need to talk about the roof insulation on Monday morning.", {"roof insulation"}),
        ("The sensors are wet.", {"sensor"}),
        ("Ich habe die Heizung im Keller repariert.", {"heizung", "keller"}),
        ("J'ai changé le filtre de la pompe à eau.", {"filtre", "pompe"}),
        ("今天我修好了水泵，明天检查阀门。", {"阀门"}),
    ],
)
def test_topics_are_the_nouns_of_the_text(text: str, expected: set[str]) -> None:
    assert expected <= set(annotate_by_rule(text).topics)


@pytest.mark.parametrize(
    "text", ["I really need to go on Monday morning.", "Yes, of course!", "We should have been there earlier today."]
)
def test_words_without_a_topic_give_none(text: str) -> None:
    assert annotate_by_rule(text).topics == []


@pytest.mark.parametrize(
    "text", ["แม่น้ำสูงขึ้นมากในคืนนี้", "水が多い", "강물이 밤새 불어났다", "Река поднялась ночью", "النهر مرتفع"]
)
def test_every_script_has_topics_and_a_gist(text: str) -> None:
    annotation = annotate_by_rule(text)
    assert annotation.topics
    assert annotation.gist == text


def test_a_concept_meets_itself_in_singular_and_plural() -> None:
    singular, plural = annotate_by_rule("The berry press broke."), annotate_by_rule("Two berry presses arrived.")
    assert singular.topics[0] == plural.topics[0] == "berry press"


@pytest.mark.parametrize(
    ("text", "entity"),
    [
        ("Met Dr. Lindqvist at noon.", ("Dr. Lindqvist", "person")),
        ("Tonight Amara said that the show is sold out.", ("Amara", "person")),
        ("They live in Ljubljana now.", ("Ljubljana", "place")),
        ("A letter from the Harbour Museum came.", ("Harbour Museum", "organisation")),
        ("The rows go into MariaDB.", ("MariaDB", "product")),
        ("See src/pump/valve.py for that.", ("src/pump/valve.py", "file")),
        ("Read https://example.org/pumps?id=1.", ("https://example.org/pumps?id=1", "url")),
        ("Ask @amara_k first.", ("@amara_k", "mention")),
        ("It calls `open_valve` twice.", ("open_valve", "code")),
        ("The pipe is 2.5 m long.", ("2.5 m", "quantity")),
        ("The bus leaves at 07:45.", ("07:45", "time")),
        ("They live in New Zealand, since May.", ("New Zealand", "place")),
        ("A film about United Nations officers.", ("United Nations", "name")),
        ("She reads E. B. White aloud.", ("E. B. White", "name")),
        ("The parcel went by U.S. Mail.", ("U.S. Mail", "name")),
        (
            "A visit by the President of the Republic of Malta Agatha Barbara.",
            ("President of the Republic of Malta Agatha Barbara", "person"),
        ),
        ("A son of Rhys ap Tewdwr came.", ("Rhys ap Tewdwr", "person")),
        ("They watched the 2024 Summer Games.", ("2024 Summer Games", "name")),
        ("Nobody else was on Apollo 11.", ("Apollo 11", "name")),
        ('Then "Lies and Rumours of the Sea" came out.', ("Lies and Rumours of the Sea", "name")),
        ('"Boomiverse", a record, is out.', ("Boomiverse", "name")),
        ('He sang in "Charmed" too.', ("Charmed", "name")),
        ("It grows as in [[garden/tomato bed|the bed]].", ("tomato bed", "name")),
        ("That day is in [[2024-05-01#Evening]].", ("2024-05-01", "name")),
        (
            "The whole long line tells of what once was found in the old San\nFrancisco harbour.",
            ("San Francisco", "name"),
        ),
    ],
)
def test_entities(text: str, entity: tuple[str, str]) -> None:
    assert entity in [(found.text, found.kind) for found in annotate_by_rule(text).entities]


@pytest.mark.parametrize(
    ("text", "names"),
    [
        ("Demon Dice\nDemon Dice is a game.", ["Demon Dice"]),
        ("It lacks vitamin B. The cat slept.", []),
        ("The Dandies played and The Dandies sang.", ["Dandies"]),
        ("Fixed MariaDB in January.", ["MariaDB"]),
        ('She said "I will go home" and left.', []),
        ('The sign says "Come in. Sit Down".', []),
        ("Met Mr Smith at ten.", ["Mr Smith"]),
        ("The bill for Room 9 is 12.50.", ["Room 9"]),
        ("Der Garten und der Zaun.", []),
    ],
)
def test_what_is_no_name_is_none(text: str, names: list[str]) -> None:
    assert [found.text for found in annotate_by_rule(text).entities] == names


def test_measures_give_way_to_names() -> None:
    text = (
        " ".join(f"At {number}:00 the tide was {number} m high." for number in range(10, 24)) + " Ask Amara, then Bo."
    )
    assert [found.text for found in annotate_by_rule(text).entities][:2] == ["Amara", "Bo"]


def test_sentiment_follows_the_mood_and_is_unknown_where_no_analyser_knows_the_language() -> None:
    assert annotate_by_rule("What a wonderful, happy evening!").sentiment > 0.3
    assert annotate_by_rule("I am sad and angry about this terrible failure.").sentiment < -0.3
    assert annotate_by_rule("Der Zug war um neun im Bahnhof.").sentiment is None
    assert annotate_by_rule("Vi är hemma igen och det är fint 😊").sentiment > 0


def test_the_gist_is_the_title_where_there_is_one() -> None:
    told = "It was late.\n\nThe well is dry, so we sell the orchard."
    assert annotate_by_rule(f"# The orchard\n\n{told}").gist == "The orchard"
    assert annotate_by_rule(told, title="Garden").gist == "Garden"
    assert annotate_by_rule("- [ ] **renew the passport**").gist == "renew the passport"
    assert len(annotate_by_rule("word " * 500).gist) <= 200


def test_without_a_title_the_gist_is_a_whole_sentence_from_the_middle_of_the_text() -> None:
    text = (
        "Hello again. It was late. The orchard well is dry, so we cannot water the orchard. Ah. "
        "A new well for the orchard costs more than the orchard brings in. See you."
    )
    assert "well" in annotate_by_rule(text).gist and annotate_by_rule(text).gist in text


def test_the_gist_comes_from_the_passage_that_is_nearest_to_the_whole() -> None:
    bees = "The bees swarmed in May. The hive of the bees stood in the garden. The bees were calm. "
    boats = "The boat leaks at the keel. We tarred the keel of the boat. The boat is dry now. "
    start = len(bees * 5)
    assert "boat" in annotate_by_rule(bees * 5 + boats, centre=(start, start + len(boats))).gist
    assert "bees" in annotate_by_rule(bees * 5 + boats).gist


def test_of_a_long_text_only_the_beginning_is_read() -> None:
    beginning = "The orchard needs a new fence. " * 700
    assert annotate_by_rule(beginning + "Ask @zeppelin. " * 1_000) == annotate_by_rule(beginning)
    assert annotate_by_rule(beginning + "x" * 10_000_000) == annotate_by_rule(beginning)


@pytest.mark.parametrize(
    "text",
    ["*" * 20_000 + "a", "a" * 20_000, "1." * 10_000, "a." * 10_000, "." + " " * 20_000 + "a", "n'" + "a" * 9_000],
)
def test_monotonous_text_is_annotated_too(text: str) -> None:
    assert annotate_by_rule(text).gist


def test_a_topic_of_a_model_is_normalised_or_refused() -> None:
    rule = annotate_by_rule("The pump broke.").model_dump()
    assert Annotation.model_validate(rule | {"topics": ["  Garden  Pump! ", "garden pump"]}).topics == ["garden pump"]
    for refused in ("one two three four", "?!"):
        with pytest.raises(ValueError, match="one to three words"):
            Annotation.model_validate(rule | {"topics": [refused]})
    assert normalised_topic("“CAFÉ”") == "café"
