"""Escapes a text into one line that Markdown shows as it is, never as markup, HTML, a link or an image."""

import regex

# What means something within a line, to CommonMark, GitHub or Obsidian, and what begins a list.
MARKUP = regex.compile(r"[\\`*_{}\[\]<>#|~&$^@%=!]|:(?=//)|(?<=www)\.|\A[-+]|(?<=\A\d{1,9})[.)]", regex.IGNORECASE)


def as_text(text: str) -> str:
    """The text in one line, with the signs that cannot be shown as blanks, and nothing that Markdown would read."""
    line = " ".join("".join(sign if sign.isprintable() else " " for sign in text).split())
    return MARKUP.sub(r"\\\g<0>", line)
