"""Draws charts as PNG and on one page of HTML, from the same lines, dots and words."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from html import escape
from math import log10
from pathlib import Path

from PIL import Image, ImageDraw, ImageFont

from benchmarks.human_memory.result import Chart, Point

WIDTH, HEIGHT = 760, 460
LEFT, RIGHT, TOP, BOTTOM = 70, 210, 40, 60
COLOURS = ("#1b6ca8", "#d1495b", "#3a7d44", "#e39c12", "#6a4c93", "#555555")
INK, PALE = "#222222", "#dddddd"
SCALE = 2
FONT_SIZE = 13


@dataclass(frozen=True, slots=True)
class Curve:
    points: Sequence[Point]
    colour: str
    width: int = 2


@dataclass(frozen=True, slots=True)
class Dot:
    at: Point
    colour: str


@dataclass(frozen=True, slots=True)
class Words:
    """A line of text; `anchor` is the part of it at `at`: start, middle or end."""

    at: Point
    text: str
    anchor: str = "start"


Mark = Curve | Dot | Words


def marks(chart: Chart) -> Iterator[Mark]:
    """The marks of grid, labels and legend, then of curves with the data above them."""
    every = [point for points in (*chart.points.values(), *chart.curves.values()) for point in points]
    place_x, ticks_x = axis([x for x, _ in every], LEFT, WIDTH - RIGHT, chart.logarithmic)
    place_y, ticks_y = axis([*(y for _, y in every), 0.0], HEIGHT - BOTTOM, TOP, logarithmic=False)
    for tick in ticks_x:
        yield Curve([(place_x(tick), TOP), (place_x(tick), HEIGHT - BOTTOM)], PALE, 1)
        yield Words((place_x(tick), HEIGHT - BOTTOM + 20), f"{tick:.3g}", "middle")
    for tick in ticks_y:
        yield Curve([(LEFT, place_y(tick)), (WIDTH - RIGHT, place_y(tick))], PALE, 1)
        yield Words((LEFT - 8, place_y(tick) + 5), f"{tick:.3g}", "end")
    yield Words((LEFT, 22), chart.title)
    yield Words(((LEFT + WIDTH - RIGHT) / 2, HEIGHT - 14), chart.x_label, "middle")
    yield Words((8, TOP - 4), chart.y_label)
    names = list(dict.fromkeys([*chart.points, *chart.curves]))
    for number, name in enumerate(names):
        colour, height = COLOURS[number % len(COLOURS)], TOP + 12 + 20 * number
        yield Words((WIDTH - RIGHT + 34, height + 5), name)
        if name in chart.curves:
            line = sorted(chart.curves[name])
            yield Curve([(WIDTH - RIGHT + 10, height), (WIDTH - RIGHT + 28, height)], colour)
            yield Curve([(place_x(x), place_y(y)) for x, y in line], colour)
        if name in chart.points:
            yield Dot((WIDTH - RIGHT + 19, height), colour)
            yield from (Dot((place_x(x), place_y(y)), colour) for x, y in chart.points[name])


def axis(
    values: Sequence[float], start: float, end: float, logarithmic: bool
) -> tuple[Callable[[float], float], list[float]]:
    """A function from values to pixels, and the values of the ticks."""
    low, high = min(values), max(values)
    if logarithmic:
        low, high = log10(low), log10(high)
        powers = [10.0**power for power in range(int(low) - 1, int(high) + 2)]
        return lambda value: start + (end - start) * (log10(value) - low) / (high - low), [
            power for power in powers if low <= log10(power) <= high
        ]
    size = (high - low) or 1.0
    step = 10 ** int(log10(size) - 1 if size < 1 else log10(size))
    step = next(step * factor for factor in (0.2, 0.5, 1, 2, 5, 10) if size / (step * factor) <= 7)
    first = int(low / step) - 1
    ticks = [(first + number) * step for number in range(int(size / step) + 4)]
    return lambda value: start + (end - start) * (value - low) / size, [
        tick for tick in ticks if low - 1e-9 <= tick <= high + 1e-9
    ]


def svg(chart: Chart) -> str:
    drawn = []
    for mark in marks(chart):
        match mark:
            case Curve(points, colour, width):
                path = " ".join(f"{x:.1f},{y:.1f}" for x, y in points)
                drawn.append(f'<polyline points="{path}" fill="none" stroke="{colour}" stroke-width="{width}"/>')
            case Dot((x, y), colour):
                drawn.append(f'<circle cx="{x:.1f}" cy="{y:.1f}" r="4" fill="{colour}"/>')
            case Words((x, y), text, anchor):
                drawn.append(f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}">{escape(text)}</text>')
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" width="{WIDTH}"'
        f' font-family="sans-serif" font-size="{FONT_SIZE}" fill="{INK}">{"".join(drawn)}</svg>'
    )


def png(chart: Chart) -> Image.Image:
    image = Image.new("RGB", (WIDTH * SCALE, HEIGHT * SCALE), "white")
    canvas, font = ImageDraw.Draw(image), ImageFont.load_default(FONT_SIZE * SCALE)
    for mark in marks(chart):
        match mark:
            case Curve(points, colour, width):
                canvas.line([(x * SCALE, y * SCALE) for x, y in points], fill=colour, width=width * SCALE)
            case Dot((x, y), colour):
                canvas.circle((x * SCALE, y * SCALE), 4 * SCALE, fill=colour)
            case Words((x, y), text, anchor):
                at = {"start": "ls", "middle": "ms", "end": "rs"}[anchor]
                canvas.text((x * SCALE, y * SCALE), text, fill=INK, font=font, anchor=at)
    return image


def save(charts: Sequence[Chart], folder: Path, table: str) -> None:
    """Saves a PNG of each chart, and index.html with all of them and the table."""
    folder.mkdir(parents=True, exist_ok=True)
    for chart in charts:
        png(chart).save(folder / f"{chart.name}.png")
    figures = "\n".join(f"<figure>{svg(chart)}</figure>" for chart in charts)
    (folder / "index.html").write_text(
        f'<!doctype html><html lang="en"><meta charset="utf-8"><title>Human memory</title>'
        f"<h1>Human memory, by the shipped SQL</h1><pre>{escape(table)}</pre>{figures}</html>\n",
        encoding="utf-8",
    )
