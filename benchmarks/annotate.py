"""Measures what the rule annotator finds: gists, people and topics of two lives, and short texts in many languages.

    make bench-annotate                       # variables: DREAMS_EVAL_DATA=folder
    make bench-annotate MODEL=smollm2-135m    # variables: SAMPLE=60 TOGETHER=8

Gists: the share of httpx's commits whose gist is their subject. People: forty people of Pepys's diary, whose ways of
being written are listed; recall is over the entries that name them, precision over the hundred names found most often,
of which `OTHERS` are no people. Topics: how often the most common module of the commits that share one tells the module
that a commit changes (leave one out), against the most common module. The lives are not part of the project: its folder
is DREAMS_EVAL_DATA (../shared/data by default); without it only the languages are measured.

With MODEL, a chat model of the sidecar (or of OLLAMA_URL) annotates a sample of each life, spread over its length,
TOGETHER at a time, and so do the rules.
"""

import gzip
import json
import os
import re
import sys
import time
from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from statistics import mean

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

import ollama

from ingest.annotation.chat import annotate_by_chat
from ingest.annotation.rules import annotate_by_rule
from ingest.annotation.schema import Annotation
from memories.embedding.servers import models
from memories.errors import ModelError

DATA = Path(os.environ.get("DREAMS_EVAL_DATA") or ROOT.parent / "shared" / "data")
LANGUAGES = ROOT / "tests" / "unit" / "ingest" / "languages.json"
COMMITS, DIARY, PEOPLE = (
    DATA / "lives" / name for name in ("httpx_commits.jsonl.gz", "pepys.jsonl.gz", "pepys_people.json")
)
# Names that annotators mistake for people: words for God, ranks without a name, places and streets.
OTHERS = frozenset(
    [
        "God",
        "Lord",
        "Lady",
        "King",
        "Queen",
        "Duke",
        "Captain",
        "Commander",
        "Comptroller",
        "Doctor",
        "Sir William",
        "Sir Williams",
        "Whore",
        "Mount",
        "Barbary",
        "Paul",
        "Temple",
        "Holland",
        "Bridges",
        "Salisbury",
        "Chelsey",
        "Rose Tavern",
        "Chancellor",
        "Treasurer",
        "Sir Wm",
        "Sir Ph",
        "Sir Thos",
        "France",
        "London",
        "Valentine",
        "Roman",
        "Lord’s",
        "St",
        "Change",
        "Tower",
        "Edw",
        "Edwd",
        "Thos",
    ]
)
FEWEST_COMMITS = 20
MODEL, SAMPLE, TOGETHER = (os.environ.get(name) for name in ("MODEL", "SAMPLE", "TOGETHER"))


def show(name: str, **figures: float) -> None:
    print(f"{name:<28}" + "  ".join(f"{key} {value:.3f}" for key, value in figures.items()))
    print(json.dumps({"set": "annotate", "method": name, **{key: round(value, 4) for key, value in figures.items()}}))


def rows(file: Path) -> list[dict[str, object]]:
    return [json.loads(line) for line in gzip.open(file, "rt", encoding="utf-8")]


def people_of(annotation: Annotation) -> set[str]:
    return {entity.text for entity in annotation.entities if entity.kind == "person"}


def measure_commits(commits: Sequence[dict[str, object]], annotations: Sequence[Annotation]) -> None:
    subjects = [str(commit["message"]).strip().partition("\n")[0].strip() for commit in commits]
    # A gist has two hundred characters; a longer subject is cut at a word.
    same = [
        a.gist == s or (a.gist.endswith("…") and s.startswith(a.gist[:-1]))
        for a, s in zip(annotations, subjects, strict=True)
    ]
    trailers = [bool(re.search(r"-by:|^Co-authored", a.gist)) for a in annotations]
    show("gist of a commit", subject=sum(same) / len(same), trailer=sum(trailers) / len(trailers))
    modules = [_module(commit["files"]) for commit in commits]
    counts = Counter(filter(None, modules))
    labelled = [(a.topics, m) for a, m in zip(annotations, modules, strict=True) if m and counts[m] >= FEWEST_COMMITS]
    show("topics tell the module", accuracy=_left_one_out(labelled), most_common=_most_common(m for _, m in labelled))


def _module(files: object) -> str:
    """The only module of the package that a commit changes, "" where there are none or several."""
    changed = {str(file) for file in files if re.fullmatch(r"httpx/(?:\w+/)*\w+\.py", str(file))}  # type: ignore[attr-defined]
    names = {re.sub(r"^.*/_?|\.py$", "", file) for file in changed} - {"version__", "__version__", "__init__"}
    return names.pop() if len(names) == 1 else ""


