"""Lists the people of a commit, its author and those in its message's trailers, by their names in .mailmap."""

import re
from collections.abc import Iterator
from typing import NamedTuple

# Co-authored-by, Reviewed-by, Signed-off-by and anything else in -by; Author, Authors, Co-Author.
TRAILER = re.compile(
    r"^[ \t]*(?:[A-Za-z][A-Za-z-]*-by|(?:Co-)?Authors?)[ \t]*:[ \t]*(\S.*)$", re.MULTILINE | re.IGNORECASE
)
IDENTITY = re.compile(r"([^<>,]*)<([^<>]*)>")
NAME_LIMIT = 100
MAILMAP_LIMIT_BYTES = 1024 * 1024


class CommitPerson(NamedTuple):
    name: str
    address: str


class Mailmap:
    """Maps the names and addresses in commits to proper names; ignores lines without a proper name."""

    def __init__(self, text: str = "") -> None:
        self.names: dict[tuple[str, str | None], str] = {}
        for line in text.splitlines():
            self.add(line)

    def add(self, line: str) -> None:
        found = [CommitPerson(name.strip(), address.strip().lower()) for name, address in IDENTITY.findall(line)]
        if line.lstrip().startswith("#") or not found or not found[0].name:
            return
        if len(found) == 1:
            self.names[found[0].address, None] = found[0].name
        else:
            self.names[found[1].address, found[1].name.lower() or None] = found[0].name

    def name(self, person: CommitPerson) -> str:
        address = person.address.lower()
        proper = self.names.get((address, person.name.lower())) or self.names.get((address, None))
        return proper or person.name or person.address


def people(author: CommitPerson, message: str, mailmap: Mailmap) -> dict[str, str]:
    """The address of each person by name, the author first; an address may be empty."""
    found: dict[str, str] = {}
    for each in (author, *_mentioned(message)):
        name = mailmap.name(each)
        if name and not found.get(name):
            found[name] = each.address
    return found


def _mentioned(message: str) -> Iterator[CommitPerson]:
    """The people in the trailers of a message, with or without an address; skips names over NAME_LIMIT."""
    for value in TRAILER.findall(message):
        found = [CommitPerson(name.strip(), address.strip()) for name, address in IDENTITY.findall(value)]
        if not found and "://" not in value:
            found = [CommitPerson(value.strip(), "")]
        yield from (each for each in found if max(map(len, each)) <= NAME_LIMIT)
