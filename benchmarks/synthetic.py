"""Generates a store of synthetic memories of any size, with the state that a dream cycle leaves, for benchmarks.

What a search touches is as in a real store: word frequencies (Zipf's law, with English function words), collocations,
lengths, sessions, the similarity of texts on one subject (nearest neighbours, local dimension and spectrum of
all-MiniLM's vectors of dialogues), edges per memory. The texts are nonsense.
"""

import json
import math
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from pathlib import Path
from typing import Any

import numpy
import yaml
from numpy.typing import NDArray
from pgvector import HalfVector
from pgvector.psycopg import register_vector
from psycopg import sql
from psycopg.types.json import Jsonb

from memories.embedding.passages import passages
from memories.embedding.vectors import COLUMN_DIMENSIONS
from memories.postgres.database import Connection
from memories.records import identity

Numbers = NDArray[numpy.int64]
Vectors = NDArray[numpy.float32]

RUNNING_WORDS = """
the of and to a in is you that it he was for on are with as I his they be at one have this from or had by not but what
some we can out other were all there when up use your how said an each she which do their time if will way about many
then them would like so these her long make thing see him two has look more day could go come did my no most who over
know than call first people may down been now find any new work part take get place made after back little only man
year came show every good me our under name very through just form think say help low turn cause much mean before move
right too same tell does set three want well also play small end put home read hand large add even here must big such
why ask went need house try us again off away still night yes maybe really today next week
"""
FUNCTION_WORDS = RUNNING_WORDS.split()
SYLLABLES = [consonant + vowel for consonant in "bdfgklmnprstvz" for vowel in "aeio"]
PSEUDO_WORDS = 50_000
TOPICS = 400
TOPIC_WORDS = 800
PEOPLE = 300
# Shares of the running text: function words, then words of the topic; the rest comes from any topic.
FUNCTION_SHARE = 0.45
TOPIC_SHARE = 0.3
COLLOCATION_SHARE = 0.3
FOLLOWERS = 3
MEDIAN_WORDS = 30
LENGTH_DEVIATION = 0.7
SHORTEST_WORDS = 8

DIMENSIONS = 384
MEMORIES_PER_CLUSTER = 200
# The spectrum of subjects and of the deviations within one; and the distance of its texts from its centre.
SPECTRUM_EXPONENT = 0.5
CLUSTER_RADIUS = 0.85
RADIUS_DEVIATION = 0.25
# All texts are slightly similar.
COMMON_SHARE = 0.3
QUERY_RADIUS = 1.3

SESSION_MEMORIES = 10
SESSION_FOCUS = 0.5
YEARS = 2
BATCH = 10_000

COLUMNS = {
    "id": "uuid", "content": "text", "content_hash": "varchar", "context": "text", "summary": "text",
    "metadata": "jsonb", "tags": "text[]", "created_at": "timestamptz", "updated_at": "timestamptz",
    "embedding_vector": "vector", "vector_magnitude": "float4", "embedding_model": "text",
}  # fmt: skip

PASSAGES = {
    "memory_id": "uuid", "number": "int4", "from_character": "int4", "to_character": "int4", "embedding_model": "text",
    "embedding": "halfvec",
}  # fmt: skip

PLACES = """
create unlogged table places (number int4, id uuid, session int4, position int4, cluster int4, member int4)
"""
NUMBER_MEMBERS = """
create unlogged table numbered as
select number, id, session, position, cluster, row_number() over (partition by cluster order by number)::int4 as member
from places
"""

EPISODES = """
insert into dreams.episodes (
    episode_id, session_id, agent, started_at, ended_at, memory_count, title_memory_id, task_memory_ids,
    action_memory_ids, topics, projects, places, people, episode_type, emotional_salience
)
select
    '/' || p.session || '#1', '/' || p.session, '', min(m.created_at), max(m.created_at), count(*),
    (array_agg(p.id order by p.position))[1], '{}', '{}', '{}', '{}', '{}', '{}', 'conversation', 0.2
from numbered as p inner join public.memories as m on m.id = p.id
group by p.session
"""

