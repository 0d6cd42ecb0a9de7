"""Collections of documents with labelled questions: conversations, passages, abstracts, a diary."""

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from ingest.sources import jsonl
from memories.records import Document


@dataclass(frozen=True, slots=True)
class LabelledQuestion:
    """A question and the native ids of the documents that answer it; `category` is LoCoMo's."""

    text: str
    evidence: frozenset[str]
    category: int = 0


@dataclass(frozen=True, slots=True)
class Collected:
    """Documents that are searched together, and the questions about them."""

    name: str
    documents: Sequence[Document]
    questions: Sequence[LabelledQuestion]


def locomo(file: Path) -> Iterator[Collected]:
    """One collection for each conversation; leaves out questions without evidence in it."""
    for number, sample in enumerate(json.loads(file.read_text())):
        documents = list(turns(sample["conversation"]))
        known = {document.native_id for document in documents}
        questions = [
            LabelledQuestion(str(asked["question"]), frozenset(evidence), int(asked["category"]))
            for asked in sample["qa"]
            if (evidence := known & set(re.findall(r"D\d+:\d+", " ".join(asked.get("evidence", [])))))
        ]
        yield Collected(f"locomo {sample.get('sample_id', number)}", documents, questions)


def turns(conversation: Mapping[str, object]) -> Iterator[Document]:
    """Turns with their images' captions, the speaker as metadata, half a minute apart within a session."""
    sessions = sorted((key for key in conversation if re.fullmatch(r"session_\d+", key)), key=lambda key: int(key[8:]))
    for session in sessions:
        said_at = f"{conversation[f'{session}_date_time']} +0000"
        started_at = datetime.strptime(said_at, "%I:%M %p on %d %B, %Y %z")
        for place, turn in enumerate(conversation[session]):  # type: ignore[arg-type, var-annotated]
            caption = turn.get("blip_caption")
            yield Document(
                source="locomo",
                native_id=turn["dia_id"],
                content=turn["text"] + (f" [image: {caption}]" if caption else ""),
                metadata={"speaker": turn["speaker"]},
                created_at=started_at + timedelta(seconds=30 * place),
            )


def hotpotqa(folder: Path, name: str = "hotpotqa") -> Iterator[Collected]:
    passages = json.loads((folder / "hotpotqa_train_corpus.json").read_text())
    documents = [
        Document(name, title, f"{title}\n{''.join(sentences)}", created_at=day(number))
        for number, (title, sentences) in enumerate(passages.items())
    ]
    questions = [
        LabelledQuestion(asked["question"], frozenset(title for title, _ in asked["supporting_facts"]))
        for asked in json.loads((folder / "hotpotqa_train.json").read_text())
    ]
    yield Collected(name, documents, questions)


def cranfield(folder: Path, name: str = "cranfield") -> Iterator[Collected]:
    documents = []
    for number, record in enumerate(re.split(r"^\.I ", (folder / "cran.all.1400").read_text(), flags=re.M)[1:], 1):
        title, abstract = (re.search(form, record, re.S) for form in (r"\.T\n(.*?)\.A\n", r"\.W\n(.*)"))
        heading, text = (" ".join(found[1].split()) if found else "" for found in (title, abstract))
        documents.append(Document(name, str(number), text or heading, context=heading, created_at=day(number)))
    judged: dict[int, set[str]] = {}
    for line in (folder / "cranqrel").read_text().splitlines():
        query, document, *_ = line.split()
        judged.setdefault(int(query), set()).add(document)
    asked = re.split(r"^\.I ", (folder / "cran.qry").read_text(), flags=re.M)[1:]
    questions = [
        LabelledQuestion(" ".join(record.split(".W", 1)[1].split()), frozenset(judged[number]))
        for number, record in enumerate(asked, 1)
        if number in judged
    ]
    yield Collected(name, documents, questions)


def pepys(folder: Path) -> Iterator[Collected]:
    """The diary of Samuel Pepys, an entry a document; leaves out questions that nothing answers."""
    documents = [record for record in jsonl.read(folder / "pepys.jsonl.gz") if isinstance(record, Document)]
    asked = [json.loads(line) for line in (folder / "pepys_questions_dev.jsonl").read_text().splitlines()]
    questions = [
        LabelledQuestion(question["question"], frozenset(question["evidence"]))
        for question in asked
        if question["evidence"]
    ]
    yield Collected("pepys", documents, questions)


def day(number: int) -> datetime:
    """Dates the documents of a collection a day apart, so that none is another's neighbour in time."""
    return datetime(2020, 1, 1, 12, tzinfo=UTC) + timedelta(days=number)
