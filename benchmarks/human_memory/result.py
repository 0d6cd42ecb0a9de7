"""Holds the results of a comparison with people: figures with their gates, and charts of data and models."""

import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from errno import ENOENT
from pathlib import Path

import numpy
from numpy.typing import ArrayLike, NDArray
from scipy.optimize import least_squares

Point = tuple[float, float]
Vector = NDArray[numpy.float64]
EXPONENTIAL, ACT_R, PAVLIK_ANDERSON = "e^(-t/S)", "ACT-R", "Pavlik & Anderson"


@dataclass(frozen=True, slots=True)
class Figure:
    """A figure, its gate, and whether it is met (None without a gate); `beside` has figures to compare it with."""

    finding: str
    measure: str
    value: float | str
    gate: str
    met: bool | None
    beside: Mapping[str, float | str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Chart:
    """Data of people as points and models as curves, by name; the same name in both shares a colour."""

    name: str
    title: str
    x_label: str
    y_label: str
    points: Mapping[str, Sequence[Point]]
    curves: Mapping[str, Sequence[Point]]
    logarithmic: bool = False


Comparison = tuple[list[Figure], list[Chart]]


def data_file(folder: Path, pattern: str) -> Path:
    """The first file in a folder that matches a pattern. Raises FileNotFoundError when there is none."""
    for file in sorted(folder.glob(pattern)):
        return file
    raise FileNotFoundError(ENOENT, os.strerror(ENOENT), str(folder / pattern))


def root_mean_square(differences: ArrayLike) -> float:
    return float(numpy.sqrt(numpy.mean(numpy.square(differences))))


def least_squares_fit(
    predict: Callable[[Vector], ArrayLike],
    observed: ArrayLike,
    starts: Sequence[Sequence[float]],
    bounds: tuple[Sequence[float], Sequence[float]],
) -> Vector:
    """The parameters of the best least-squares fit among several starting points."""
    fits = [
        least_squares(lambda given: numpy.subtract(predict(given), observed), start, bounds=bounds, max_nfev=80)
        for start in starts
    ]
    best: Vector = min(fits, key=lambda fit: float(fit.cost)).x
    return best


def column(rows: Sequence[tuple[object, ...]]) -> Vector:
    """The first column of a query's answer."""
    return numpy.array([row[0] for row in rows], dtype=numpy.float64)