MEMBERS = """
insert into dreams.episode_members (
    memory_id, episode_id, position, occurred_at, subtask_memory_ids, people, previous_memory_id, next_memory_id,
    context_similarity, emotional_salience, co_activation_count
)
select
    p.id, '/' || p.session || '#1', p.position, m.created_at, '{}', '{}',
    lag(p.id) over session, lead(p.id) over session, 0.4, 0.2, 1
from numbered as p inner join public.memories as m on m.id = p.id
window session as (partition by p.session order by p.position)
"""

STATES = """
insert into dreams.memory_states (
    memory_id, agent, created_at, stability_days, difficulty, last_reviewed_at, review_count, lapse_count,
    access_count, last_accessed_at, presentation_count, last_presented_at, encoding, association_sum,
    association_night, pinned, semantic_gist, concepts, knowledge_type, abstraction_level, semantic_associations,
    area_id, cluster_id, provenance, consolidation_source
)
select
    m.id, '', m.created_at, 2 + 60 * random(), 3 + 5 * random(), m.created_at, 1, 0, 1, m.created_at, 1,
    m.created_at, random(), 0.3, m.created_at::date, false, left(m.content, 120), m.tags, 'episodic', 1,
    array[m.id], 'area', p.cluster::text, array[m.id], 'encoding'
from numbered as p inner join public.memories as m on m.id = p.id
"""

# Edges from each memory to those just before it in its session, and to earlier ones of its subject, near and far.
EDGES = """
insert into dreams.edge_states (
    memory_a, memory_b, edge_type, forward_weight, backward_weight, evidence_count, first_at, last_at, scaled_through
)
select
    least(earlier, later), greatest(earlier, later), edge_type,
    case when earlier < later then weight else backward_weight end,
    case when earlier < later then backward_weight else weight end,
    1 + (random() * 3)::int4, m.created_at, m.created_at, case when edge_type = 'hebbian' then current_date - (30 * random())::int4 end
from (
    select
        a.id as earlier, b.id as later, 'temporal' as edge_type, power(0.5, lag) as weight,
        0.55 * power(0.5, lag) as backward_weight
    from generate_series(1, 3) as lag cross join numbered as a
    inner join numbered as b on b.session = a.session and b.position = a.position + lag
    union all
    select a.id, b.id, w.edge_type, w.weight, w.weight
    from (
        values
            ('semantic', 1, 2, 0.75), ('semantic', 3, 4, 0.7), ('semantic', 5, 8, 0.65), ('semantic', 9, 16, 0.6),
            ('semantic', 17, 32, 0.55), ('semantic', 33, 64, 0.5), ('entity', 1, 8, 0.4), ('entity', 9, 32, 0.3),
            ('entity', 33, 64, 0.2), ('hebbian', 1, 6, 0.3), ('hebbian', 7, 40, 0.2)
    ) as w (edge_type, nearest, farthest, weight)
    cross join numbered as b
    inner join numbered as a
        on
            a.cluster = b.cluster
            and a.member = b.member - w.nearest - abs(hashint4(31 * b.number + w.nearest)) % (w.farthest - w.nearest + 1)
) as joined
inner join public.memories as m on m.id = later
order by 1, 2
"""  # noqa: E501


