"""Tests replay and down-scaling on real reviews: which cards each night replays, and how edges between cards decay.

Each card of the review log is a memory, each review an event; nothing else is known about them.
"""

from collections.abc import Mapping, Sequence
from itertools import pairwise
from pathlib import Path

import duckdb
import numpy

from benchmarks.human_memory import shipped
from benchmarks.human_memory.result import Chart, Comparison, Figure, Vector, column, data_file

REPLAYS_A_NIGHT = 10
SCALED_NIGHTS = 30
LATER = """
create or replace table chances as
select
    candidates.night,
    candidates.memory_id,
    candidates.need,
    candidates.gain,
    candidates.priority,
    epoch(reviewed.occurred_at) as last_reviewed,
    coalesce(following.grade = 1 and following.occurred_at <= candidates.occurred_at + interval 7 days, false) as fails
from replays as candidates
asof left join stg_events as following
    on candidates.memory_id = following.memory_id and candidates.occurred_at < following.occurred_at
asof left join stg_events as reviewed
    on candidates.memory_id = reviewed.memory_id and candidates.occurred_at > reviewed.occurred_at
"""


def read(folder: Path) -> duckdb.DuckDBPyConnection:
    """Fills the staging tables from the log."""
    file = data_file(folder, "fsrs_review_log*.csv.gz")
    connection = shipped.database()
    connection.execute(
        """create table stg_events as
        select
            row_number() over (order by review_time, card_id) as event_id,
            cast(card_id as bigint) as memory_id,
            'reviewed' as kind,
            cast(review_rating as integer) as grade,
            cast(null as bigint) as query_id,
            cast(null as integer) as rank,
            cast(review_time as timestamptz) as occurred_at
        from read_csv($file)""",
        {"file": str(file)},
    )
    connection.execute(
        """create table stg_memories as
        select memory_id, memory_id as item_id, 1 as chunk_index, 'default' as agent, min(occurred_at) as created_at
        from stg_events group by memory_id;
        create table log_end as select max(occurred_at) as instant from stg_events;
        create table stg_annotations (memory_id bigint, sentiment double);
        create table stg_embeddings (memory_id bigint, dimensions integer, embedding blob, embedding_hash ubigint);
        create table stg_nights (agent varchar, night date, replayed_count integer);
        create table ltm_meanings (memory_id bigint, item_id bigint, name_hashes ubigint[]);
        create table ltm_nearest (memory_id bigint, fingerprint ubigint);
        create table ltm_semantic_edges (later_id bigint, earlier_id bigint, cosine_similarity double)"""
    )
    return connection


def choose(connection: duckdb.DuckDBPyConnection) -> None:
    """Runs the models up to the replay choice of every night of the log, and keeps all candidates of each night."""
    nights, as_of = connection.sql(
        "select datediff('day', min(occurred_at), any_value(instant)) + 2,"
        " strftime(any_value(instant) + interval 1 day, '%Y-%m-%dT%H:%M:%S+00:00') from stg_events, log_end"
    ).fetchall()[0]
    shipped.build(
        connection,
        *("attention_events", "wm_activations", "wm_windows", "wm_crowding", "wm_capacities", "attention_slots"),
        *("stm_sessions", "ltm_mentions", "con_reminding_inputs", "con_name_ties", "con_remindings"),
        *("con_active_results", "con_coactivations"),
        *(
            "ltm_presentations",
            "ltm_nights",
            "ltm_recall_odds",
            "ltm_need_inputs",
            "ltm_associates",
            "ltm_associate_spans",
            "ltm_mention_spans",
            "ltm_need",
            "ltm_review_inputs",
            "ltm_reviews",
        ),
        "replays",
        as_of=as_of,
        replay_catch_up_nights=nights,
        replay_budget=1_000_000,
    )
    connection.execute(LATER)
    connection.execute("create or replace table lived as from con_coactivations")


def failing_share(connection: duckdb.DuckDBPyConnection, order: str) -> float:
    """The share that fails within a week, of the cards that `order` ranks first each night."""
    (share,) = connection.execute(
        f"""select avg(cast(fails as integer)) from (
            from chances qualify row_number() over (partition by night order by {order} desc, memory_id) <= $budget
        )""",  # noqa: S608 - a column's name
        {"budget": REPLAYS_A_NIGHT},
    ).fetchall()[0]
    return float(share)


def random_share(connection: duckdb.DuckDBPyConnection) -> float:
    """The expected share of as many cards drawn at random each night."""
    (share,) = connection.execute(
        "select sum(least(candidates, $budget) * failing) / sum(least(candidates, $budget)) from"
        " (select count(*) as candidates, avg(cast(fails as integer)) as failing from chances group by night)",
        {"budget": REPLAYS_A_NIGHT},
    ).fetchall()[0]
    return float(share)


