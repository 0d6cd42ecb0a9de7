"""Measures how well `need` tells which memories a life's own future brings back (Anderson & Schooler 1991).

A memory returns on a night when, within the horizon, a later one has one of its names. Names are strings: words written
with a capital, in at least two memories and at most one in fifty. Vectors and annotations take no part in this.
"""

import re
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from uuid import UUID

import numpy
from numpy.typing import NDArray
from scipy.stats import rankdata

Vector = NDArray[numpy.float64]
NAME = re.compile(r"\b[^\W\d_a-z][^\W\d_]{2,}\b")
FEWEST, MOST_SHARE = 2, 0.02
YEAR_DAYS, DAY_SECONDS = 365.25, 86_400
BINS = 10
CALIBRATED_ON = 12


@dataclass(frozen=True, slots=True)
class Pace:
    """Days before the first night, between nights, and in which a memory can return."""

    first: float
    step: float
    horizon: float


MONTHS, DAYS = Pace(YEAR_DAYS / 2, YEAR_DAYS / 12, 30), Pace(7, 1, 3)


class Mentions:
    """The memories of a life in time order, with the distinctive names of each and the days they were mentioned on."""

    def __init__(self, texts: Sequence[tuple[UUID, float, str]]) -> None:
        """`texts` has the id, the day and the content of each memory."""
        texts = sorted(texts, key=lambda text: (text[1], text[0]))
        self.ids = [memory_id for memory_id, _, _ in texts]
        self.days = numpy.array([day for _, day, _ in texts])
        found = [frozenset(word.lower() for word in NAME.findall(content)) for _, _, content in texts]
        places: dict[str, list[int]] = defaultdict(list)
        for place, names in enumerate(found):
            for name in sorted(names):
                places[name].append(place)
        self.mentioned: Mapping[str, Vector] = {
            name: self.days[own] for name, own in places.items() if FEWEST <= len(own) <= MOST_SHARE * len(texts)
        }
        self.names = [sorted(name for name in names if name in self.mentioned) for names in found]
        self.pace = MONTHS if self.days[-1] - self.days[0] > YEAR_DAYS else DAYS

    def nights(self) -> Iterator[float]:
        """The days at whose beginning returns are foretold, as far as their horizon lies within the life."""
        night = self.days[0] + self.pace.first
        while night + self.pace.horizon <= self.days[-1]:
            yield night
            night += self.pace.step

    def named_before(self, night: float) -> list[int]:
        """The places of the earlier memories that have a distinctive name."""
        return [place for place in range(int(numpy.searchsorted(self.days, night))) if self.names[place]]

    def returning(self, places: Sequence[int], night: float, horizon: float) -> NDArray[numpy.bool_]:
        """Whether each of these memories returns within a horizon of days after a night."""
        back = {
            name
            for name, days in self.mentioned.items()
            if numpy.searchsorted(days, night) < numpy.searchsorted(days, night + horizon)
        }
        return numpy.array([not back.isdisjoint(self.names[place]) for place in places], dtype=bool)

    def mentions(self, place: int, night: float) -> Vector:
        """Ages in days, on a night, of a memory and of the later mentions of its names, the youngest first."""
        own = self.days[place]
        days = {own, *(day for name in self.names[place] for day in self.mentioned[name] if own <= day < night)}
        return night - numpy.array(sorted(days, reverse=True))


def base_level(ages_days: Vector) -> float:
    """Base-level activation with decay 1/2 over presentations of these ages (Anderson & Schooler 1991)."""
    return float(numpy.log(numpy.sum(numpy.maximum(ages_days * DAY_SECONDS, 1) ** -0.5)))


def area_under_curve(score: Vector, returned: NDArray[numpy.bool_]) -> float:
    """The chance that a memory that returns has a higher score than one that does not; NaN without one of them."""
    hits, misses = int(returned.sum()), int((~returned).sum())
    if not hits or not misses:
        return float("nan")
    return float((rankdata(score)[returned].sum() - hits * (hits + 1) / 2) / (hits * misses))