class Language:
    """Generates texts from a vocabulary with topics."""

    def __init__(self, median_words: int = MEDIAN_WORDS, seed: int = 1) -> None:
        self._chance = numpy.random.default_rng(seed)
        self._median_words = median_words
        function_count = len(FUNCTION_WORDS)
        self.words = numpy.array([*FUNCTION_WORDS, *self._pseudo_words()], dtype=object)
        self._function = _zipf(function_count)
        self._any = _zipf(PSEUDO_WORDS, 100)
        self._of_topic = _zipf(TOPIC_WORDS, 10)
        rarer = self._chance.random((TOPICS, TOPIC_WORDS)) ** 2 * PSEUDO_WORDS
        self._topics = function_count + rarer.astype(numpy.int64)
        self.people = [word.capitalize() for word in self.words[-PEOPLE:]]

    def texts(self, topics: Numbers, chance: numpy.random.Generator, lengths: Numbers | None = None) -> list[str]:
        """A text for each topic, of log-normal length unless `lengths` gives the words of each."""
        if lengths is None:
            drawn = chance.lognormal(math.log(self._median_words), LENGTH_DEVIATION, len(topics)).astype(numpy.int64)
            lengths = numpy.maximum(drawn, SHORTEST_WORDS)
        tokens = self._tokens(numpy.repeat(topics, lengths), chance)
        ends = numpy.cumsum(lengths)
        words = self.words[tokens]
        return [" ".join(words[end - length : end]) + "." for end, length in zip(ends, lengths, strict=True)]

    def content_words(self, topic: int, count: int, chance: numpy.random.Generator) -> list[str]:
        return list(self.words[self._topics[topic][_draw(self._of_topic, count, chance)]])

    def _tokens(self, topics: Numbers, chance: numpy.random.Generator) -> Numbers:
        count, kind = len(topics), chance.random(len(topics))
        tokens = len(FUNCTION_WORDS) + _draw(self._any, count, chance)
        of_topic = kind < FUNCTION_SHARE + TOPIC_SHARE
        tokens[of_topic] = self._topics[topics[of_topic], _draw(self._of_topic, int(of_topic.sum()), chance)]
        is_function = kind < FUNCTION_SHARE
        tokens[is_function] = _draw(self._function, int(is_function.sum()), chance)
        follows = numpy.flatnonzero(~is_function[1:] & (chance.random(count - 1) < COLLOCATION_SHARE)) + 1
        pair = tokens[follows - 1] * 7919 + chance.integers(0, FOLLOWERS, len(follows))
        tokens[follows] = self._topics[topics[follows], pair % TOPIC_WORDS]
        return tokens

    def _pseudo_words(self) -> list[str]:
        """Made-up words: the more frequent, the shorter (Zipf's law of abbreviation)."""
        found: dict[str, None] = {}
        while len(found) < PSEUDO_WORDS:
            syllables = 2 + int(len(found) > 1_000) + int(self._chance.random() < len(found) / PSEUDO_WORDS)
            word = "".join(self._chance.choice(SYLLABLES, syllables))
            if word not in FUNCTION_WORDS:
                found[word] = None
        return list(found)


class Meanings:
    """Generates vectors of texts, in one cluster for each subject."""

    def __init__(self, clusters: int, seed: int = 2) -> None:
        chance = numpy.random.default_rng(seed)
        spectrum = numpy.arange(1, DIMENSIONS + 1) ** -SPECTRUM_EXPONENT
        self._spectrum = (spectrum / numpy.linalg.norm(spectrum)).astype(numpy.float32)
        common = COMMON_SHARE * self._spectrum * numpy.sign(chance.standard_normal(DIMENSIONS))
        self._middles = _unit(chance.standard_normal((clusters, DIMENSIONS)) * self._spectrum + common)
        self._radii = CLUSTER_RADIUS * numpy.exp(RADIUS_DEVIATION * chance.standard_normal(clusters))
        self._shifts = chance.integers(0, DIMENSIONS, clusters)

    def of(self, clusters: Numbers, chance: numpy.random.Generator, radius: float = 1.0) -> Vectors:
        """A unit vector for each given cluster."""
        deviations = chance.standard_normal((len(clusters), DIMENSIONS), dtype=numpy.float32)
        turned = self._spectrum[(numpy.arange(DIMENSIONS) + self._shifts[clusters][:, None]) % DIMENSIONS]
        radii = radius * self._radii[clusters] * numpy.exp(RADIUS_DEVIATION * chance.standard_normal(len(clusters)))
        return _unit(self._middles[clusters] + radii[:, None] * deviations * turned)