def weights_after(
    connection: duckdb.DuckDBPyConnection, nights: Sequence[int], **overrides: float
) -> Mapping[int, Vector]:
    """The Hebbian weights at each number of nights after the log, with the pairs in one order.

    A co-activation of 0 changes no weight, but advances it to its night.
    """
    found = {}
    for night in nights:
        connection.execute(
            """create or replace table con_coactivations as
            from lived
            union all
            select distinct agent, memory_a, memory_b, log_end.instant + to_days($night), 0.0 from lived, log_end""",
            {"night": night},
        )
        shipped.build(connection, "con_spared_nights", "con_hebbian_edges", **overrides)
        edges = connection.sql("select weight from con_hebbian_edges order by memory_a, memory_b")
        found[night] = column(edges.fetchall())
    return found


def rehearse_last_choice(connection: duckdb.DuckDBPyConnection) -> Vector:
    """Records the last night's choice as replayed in each scaled night; returns 1 for each pair that this spares."""
    connection.execute(
        """create or replace table replayed as
        select memory_id from replays
        where night = (select max(night) from replays) and replay_rank <= $budget""",
        {"budget": REPLAYS_A_NIGHT},
    )
    connection.execute(
        """insert into stg_events by name
        select
            -row_number() over () as event_id,
            memory_id,
            'rehearsed' as kind,
            log_end.instant + to_days(cast(nights.night as integer)) as occurred_at
        from replayed, log_end, range(1, $nights + 1) as nights (night)""",
        {"nights": SCALED_NIGHTS},
    )
    return column(
        connection.sql(
            "select cast(memory_a in (from replayed) or memory_b in (from replayed) as integer)"
            " from (select distinct memory_a, memory_b from lived) order by memory_a, memory_b"
        ).fetchall()
    )


def in_order(before: Vector, after: Vector) -> bool:
    """Whether the weights keep their rank order, but for rounding."""
    return bool(numpy.all(numpy.diff(after[numpy.argsort(before, kind="stable")]) >= -1e-12))


def compare(folder: Path) -> Comparison:
    connection = read(folder)
    choose(connection)
    replayed, scaled = compare_orders(connection), compare_nights(connection)
    return replayed[0] + scaled[0], replayed[1] + scaled[1]


def compare_orders(connection: duckdb.DuckDBPyConnection) -> Comparison:
    shares = {
        "gain x need": failing_share(connection, "priority"),
        "need": failing_share(connection, "need"),
        "most recent": failing_share(connection, "last_reviewed"),
        "random": random_share(connection),
    }
    beside = {name: share for name, share in shares.items() if name != "gain x need"}
    figure = Figure(
        "replay",
        "share that fails within 7 days: gain x need",
        shares["gain x need"],
        "> need > most recent > random",
        all(larger > smaller for larger, smaller in pairwise(shares.values())),
        {**beside, "gain alone, not gated": failing_share(connection, "gain")},
    )
    bars = {name: [(float(place), share)] for place, (name, share) in enumerate(shares.items(), 1)}
    return [figure], [Chart("replay", "Cards that fail within a week, of those replayed", "", "share", bars, {})]


def compare_nights(connection: duckdb.DuckDBPyConnection) -> Comparison:
    """Compares the weights on the log's last day and in the nights after it, which replay the last night's choice."""
    nights = range(SCALED_NIGHTS + 1)
    spared = rehearse_last_choice(connection) > 0
    weights = weights_after(connection, nights)
    means = [float(weights[night].mean()) for night in nights]
    groups = {"unspared": ~spared, "spared": spared}
    curves = {
        name: [(float(night), float(weights[night][group].mean())) for night in nights]
        for name, group in groups.items()
        if group.any()
    }
    kept = all(in_order(weights[0][~spared], weights[night][~spared]) for night in nights)
    fastest = weights_after(connection, [0], hebbian_learning_rate=1)[0]
    every = numpy.concatenate([fastest, *weights.values()])
    figures = [
        Figure(
            "Hebb and Oja",
            f"range of {len(spared)} weights, at learning rates of 0.1 and 1",
            f"{every.min():.4f} to {every.max():.4f}",
            "within 0 to 1",
            bool(every.min() >= 0 and every.max() <= 1),
        ),
        Figure(
            "down-scaling",
            f"mean weight after {SCALED_NIGHTS} nights, of {means[0]:.4f}",
            means[-1],
            "falls every night",
            all(after < before for before, after in pairwise(means)),
            {name: curve[-1][1] for name, curve in curves.items()},
        ),
        Figure("down-scaling", f"rank order of {(~spared).sum()} unspared", "kept" if kept else "broken", "kept", kept),
    ]
    title = "Hebbian weights after the log's last day"
    return figures, [Chart("down_scaling", title, "nights", "mean weight", {}, curves)]
