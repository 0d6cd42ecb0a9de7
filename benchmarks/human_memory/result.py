"""What a comparison with people finds: figures beside their gates, and charts of the data with the model's curve."""

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
    """One figure, what it has to be, whether it is; `beside` has the same figure of other models."""

    finding: str
    measure: str
    value: float | str
    gate: str
    met: bool | None
    beside: Mapping[str, float | str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Chart:
    """Data of people as points and models as curves, by name; several of one name in both share a colour."""

    name: str
    title: str
    x_label: str
    y_label: str
    points: Mapping[str, Sequence[Point]]
    curves: Mapping[str, Sequence[Point]]
    logarithmic: bool = False


Comparison = tuple[list[Figure], list[Chart]]


def data_file(folder: Path, pattern: str) -> Path:
    """The file of that kind in a folder: all of the data, or the part that is there. Raises FileNotFoundError."""
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
    """The parameters with the least squares of differences, of the fits that begin at several places."""
    fits = [
        least_squares(lambda given: numpy.subtract(predict(given), observed), start, bounds=bounds, max_nfev=80)
        for start in starts
    ]
    best: Vector = min(fits, key=lambda fit: float(fit.cost)).x
    return best


def column(rows: Sequence[tuple[object, ...]]) -> Vector:
    """The first column of a query's answer."""
    return numpy.array([row[0] for row in rows], dtype=numpy.float64)
