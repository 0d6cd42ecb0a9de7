"""Says what the dream makes of real lives, and whether `need` tells what their own future brings back.

    make bench-lives                                  # every life of the evaluation data
    make bench-lives LIVES="httpx pepys"              # some of them; KEEP=folder keeps the embedded stores there

Each life is moved by whole weeks so that it ends now, stored, embedded and dreamt. On each month after the first half
year (in a talk of some weeks: on each day after the first week) the figures compare `need`, of all earlier memories
with a distinctive name, with what came back within thirty (three) days. Fates are also those of thirteen weeks ago,
beside what came back since. Revisions are counted beside pairs known to be true. The data is not part of the project:
its folder is DREAMS_EVAL_DATA (../shared/data by default), and a life whose data is absent is skipped. Charts go to
OUTPUT (build/lives).
"""

import os
import shutil
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))
DATA = Path(os.environ.get("DREAMS_EVAL_DATA", ROOT.parent / "shared" / "data"))
OUTPUT = Path(os.environ.get("OUTPUT") or ROOT / "build" / "lives")
HOME = Path(os.environ.get("KEEP") or tempfile.mkdtemp(prefix="dreams-lives-"))
os.environ["DREAMS_HOME"] = str(HOME)
for name in ("POSTGRES_DB_URL", "DUCKDB_PATH", "EMBEDDING_MODEL", "ANNOTATION_MODEL"):
    os.environ.pop(name, None)

import numpy

import memories.settings
from benchmarks.human_memory import plot
from benchmarks.human_memory.result import Chart
from benchmarks.real_lives import histories, needs, pairs, returns, stores
from benchmarks.real_lives.histories import Life
from benchmarks.real_lives.returns import Mentions, Night
from benchmarks.variables import chosen
from ingest.cycle.run import run_cycle
from ingest.settings import settings
from memories.postgres import database
from memories.postgres.database import connect
from memories.views.overview import findings, strongest_associations

REVISIONS = """
select related_memories[1], related_memories[2], insight_description from dreams.memory_insights
where insight_type in ('supersession', 'contradiction') order by discovered_at, insight_id
"""
FATES = ("consolidated", "retained", "fading", "dormant")
LEAST_AREA = {"httpx": 0.70, "pepys": 0.80}
MARGIN, WORST_CALIBRATION = 0.05, 0.05
# Slopes of log odds by log days, of headlines, speech to children and mail.
PAPER_RECENCY = "paper -0.73 to -0.83"


def verdict(*, met: bool) -> str:
    return "met" if met else "missed"


def mentions(life: Life) -> Mentions:
    """The texts of the documents, on the days of the store in use."""
    with connect() as connection:
        rows = connection.execute("select id, extract(epoch from created_at) / 86400.0 from public.memories").fetchall()
    days = {str(memory_id): float(str(day)) for memory_id, day in rows}
    return Mentions([(one.id, days[str(one.id)], one.content) for one in life.documents if str(one.id) in days])


def environment(life: Life) -> Iterator[str]:
    """Yields the lines on the environment's law, and writes their charts into OUTPUT."""
    mentioned = mentions(life)
    with needs.dreamt(settings().duckdb_file) as connection:
        found = needs.needs(connection, list(mentioned.nights()))
    nights = returns.foretell(mentioned, found.__getitem__)
    if not nights:
        yield "  no night has a memory with a distinctive name"
        return
    areas = returns.mean_areas(nights)
    least = LEAST_AREA.get(life.name, 0.0)
    yield (
        f"  AUC of need {areas['need']:.3f}  beside recency {areas['recency']:.3f}, mentions {areas['mentions']:.3f}"
        f"  (mean of {len(nights)} nights; {numpy.mean([night.returned.mean() for night in nights]):.2f} return)"
        f"  >= {max(least, areas['recency'] + MARGIN):.3f}"
        f" {verdict(met=areas['need'] >= max(least, areas['recency'] + MARGIN))}"
    )
    bins = returns.calibration(*returns.foretold(nights))
    error = returns.calibration_error(bins)
    yield f"  calibration error {error:.3f}  <= {WORST_CALIBRATION} {verdict(met=error <= WORST_CALIBRATION)}"
    came = numpy.concatenate([night.returned for night in nights])
    recency = returns.law(numpy.concatenate([night.recency_days for night in nights]), came)
    frequency = returns.law(numpy.concatenate([night.frequency for night in nights]), came)
    yield (
        f"  log odds of return by log recency: slope {recency.slope:.2f}, R² {recency.explained:.2f} ({PAPER_RECENCY});"
        f" by log frequency: {frequency.slope:.2f}, R² {frequency.explained:.2f} (paper: linear, rising)"
    )
    draw(life.name, nights, bins, recency, frequency)


