"""Compares the revisions that a dream tells with pairs of memories known to revise one another, or known not to."""

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from benchmarks.real_lives.histories import Life

REVERT = re.compile(r'Revert "(.+)"')


@dataclass(frozen=True, slots=True)
class KnownPair:
    """Two memories of a life, by id: the later replaces the earlier, or only looks as if it did."""

    later: str
    earlier: str
    is_true: bool


def known(life: Life, data: Path) -> Sequence[KnownPair]:
    """The judged pairs of the evaluation data and the reverts that git worded."""
    return [*_judged(life, data / "lives" / f"{life.name}_pairs_dev.jsonl"), *_reverts(life)]


def _judged(life: Life, file: Path) -> Iterator[KnownPair]:
    ids = {document.native_id: str(document.id) for document in life.documents}
    for line in file.read_text("utf-8").splitlines() if file.exists() else ():
        pair = json.loads(line)
        yield KnownPair(ids[pair["later"]], ids[pair["earlier"]], bool(pair["supersedes"]))


def _reverts(life: Life) -> Iterator[KnownPair]:
    seen: dict[str, str] = {}
    for document in life.documents:
        subject = document.content.partition("\n")[0]
        reverted = REVERT.match(subject)
        earlier = reverted and next((seen[line] for line in seen if line.startswith(reverted[1])), None)
        if earlier:
            yield KnownPair(str(document.id), earlier, is_true=True)
        seen[subject] = str(document.id)


def chained(pair: KnownPair, replaced: Mapping[str, str]) -> int:
    """Over how many told revisions the later memory of a pair leads back to the earlier one; 0 where it does not."""
    steps, at = 0, pair.later
    while at in replaced and steps <= len(replaced):
        steps, at = steps + 1, replaced[at]
        if at == pair.earlier:
            return steps
    return 0
