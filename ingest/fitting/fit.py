"""Fits the forgetting curve of FSRS-6, which has 21 weights (Ye 2024), to a person's own reviews.

Two-fold cross-validation: each half of the memories is held out of a fit and predicted by it. Only if that predicts
better than the project's weights are the weights fitted to all memories worth keeping.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import duckdb
import numpy
from numpy.typing import NDArray
from scipy.optimize import minimize

from ingest.dbt.cache import check_free
from ingest.dbt.parameters import FSRS_LEAST, FSRS_MOST
from ingest.dbt.path_in_sql import path_in_sql
from ingest.fitting.memory_model import by_weights, default_weights
from ingest.settings import settings
from memories.errors import InputError

Weights = NDArray[numpy.float64]
LEAST_REVIEWS = 100
LEAST_FAILURES = 10
# A prior: a weight at twice its default costs as much as one nat of loss on one review.
PRIOR_NATS = 1.0
ITERATIONS = 25
# After each review of table `reviews`: the state by the project's own fold, and the recall it predicts for the next
# review, after whole days.
STATES = """
with histories as (
    select card_id, list({{ fsrs_event('reviewed_at', 'grade') }} order by place) as events
    from reviews
    group by card_id
),

followed as (
    select
        card_id,
        place,
        half,
        events[:place] as events_so_far,
        cast(floor((events[place + 1].seconds - events[place].seconds) / 86400) as integer) as whole_days,
        events[place + 1].grade > 1 as is_recalled
    from reviews
    inner join histories using (card_id)
),

states as (
    select *, {{ fsrs_fold('events_so_far') }} as state from followed
    where coalesce(whole_days, 0) >= $least_days and list_contains($halves, half)
),

predicted as (
    select *, {{ fsrs_retrievability('whole_days', 'state.stability') }} as recalled from states
)
"""
LOSS = STATES + "select sum(-ln(greatest(if(is_recalled, recalled, 1 - recalled), 1e-12))), count(*) from predicted"  # noqa: S608 - two constants

READ = """
create table reviews as
select
    r.item_id as card_id, r.event.grade as grade, to_timestamp(r.event.seconds) as reviewed_at, r.place,
    (dense_rank() over (order by md5(cast(r.item_id as varchar)))) % 2 as half
from (
    select item_id, unnest(events) as event, generate_subscripts(events, 1) as place from cache.ltm_reviews
) as r
"""


@dataclass(frozen=True, slots=True)
class Fit:
    """The outcome of a fit: mean log losses (nats) on held-out memories, with the project's and the fitted weights.

    `reviews` counts the reviews at least a day after the one before, and `failures` those of them that failed.
    """

    reviews: int
    failures: int
    loss_before: float
    loss_after: float
    weights: Sequence[float]

    @property
    def is_better(self) -> bool:
        return self.loss_after < self.loss_before


class Loss:
    """Log loss of the model on reviews, as a function of its weights."""

    def __init__(self, connection: duckdb.DuckDBPyConnection) -> None:
        self._ask = by_weights(connection, LOSS)

    def total(self, weights: Sequence[float] | Weights, *halves: int) -> tuple[float, int]:
        """The sum over later-day reviews of the given halves of the memories, and the number of these reviews."""
        ((total, count),) = self._ask(weights, least_days=1, halves=list(halves))
        return float(total or 0), int(count)

    def fitted(self, *halves: int) -> Weights:
        """The weights of least loss on these halves within the bounds (L-BFGS-B), with a prior around the project's."""
        default = numpy.array(default_weights())
        _, count = self.total(default, *halves)

        def penalised(share: Weights) -> float:
            prior = PRIOR_NATS * float(numpy.sum((share - 1) ** 2))
            return (self.total(share * default, *halves)[0] + prior) / max(count, 1)

        bounds = list(zip(numpy.array(FSRS_LEAST) / default, numpy.array(FSRS_MOST) / default, strict=True))
        options = {"maxiter": ITERATIONS, "ftol": 1e-6}
        found = minimize(penalised, numpy.ones(len(default)), method="L-BFGS-B", bounds=bounds, options=options)
        best: Weights = found.x * default
        return best


def fit() -> Fit:
    """Fits the weights to the reviews of the last cycle, and stores nothing.

    Raises InputError when there are too few of them, and CacheLocked while a cycle runs.
    """
    cache = settings().duckdb_file
    check_free(cache)
    if not cache.exists():
        raise InputError("there is nothing to fit to yet: run `dreams run` first")
    with duckdb.connect(config={"threads": 1}) as connection:
        connection.execute("set TimeZone = 'UTC'")
        connection.execute(f"attach {path_in_sql(cache)} as cache (read_only)")
        connection.execute(READ)
        connection.execute("detach cache")
        reviews, failures = _counts(connection)
        if reviews < LEAST_REVIEWS or failures < LEAST_FAILURES:
            raise InputError(
                f"{reviews} reviews came on a later day than the one before, {failures} of them with grade 1: a fit "
                f"needs {LEAST_REVIEWS} and {LEAST_FAILURES}; review more memories, then run a cycle"
            )
        loss, default = Loss(connection), default_weights()
        before = sum(loss.total(default, half)[0] for half in (0, 1))
        after = sum(loss.total(loss.fitted(half), 1 - half)[0] for half in (0, 1))
        return Fit(reviews, failures, before / reviews, after / reviews, loss.fitted(0, 1).tolist())


def _counts(connection: duckdb.DuckDBPyConnection) -> tuple[int, int]:
    ((reviews, failures),) = connection.sql(
        "select count(*), count(*) filter (where is_failed) from ("
        " select grade = 1 as is_failed, epoch(reviewed_at) - lag(epoch(reviewed_at)) over"
        " (partition by card_id order by place) >= 86400 as is_later from reviews) where is_later"
    ).fetchall()
    return int(reviews), int(failures)