def draw(
    name: str,
    nights: Sequence[Night],
    bins: Sequence[tuple[float, float, int]],
    recency: returns.Law,
    frequency: returns.Law,
) -> None:
    by_night: Mapping[str, list[tuple[float, float]]] = {
        score: [
            (float(number), area)
            for number, night in enumerate(nights, 1)
            if not numpy.isnan(area := returns.area_under_curve(night.scores[score], night.returned))
        ]
        for score in ("need", "recency", "mentions")
    }
    seen = [(chance, share) for chance, share, _ in bins]
    charts = [
        Chart(f"{name}-area", f"{name}: AUC by night", "night", "AUC", {}, by_night),
        Chart(f"{name}-calibration", f"{name}: calibration", "foretold", "returned", {"need": seen},
              {"exact": [(0.0, 0.0), (1.0, 1.0)]}),
        Chart(f"{name}-recency", f"{name}: log odds by log days since the last mention", "log days", "log odds",
              {"returns": recency.points}, {}),
        Chart(f"{name}-frequency", f"{name}: log odds by log number of mentions", "log mentions", "log odds",
              {"returns": frequency.points}, {}),
    ]  # fmt: skip
    OUTPUT.mkdir(parents=True, exist_ok=True)
    for chart in charts:
        (OUTPUT / f"{chart.name}.svg").write_text(plot.svg(chart), encoding="utf-8")


def fates() -> Mapping[str, str]:
    """The fate of each memory of the store in use, by id."""
    with connect() as connection:
        return {str(row[0]): str(row[1]) for row in connection.execute(
            "select memory_id, fate from dreams.long_term_memories"
        )}  # fmt: skip


def told() -> Iterator[str]:
    """The lines on fates and associations now, and what the cycle says at its end."""
    found = list(fates().values())
    shares = {fate: found.count(fate) / len(found) for fate in FATES}
    yield (
        "  fates "
        + ", ".join(f"{fate} {shares[fate]:.3f}" for fate in FATES)
        + (
            f"  consolidated .05 to .40 and dormant <= .5"
            f" {verdict(met=0.05 <= shares['consolidated'] <= 0.4 and shares['dormant'] <= 0.5)}"
        )
    )
    with connect() as connection:
        weights = [float(str(edge["weight"])) for edge in strongest_associations(connection)]
        yield (
            "  strongest associations "
            + " ".join(f"{weight:.2f}" for weight in weights)
            + (f"  > .1 {verdict(met=bool(weights) and min(weights) > 0.1)}")
        )
        if "FINDINGS" in os.environ:
            yield from findings(connection)


def revisions(life: Life) -> Iterator[str]:
    """The lines on the revisions told, and on which of the known ones are among them; with FINDINGS, all of them.

    Whether the others are right takes a person: docs/results.md has what one said.
    """
    with connect() as connection:
        told = connection.execute(REVISIONS).fetchall()
    replaced = {str(later): str(earlier) for later, earlier, _ in told}
    steps = [(pair.is_true, pairs.chained(pair, replaced)) for pair in pairs.known(life, DATA)]
    known = [step for is_true, step in steps if is_true]
    misses = [step for is_true, step in steps if not is_true]
    yield (
        f"  revisions told {len(told)}; of {len(known)} known {sum(step > 0 for step in known)}"
        f" ({sum(step > 1 for step in known)} by way of others); of {len(misses)} that only look alike"
        f" {sum(map(bool, misses))}"
    )
    if "FINDINGS" in os.environ:
        yield from (f"    {description}" for _, _, description in told)


def came_back(life: Life, base: str) -> Iterator[str]:
    """The line on how many of the memories that came back within thirteen weeks were consolidated before."""
    mentioned = mentions(life)
    if mentioned.pace is not returns.MONTHS:
        return
    stores.use(HOME, f"{base}_then", base)
    end = stores.go_back().timestamp() / returns.DAY_SECONDS
    run_cycle()
    fate = fates()
    places = [place for place in mentioned.named_before(end) if str(mentioned.ids[place]) in fate]
    returned = mentioned.returning(places, end, stores.EARLIER.days)
    consolidated = numpy.array([fate[str(mentioned.ids[place])] == "consolidated" for place in places])
    came, stayed = (float(numpy.mean(consolidated[of])) if of.any() else 0.0 for of in (returned, ~returned))
    yield (
        f"  consolidated thirteen weeks before, of {returned.sum()} that came back {came:.3f}, of {(~returned).sum()}"
        f" that did not {stayed:.3f}  twice {verdict(met=came >= 2 * stayed and came > 0)}"
    )


def measure(life: Life) -> None:
    print(f"{life.name}: {len(life.documents)} memories", flush=True)
    base = stores.embedded(HOME, life)
    stores.use(HOME, f"{base}_dreamt", base)
    started = time.perf_counter()
    run_cycle()
    print(f"  dreamt in {time.perf_counter() - started:.0f} s", flush=True)
    for lines in (told(), revisions(life), environment(life), came_back(life, base)):
        for line in lines:
            print(line, flush=True)


def main() -> None:
    lives = histories.read(DATA)
    try:
        for name in chosen("LIVES", lives):
            try:
                life = lives[name]()
            except FileNotFoundError as missing:
                print(f"{name} skipped: {missing.filename} is not there (set DREAMS_EVAL_DATA)")
                continue
            measure(life)
    finally:
        os.environ.pop("POSTGRES_DB_URL", None)
        database.stop(memories.settings.StoreSettings(postgres_db_url=None))
        if "KEEP" not in os.environ:
            shutil.rmtree(HOME, ignore_errors=True)


if __name__ == "__main__":
    main()