@dataclass(frozen=True, slots=True)
class Night:
    """What was foretold on one night of the memories with a name: scores, ages and counts beside what happened."""

    returned: NDArray[numpy.bool_]
    scores: Mapping[str, Vector]
    recency_days: Vector
    frequency: Vector


def foretell(mentions: Mentions, need: Callable[[float], Mapping[UUID, float]]) -> list[Night]:
    """Scores the memories on each night: by need, by recency, and by base-level activation over mentions."""
    nights = []
    for night in mentions.nights():
        needed = need(night)
        places = [place for place in mentions.named_before(night) if mentions.ids[place] in needed]
        if not places:
            continue
        ages = [mentions.mentions(place, night) for place in places]
        nights.append(
            Night(
                mentions.returning(places, night, mentions.pace.horizon),
                {
                    "need": numpy.array([needed[mentions.ids[place]] for place in places]),
                    "recency": mentions.days[places],
                    "mentions": numpy.array([base_level(own) for own in ages]),
                },
                numpy.array([own[0] for own in ages]),
                numpy.array([float(len(own)) for own in ages]),
            )
        )
    return nights


def mean_areas(nights: Sequence[Night]) -> Mapping[str, float]:
    return {
        score: float(numpy.nanmean([area_under_curve(night.scores[score], night.returned) for night in nights]))
        for score in ("need", "recency", "mentions")
    }


def foretold(nights: Sequence[Night]) -> tuple[Vector, NDArray[numpy.bool_]]:
    """The probability of return on each night after the first, and whether each memory returned.

    The probability is the share that returned, on the twelve nights before, of those in the same tenth of the night's
    ranking by need.
    """
    tenths = [
        numpy.minimum((rankdata(night.scores["need"]) - 1) * BINS // len(night.returned), BINS - 1).astype(int)
        for night in nights
    ]
    chances, outcomes = [], []
    for number in range(1, len(nights)):
        before = range(max(number - CALIBRATED_ON, 0), number)
        own = numpy.concatenate([tenths[night] for night in before])
        hits = numpy.bincount(own, numpy.concatenate([nights[night].returned for night in before]), BINS)
        chances.append(((hits + 1) / (numpy.bincount(own, minlength=BINS) + 2))[tenths[number]])
        outcomes.append(nights[number].returned)
    return numpy.concatenate(chances), numpy.concatenate(outcomes)


def calibration(chances: Vector, returned: NDArray[numpy.bool_]) -> list[tuple[float, float, int]]:
    """For ten bins of the probability: its mean, the share that returned, and how many there are."""
    bins = numpy.minimum((chances * BINS).astype(int), BINS - 1)
    return [
        (float(chances[bins == number].mean()), float(returned[bins == number].mean()), int((bins == number).sum()))
        for number in range(BINS)
        if (bins == number).any()
    ]


def calibration_error(bins: Sequence[tuple[float, float, int]]) -> float:
    """The expected calibration error: the mean distance of a bin's probability from its share, by bin size."""
    return sum(count * abs(chance - share) for chance, share, count in bins) / sum(count for _, _, count in bins)


@dataclass(frozen=True, slots=True)
class Law:
    """Log odds of return by the logarithm of a quantity: ten points, and the slope and fit of a line through them."""

    points: Sequence[tuple[float, float]]
    slope: float
    explained: float


def law(quantity: Vector, returned: NDArray[numpy.bool_]) -> Law:
    """The log odds of return in bins of equal size of the logarithm of a quantity."""
    places = numpy.log(numpy.maximum(quantity, 1))
    edges = numpy.unique(numpy.quantile(places, numpy.linspace(0, 1, BINS + 1)[1:-1]))
    bins = numpy.searchsorted(edges, places)
    points = []
    for number in numpy.unique(bins):
        own = bins == number
        hits, of = int(returned[own].sum()), int(own.sum())
        points.append((float(places[own].mean()), float(numpy.log((hits + 0.5) / (of - hits + 0.5)))))
    x, y = (numpy.array(column) for column in zip(*points, strict=True))
    if len(points) < 3:
        return Law(points, float("nan"), float("nan"))
    slope, height = numpy.polyfit(x, y, 1)
    return Law(points, float(slope), float(1 - numpy.var(y - slope * x - height) / numpy.var(y)))