class Corpus:
    """`size` memories with texts, vectors, sessions and subjects, the same for the same size and median length."""

    def __init__(self, size: int, median_words: int = MEDIAN_WORDS) -> None:
        chance = numpy.random.default_rng(size)
        self.size = size
        clusters = max(size // MEMORIES_PER_CLUSTER, 10)
        self.language, self.meanings = Language(median_words), Meanings(clusters)
        weights = numpy.cumsum(chance.dirichlet(numpy.full(clusters, 3.0)))
        opens = chance.random(size) < 1 / SESSION_MEMORIES
        opens[0] = True
        self.session = numpy.cumsum(opens)
        self.position = 1 + numpy.arange(size) - numpy.flatnonzero(opens)[self.session - 1]
        focus = _draw(weights, size + 1, chance)[self.session]
        self.cluster = numpy.where(chance.random(size) < SESSION_FOCUS, focus, _draw(weights, size, chance))

    def batches(self, model: str) -> Iterator[Sequence[Sequence[object]]]:
        """Batches of rows of public.memories, in the order of COLUMNS."""
        first_at = datetime.now(UTC) - timedelta(days=365 * YEARS)
        between = timedelta(days=365 * YEARS) / (int(self.session[-1]) + 1)
        for start in range(0, self.size, BATCH):
            numbers = numpy.arange(start, min(start + BATCH, self.size))
            chance = numpy.random.default_rng([self.size, start])
            clusters = self.cluster[numbers]
            texts = self.language.texts(clusters % TOPICS, chance)
            vectors = numpy.zeros((len(numbers), COLUMN_DIMENSIONS), dtype=numpy.float32)
            vectors[:, :DIMENSIONS] = self.meanings.of(clusters, chance)
            yield [
                self._row(number, text, vector, model, first_at, between, chance)
                for number, text, vector in zip(numbers.tolist(), texts, vectors, strict=True)
            ]

    def _row(
        self, number: int, text: str, vector: Vectors, model: str, first_at: datetime, between: timedelta, chance: Any
    ) -> Sequence[object]:
        session = int(self.session[number])
        instant = first_at + session * between + timedelta(minutes=int(self.position[number]))
        digest = sha256(text.encode()).hexdigest()
        speaker = self.language.people[(7 * session + number % 2) % PEOPLE]
        metadata = {"source": "synthetic", **({"speaker": speaker} if session % 2 else {})}
        tags = self.language.content_words(int(self.cluster[number]) % TOPICS, number % 3, chance)
        return [
            identity("synthetic", digest), text, digest, "", "", Jsonb(metadata), tags, instant, instant, vector, 1.0,
            model,
        ]  # fmt: skip

    def passages(self, number: int, content: str, chance: numpy.random.Generator) -> Iterator[Sequence[object]]:
        """The rows of dreams.passages of a long content, without the memory's id and the model."""
        parts = passages(content)
        if len(parts) > 1:
            vectors = self.meanings.of(numpy.repeat(self.cluster[number], len(parts)), chance)
            for place, (part, vector) in enumerate(zip(parts, vectors, strict=True), 1):
                padded = numpy.zeros(COLUMN_DIMENSIONS, dtype=numpy.float32)
                padded[:DIMENSIONS] = vector
                yield place, part.from_character, part.to_character, HalfVector(padded)

    def questions(self, count: int, seed: int) -> Mapping[str, Vectors]:
        """Questions about the memories and the vector of each; every fifth names a person."""
        chance = numpy.random.default_rng(seed)
        clusters = self.cluster[chance.integers(0, self.size, count)]
        vectors = self.meanings.of(clusters, chance, QUERY_RADIUS)
        openings = ["What did we say about", "When was", "How do I", "Where did they put", "Who told me about the"]
        found = {}
        for number, (cluster, vector) in enumerate(zip(clusters.tolist(), vectors, strict=True)):
            about = self.language.content_words(cluster % TOPICS, 2 + number % 3, chance)
            who = f" to {chance.choice(self.language.people)}" if number % 5 == 0 else ""
            opening = openings[number % len(openings)]
            found[f"{opening} {' '.join(about)}{who}?"] = vector
        return found

    def new_texts(self, count: int, seed: int) -> list[str]:
        """Texts that no memory has."""
        chance = numpy.random.default_rng([seed, time.time_ns()])
        return self.language.texts(chance.integers(0, TOPICS, count), chance)


def fill(connection: Connection, corpus: Corpus, model: str) -> Mapping[str, float]:
    """Fills an empty, migrated store, with the state of a dream cycle; returns the seconds of each step."""
    seconds = store_memories(connection, corpus, model)
    with _timed(seconds, "dreamt state"):
        _dream(connection)
    with _timed(seconds, "vacuum"):
        connection.execute("vacuum analyze")
    return seconds


def store_memories(connection: Connection, corpus: Corpus, model: str) -> dict[str, float]:
    """Stores the memories with vectors, and their sessions and clusters in table `places`; returns seconds by step."""
    seconds: dict[str, float] = {}
    with (
        _timed(seconds, "HNSW indexes"),
        _without_index(connection, "public", "memories_embedding_idx", corpus.size),
        _without_index(connection, "dreams", "passages_embedding_idx", corpus.size),
    ):
        with _timed(seconds, "COPY"):
            _copy(connection, corpus, model)
        connection.execute("analyze public.memories")
    seconds["HNSW indexes"] -= seconds["COPY"]
    return seconds


def _copy(connection: Connection, corpus: Corpus, model: str) -> None:
    register_vector(connection)
    connection.execute(PLACES)
    columns = sql.SQL(", ").join(map(sql.Identifier, COLUMNS))
    into = sql.SQL("copy public.memories ({}) from stdin (format binary)").format(columns)
    start = 0
    for rows in corpus.batches(model):
        with connection.cursor().copy(into) as copy:
            copy.set_types(list(COLUMNS.values()))
            for row in rows:
                copy.write_row(row)
        with connection.cursor().copy("copy places (number, id, session, position, cluster) from stdin") as copy:
            for number, row in enumerate(rows, start):
                place = (corpus.session[number], corpus.position[number], corpus.cluster[number])
                copy.write_row((number, row[0], *map(int, place)))
        _copy_passages(connection, corpus, model, start, rows)
        start += len(rows)


def _copy_passages(
    connection: Connection, corpus: Corpus, model: str, start: int, rows: Sequence[Sequence[object]]
) -> None:
    chance = numpy.random.default_rng([corpus.size, start, 1])
    with connection.cursor().copy(f"copy dreams.passages ({', '.join(PASSAGES)}) from stdin (format binary)") as copy:
        copy.set_types(list(PASSAGES.values()))
        for number, row in enumerate(rows, start):
            for place, from_character, to_character, vector in corpus.passages(number, str(row[1]), chance):
                copy.write_row((row[0], place, from_character, to_character, model, vector))


def _dream(connection: Connection) -> None:
    connection.execute("set work_mem = '256MB'")
    connection.execute(NUMBER_MEMBERS)
    connection.execute("analyze numbered")
    for statement in (EPISODES, MEMBERS, STATES, EDGES):
        connection.execute(statement)
    connection.execute("select dreams.index_marts()")
    connection.execute("drop table places, numbered")
    project = Path(__file__).resolve().parent.parent / "biological_memory" / "dbt_project.yml"
    parameters = yaml.safe_load(project.read_text())["vars"]
    connection.execute(
        "insert into dreams.cycles (as_of, stages, state, parameters, code_version, published_at)"
        " values (clock_timestamp(), '{}', 'published', %s, 'synthetic', clock_timestamp())",
        (Jsonb(parameters, dumps=lambda found: json.dumps(found, default=str)),),
    )
    connection.execute("reset work_mem")


@contextmanager
def _without_index(connection: Connection, schema: str, name: str, rows: int) -> Iterator[None]:
    """Drops an index for the block, then builds it at once, with enough memory to hold all of it."""
    row = connection.execute(
        "select indexdef from pg_indexes where schemaname = %s and indexname = %s", (schema, name)
    ).fetchone()
    assert row is not None, f"there is no index {schema}.{name}"
    connection.execute(sql.SQL("drop index {}").format(sql.Identifier(schema, name)))
    yield
    megabytes = max(256, rows * 4_000 // 1_000_000)
    connection.execute(f"set maintenance_work_mem = '{megabytes}MB'")
    connection.execute(str(row[0]).encode())
    connection.execute("reset maintenance_work_mem")


@contextmanager
def _timed(seconds: dict[str, float], step: str) -> Iterator[None]:
    started = time.perf_counter()
    yield
    seconds[step] = time.perf_counter() - started


def _zipf(count: int, offset: float = 2.7) -> NDArray[numpy.float64]:
    """The cumulative shares of `count` words by rank (Zipf-Mandelbrot)."""
    shares = 1 / (numpy.arange(1, count + 1) + offset)
    return numpy.cumsum(shares / shares.sum())


def _draw(cumulative: NDArray[numpy.float64], count: int, chance: numpy.random.Generator) -> Numbers:
    found: Numbers = numpy.searchsorted(cumulative, chance.random(count) * cumulative[-1])
    return numpy.minimum(found, len(cumulative) - 1)


def _unit(vectors: NDArray[Any]) -> Vectors:
    lengths = numpy.linalg.norm(vectors, axis=1, keepdims=True)
    return numpy.asarray(vectors / lengths, dtype=numpy.float32)
