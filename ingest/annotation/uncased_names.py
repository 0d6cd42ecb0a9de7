"""Finds people in texts whose script has no capitals, by lists of names and by titles; of other names it knows none."""

from collections.abc import Iterator

import regex

from ingest.annotation.languages import carries_meaning, zipf
from ingest.annotation.name_lists import has_lists, honorifics, names_of
from ingest.annotation.segments import tokens

SURNAME_FIRST = frozenset({"ja", "ko"})
# In scripts without capitals a text's own names raise the count of the word: Mary is as common as a word.
COMMON_NAME_ZIPF = 5.2


def people_without_capitals(text: str, language: str) -> Iterator[str]:
    if not has_lists(language):
        return
    first, last = names_of(language, "first_names"), names_of(language, "last_names")
    words = [token.text for token in tokens(text, language)]
    if language == "zh":
        yield from _chinese_people(words, last)
    else:
        found = (_name_in(*pair, language, first, last) for pair in zip(words, [*words[1:], ""], strict=True))
        yield from (name for name in found if name)


def _chinese_people(words: list[str], last: frozenset[str]) -> Iterator[str]:
    """A surname with one or two characters after it that form no word of their own, or with a title."""
    for place, word in enumerate(words):
        given = [one for one in words[place + 1 : place + 3] if len(one) == 1 and carries_meaning(one, "zh")]
        if word in last and words[place + 1 : place + 2] and words[place + 1] in honorifics("after", "zh"):
            yield word
        elif word in last and given and words[place + 1] == given[0]:
            adjacent = given if words[place + 1 : place + 3] == given else given[:1]
            yield word + "".join(adjacent)


def _name_in(word: str, following: str, language: str, first: frozenset[str], last: frozenset[str]) -> str:
    """The person that a word names, by a title or by the lists of names; "" where it names none."""
    places = (word.find(title) for title in honorifics("after", language))
    at = min((place for place in places if place > 0), default=0)
    if at:
        return word[:at]
    if word in honorifics("before", language):
        return following
    if language in SURNAME_FIRST:
        return _surname_first(word, first, last)
    if word in first and zipf(word, language) < COMMON_NAME_ZIPF:
        return f"{word} {following}" if following in last else word
    return ""


def _surname_first(word: str, first: frozenset[str], last: frozenset[str]) -> str:
    """The name that a word begins with: a listed surname, and a listed first name or, after a longer one, any other."""
    found = regex.match(r"[\p{Han}々]{2,4}|\p{Hangul}{3}", word)
    name = found[0] if found else ""
    is_listed = name[:1] in last and name[1:] in first
    has_long_surname = any(len(one) > 1 and name.startswith(one) and name != one for one in last)
    return name if is_listed or has_long_surname else ""