def _left_one_out(labelled: Sequence[tuple[Sequence[str], str]]) -> float:
    """Naive Bayes on the words of the topics, each commit told by all others."""
    words = [({word for topic in topics for word in topic.split()}, module) for topics, module in labelled]
    of_module = Counter(module for _, module in words)
    with_word: defaultdict[str, Counter[str]] = defaultdict(Counter)
    for found, module in words:
        for word in found:
            with_word[module][word] += 1

    def told(found: set[str], own: str) -> str:
        def odds(module: str) -> float:
            count = of_module[module] - (module == own)
            product = float(count)
            for word in found:
                product *= (with_word[module][word] - (module == own) + 0.1) / (count + 0.2)
            return product

        return max(sorted(of_module), key=odds)

    return sum(told(found, module) == module for found, module in words) / max(1, len(words))


def _most_common(labels: Iterable[str]) -> float:
    counts = Counter(labels)
    return max(counts.values(), default=0) / max(1, counts.total())


def measure_people(entries: Sequence[dict[str, object]], annotations: Sequence[Annotation]) -> None:
    found = [people_of(annotation) for annotation in annotations]
    recalls = []
    for person in json.loads(PEOPLE.read_text()):
        form = re.compile(person["form"])
        named = [place for place, entry in enumerate(entries) if form.search(str(entry["content"]))]
        recalls.append((sum(any(map(form.search, found[place])) for place in named), len(named)))
    counts = Counter(name for names in found for name in names)
    common = counts.most_common(100)
    show(
        "people of the diary",
        recall=sum(hits for hits, _ in recalls) / sum(count for _, count in recalls),
        recall_by_person=mean(hits / count for hits, count in recalls if count),
        precision=sum(count for name, count in common if name not in OTHERS)
        / max(1, sum(count for _, count in common)),
    )


def measure_languages() -> None:
    cases = json.loads(LANGUAGES.read_text())
    right: defaultdict[str, list[bool]] = defaultdict(list)
    for case in cases:
        annotation = annotate_by_rule(case["text"])
        right["people"].append(people_of(annotation) == set(case["people"]))
        right["topics"] += [any(topic in one for one in annotation.topics) for topic in case["topics"]]
        right["task_type"].append(annotation.task_type == case["task_type"])
        right["revises"].append(annotation.revises == case["revises"])
        right["unknown_feeling"].append((annotation.sentiment is None) == (case["language"] != "en"))
    languages = len({case["language"] for case in cases})
    show(f"{languages} languages", **{key: sum(values) / len(values) for key, values in right.items()})


def annotated(texts: Sequence[str], tags: Sequence[str]) -> list[Annotation]:
    annotate_by_rule(texts[0])
    started = time.process_time()
    found = [annotate_by_rule(text, tags=tags) for text in texts]
    show("speed", texts=len(texts), cpu_milliseconds_each=(time.process_time() - started) / len(texts) * 1_000)
    return found


def measure_model(client: ollama.Client, model: str, life: str, texts: Sequence[str]) -> list[Annotation]:
    """The model's annotations; one that is not valid, or does not come in time, has no gist."""

    def ask(text: str) -> Annotation:
        try:
            return annotate_by_chat(client, model, text)
        except ModelError:
            return Annotation(entities=[], topics=[], sentiment=None, task_type="observation", gist="", revises=False)

    client.chat(model, messages=[])  # loads the model
    started = time.perf_counter()
    with ThreadPoolExecutor(int(TOGETHER or 8)) as pool:
        found = list(pool.map(ask, texts))
    seconds = (time.perf_counter() - started) / len(texts)
    show(f"speed of {model}, {life}", seconds_each=seconds, unanswered=sum(not a.gist for a in found) / len(found))
    return found


def spread(lines: Sequence[dict[str, object]]) -> Sequence[dict[str, object]]:
    count = int(SAMPLE or 60)
    return [lines[place * len(lines) // count] for place in range(min(count, len(lines)))]


def compare(commits: Sequence[dict[str, object]], entries: Sequence[dict[str, object]], model: str) -> None:
    """A sample of each life, by the rules and by the model."""
    commits, entries = spread(commits), spread(entries)
    messages, diary = [str(each["message"]) for each in commits], [str(each["content"]) for each in entries]
    print("by the rules:")
    measure_commits(commits, annotated(messages, ("git",)))
    measure_people(entries, annotated(diary, ("diary",)))
    print(f"by {model}:")
    with models() as client:
        measure_commits(commits, measure_model(client, model, "commits", messages))
        measure_people(entries, measure_model(client, model, "diary", diary))


def main() -> None:
    if MODEL is None:
        measure_languages()
    try:
        commits, entries = rows(COMMITS), rows(DIARY)
    except FileNotFoundError as missing:
        print(f"the lives are skipped: {missing.filename} is not there (set DREAMS_EVAL_DATA)")
        return
    if MODEL is not None:
        compare(commits, entries, MODEL)
        return
    measure_commits(commits, annotated([str(commit["message"]) for commit in commits], ("git",)))
    measure_people(entries, annotated([str(entry["content"]) for entry in entries], ("diary",)))


if __name__ == "__main__":
    main()
