"""Whatever a memory says, a report shows it as text: no element, link or heading but the report's own."""

import re
from collections.abc import Mapping
from datetime import UTC, datetime
from html.parser import HTMLParser
from uuid import UUID

from hypothesis import example, given
from hypothesis import strategies as st
from markdown_it import MarkdownIt

from memories.evidence.quotes import Quote
from memories.evidence.sentences import sentences
from memories.records import Memoir
from sidecar.reports.html import html
from sidecar.reports.markdown import markdown
from sidecar.reports.report import Claim, Report, Section

NOON = datetime(2026, 3, 4, 12, tzinfo=UTC)
HOSTILE = [
    "<script>alert(1)</script>", "<img src=x onerror=alert(1)>", "</details></main>", "<!--", "]]>", "&lt;b&gt;", '" x="',
    "[a](javascript:alert(1))", "![p](http://e.example/p.png)", "<http://e.example>", "https://e.example", "www.e.example",
    "\n# head", "\n---\n", "\n> quote", "\n- item", "\n1. item", "1. item", "1986. item", "7) item", "- item", "+ item", "# head", "```\n", "    code", "\n\n",
    "[^1]: memory", "[x]: http://e.example", "|a|b|\n|-|-|\n", "**b**", "_i_", "~~s~~", "`c`", "$m$", "\\", "{{ 7 * 7 }}",
    "{% raw %}", "\r", "\u2028", "\u202e", "\x1b[31m", "“", "a@e.example", "==h==", "%%", "#tag", "[[note]]", " ", "words",
]  # fmt: skip
ANY = st.characters(exclude_categories=["Cs"], exclude_characters="\0")
TEXTS = st.text(ANY) | st.lists(st.sampled_from(HOSTILE) | st.text(ANY, max_size=3), max_size=8).map("".join)
CONTENTS = TEXTS.filter(lambda text: bool(sentences(text)))
READER = MarkdownIt("commonmark").enable(["table", "strikethrough"])


def report_on(contents: list[str], title: str) -> Report:
    """A report that quotes all sentences of some memories, below labels and from sources that are as hostile."""
    sources = [
        Memoir(UUID(int=number), content, "", "", (), {"source": title}, NOON, NOON)
        for number, content in enumerate(contents)
    ]
    quotes = [Quote(each.id, NOON, *sentence) for each in sources for sentence in sentences(each.content)]
    claims = [Claim(title, quote, quotes[:2]) for quote in quotes]
    return Report(title, title, NOON, True, [Section("In short", claims), Section("Timeline", [])], sources, title)


class Page(HTMLParser):
    """The elements of a page, and the texts of its quotations and of the memories that it holds."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.elements: dict[str, set[tuple[str, ...]]] = {}
        self.texts: list[tuple[str, str]] = []
        self.addresses: set[str] = set()
        self._within: str | None = None
        self.feed(page)
        self.close()

    def handle_starttag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        given = dict(attributes)
        self.elements.setdefault(tag, set()).add(tuple(given))
        self.addresses |= {str(given[name]) for name in ("href", "src") if name in given}
        if tag == "q" or given.get("class") == "content":
            self._within = tag
            self.texts.append((tag, ""))

    def handle_endtag(self, tag: str) -> None:
        if tag == self._within:
            self._within = None

    def handle_data(self, data: str) -> None:
        if self._within:
            tag, text = self.texts.pop()
            self.texts.append((tag, text + data))

    def handle_comment(self, data: str) -> None:
        raise AssertionError(data)


def elements(page: str) -> Mapping[str, set[tuple[str, ...]]]:
    return Page(page).elements


PLAIN = elements(html(report_on(["One thing. Another thing."], "pumps")))


@given(st.lists(CONTENTS, min_size=1, max_size=3), CONTENTS)
@example(["".join(HOSTILE)], "".join(HOSTILE))
def test_a_page_has_no_element_but_its_own_and_shows_each_text_as_it_is(contents: list[str], title: str) -> None:
    report = report_on(contents, title)
    page = Page(html(report))
    assert all(page.elements[tag] <= PLAIN[tag] for tag in page.elements)
    assert all(re.fullmatch(r"#q\d+", address) for address in page.addresses)
    quoted = [("q", quote.text) for section in report.sections for c in section.claims for quote in c.quotes[:1]]
    assert page.texts == [*quoted, *(("div", content) for content in contents)]


@given(st.lists(CONTENTS, min_size=1, max_size=3), CONTENTS)
@example(["".join(HOSTILE)], "".join(HOSTILE))
@example(["words"], "1986. item")
@example(["words"], "- item")
def test_markdown_has_no_markup_but_its_own(contents: list[str], title: str) -> None:
    report = report_on(contents, title)
    text = markdown(report)
    tokens = READER.parse(text)
    kinds = {token.type.removesuffix("_open").removesuffix("_close") for token in tokens}
    assert kinds <= {"heading", "paragraph", "inline", "bullet_list", "list_item"}
    assert [token.tag for token in tokens if token.type == "heading_open"] == ["h1", "h2", "h2", "h2"]
    children = [child for token in tokens for child in token.children or []]
    assert {child.type for child in children} <= {"text", "text_special", "softbreak"}
    assert not re.search(r"(?<!\\)://|www\.", text, re.IGNORECASE)
    shown = [" ".join(child.content for child in token.children or []) for token in tokens if token.type == "inline"]
    for quote in report.quotes():
        line = " ".join("".join(sign if sign.isprintable() else " " for sign in quote.text).split())
        assert any(f"“{line}”" in "".join(each.split("\n")) for each in shown), (line, text)
