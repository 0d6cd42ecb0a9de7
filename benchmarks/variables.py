"""Reads a benchmark's environment variables: known names, or whole numbers, with spaces between them."""

import os
import sys
from collections.abc import Collection, Sequence


def chosen(variable: str, known: Collection[str]) -> Sequence[str]:
    """The names in a variable, or all that are known; an unknown one ends the benchmark with a sentence."""
    asked = os.environ.get(variable, "").split()
    for name in asked:
        if name not in known:
            sys.exit(f"{variable} knows no {name!r}: give one or more of {' '.join(known)}, with spaces between them")
    return asked or list(known)


def numbers(variable: str, default: str) -> Sequence[int]:
    """The whole numbers in a variable; anything else ends the benchmark with a sentence."""
    asked = (os.environ.get(variable, "").strip() or default).split()
    for text in asked:
        if not text.isdecimal():
            sys.exit(f"{variable} must be whole numbers, with spaces between them, but has {text!r}")
    return [int(text) for text in asked]


def number(variable: str, default: int) -> int:
    """The single whole number in a variable; anything else ends the benchmark with a sentence."""
    found = numbers(variable, str(default))
    if len(found) > 1:
        sys.exit(f"{variable} must be one whole number, but has {len(found)}")
    return found[0]
