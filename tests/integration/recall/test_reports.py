"""Reports on questions, times and weeks: every claim is a quotation of a memory, and a forgotten one leaves them."""

import json
import re
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from selenium.webdriver.common.by import By

from ingest.publishing import forgetting
from memories.documents.write import put
from memories.home import FILE_MODE, FOLDER_MODE
from memories.kept_reports import folder
from memories.memory import Memory
from memories.postgres.database import connect
from memories.records import Document, Filters
from sidecar.reports.html import html
from sidecar.reports.markdown import markdown
from sidecar.reports.period import report_on_week
from sidecar.reports.question import report_on
from sidecar.reports.report import Report
from tests.browser import chromium, needs_chromium
from tests.conftest import Dreams, eventually, sentence

KNOWN = "What happened with the Kåhög timestamps?"
UNKNOWN = "Which chess opening did Magnus choose in the final against Karpov?"
HOSTILE = (
    "The osprey nests at Kielder weir.\r\n<img src=x onerror=\"document.title='owned'\"></q></details>"
    "<script>document.title='owned'</script> &lt;b&gt; ![x](http://127.0.0.1:9/x.png)\n\n# An osprey heading"
)


@pytest.fixture
def memory(dreamt_url: str) -> Iterator[Memory]:
    with Memory(dreamt_url) as opened:
        yield opened


def check_quotes(memory: Memory, report: Report) -> None:
    """Each quotation stands in its memory where the report says, and its memory is among the sources."""
    sources = {source.id: source for source in report.sources}
    for quote in report.quotes():
        content = memory.get(quote.memory_id, record=False).content
        assert content.encode()[quote.start_byte : quote.end_byte].decode() == quote.text
        assert sources[quote.memory_id].content == content
        assert quote.created_at == sources[quote.memory_id].created_at


def section(report: Report, heading: str) -> list[str]:
    """The labels and quotations of a section."""
    (found,) = (each for each in report.sections if each.heading == heading)
    return [f"{claim.label}: {claim.quote.text}" if claim.quote else claim.label for claim in found.claims]


def test_a_report_tells_in_order_what_happened_and_what_changed(memory: Memory) -> None:
    report = report_on(memory, KNOWN)
    check_quotes(memory, report)
    assert report.is_recorded
    assert any("UTC+1" in line for line in section(report, "In short"))
    days = [line[:10] for line in section(report, "Timeline")]
    assert days == sorted(days) and len(days) > 2
    now, before = section(report, "What changed")[:2]
    assert now.startswith("now (") and "UTC+1" in now
    assert before.startswith("before (") and "in UTC" in before
    assert before[8:18] < now[5:15]
    cited = report.sections[0].claims[0].quotes[0].memory_id
    assert eventually(lambda: any(event.kind == "cited" for event in memory.why(cited).events))


def test_it_says_what_is_not_recorded(memory: Memory) -> None:
    report = report_on(memory, UNKNOWN)
    check_quotes(memory, report)
    assert not report.is_recorded
    first, *near = section(report, "Not recorded")
    assert first == "No memory answers this."
    assert near and all(line.startswith("near, with a relevance of ") for line in near)
    assert "No memory answers this." in markdown(report)
    missing = section(report_on(memory, "Kåhög timestamps of the zeppelin", words_only=True), "What is not recorded")
    assert "No memory says “zeppelin”." in missing


def test_a_question_may_name_a_time_and_nothing_else(memory: Memory) -> None:
    last = datetime.now(UTC).replace(day=1) - timedelta(days=1)
    about_boat = report_on(memory, f"What happened with the boat in {last:%B %Y}?")
    everything = report_on(memory, f"What happened in {last:%B %Y}?")
    for report in (about_boat, everything):
        check_quotes(memory, report)
        assert report.is_recorded
        assert report.period.startswith(f"from {last:%Y-%m}-01")
    assert {line[:7] for line in section(about_boat, "Timeline")} == {f"{last:%Y-%m}"}
    (new,) = (each for each in everything.sections if each.heading == "What was new")
    assert {claim.group[:7] for claim in new.claims} == {f"{last:%Y-%m}"}
    assert len({claim.group for claim in new.claims}) > 5


def test_the_past_knows_nothing_later(memory: Memory) -> None:
    report = report_on(memory, KNOWN)
    first = min(source.created_at for source in report.sources) + timedelta(hours=1)
    past = report_on(memory, KNOWN, Filters(), as_of=first)
    assert past.as_of == first
    assert all(source.created_at <= first for source in past.sources)


def test_the_week_tells_what_was_new_and_what_came_back(memory: Memory) -> None:
    now = datetime.now(UTC)
    report = report_on_week(memory, as_of=now)
    check_quotes(memory, report)
    headings = [each.heading for each in report.sections]
    assert headings == ["What was new", "What came back", "What changed", "People", "Habits", "Likely to be needed"]
    new, back, *_ = report.sections
    assert all(now - timedelta(days=7) <= claim.quote.created_at < now for claim in new.claims if claim.quote)
    assert all(claim.quote.created_at < now - timedelta(days=7) for claim in back.claims if claim.quote)
    assert section(report, "People") and section(report, "Habits")
    with connect() as connection:
        before = connection.execute("select count(*) from dreams.recall_events").fetchone()
    assert not report_on_week(memory, as_of=datetime(1950, 1, 1, tzinfo=UTC)).is_recorded
    with connect() as connection:
        assert connection.execute("select count(*) from dreams.recall_events").fetchone() == before


def test_the_command_writes_files_for_their_owner_alone_the_same_anywhere(
    dreamt_url: str, dreams: Dreams, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    as_of = datetime.now(UTC).isoformat()
    for name, zone, seed in (("one", "Asia/Tokyo", "1"), ("two", "America/Lima", "2")):
        monkeypatch.setenv("TZ", zone)
        monkeypatch.setenv("PYTHONHASHSEED", seed)
        files = [f"--markdown={tmp_path / name}.md", f"--html={tmp_path / name}.html"]
        told = dreams("report", KNOWN, "--as-of", as_of, "--wait", *files, "--json")
        assert told.returncode == 0, told.stderr
        assert json.loads(told.stdout)["files"] == [str(tmp_path / f"{name}.md"), str(tmp_path / f"{name}.html")]
    for suffix in ("md", "html"):
        one, two = (tmp_path / f"{name}.{suffix}" for name in ("one", "two"))
        assert one.read_bytes() == two.read_bytes()
        assert one.stat().st_mode & 0o777 == FILE_MODE
    assert sorted(path.name for path in tmp_path.iterdir()) == ["one.html", "one.md", "two.html", "two.md"]


def test_a_wrong_command_and_nothing_recorded_say_so(store_url: str, dreams: Dreams, tmp_path: Path) -> None:
    for arguments in (["pumps", "--week"], ["--week", "--from", "2026-01-01"]):
        assert dreams("report", *arguments).returncode == 2
    unwritten = dreams("report", "pumps", "--words", "--html", str(tmp_path / "no" / "report.html"))
    assert unwritten.returncode == 2 and "name another file" in sentence(unwritten)
    nothing = dreams("report", "pumps", "--words", "--html", str(tmp_path / "report.html"))
    assert nothing.returncode == 4
    assert "nothing is recorded" in sentence(nothing)
    assert "No memory answers this." in (tmp_path / "report.html").read_text()
    week = dreams("report", "--week")
    assert (week.returncode, "Nothing is remembered of this time" in week.stdout) == (4, True)
    assert not list(folder().iterdir())


def test_the_scheduled_report_is_kept_until_a_memory_that_it_quotes_is_forgotten(dreamt_url: str) -> None:
    from ingest.flows.dream_cycle import write_report

    told = write_report.fn()
    kept = sorted(folder().iterdir())
    try:
        assert [path.suffix for path in kept] == [".html", ".md"]
        assert all(str(path) in told for path in kept)
        assert {path.stat().st_mode & 0o777 for path in kept} == {FILE_MODE}
        assert folder().stat().st_mode & 0o777 == FOLDER_MODE
        quoted = re.findall(r"memory ([0-9a-f-]{36})", kept[1].read_text())
        with Memory() as memory, connect(autocommit=True) as connection:
            other = memory.forget(memory.store("Nobody quotes this."))
            forgetting.forget(connection, [other.memory_id])
            assert sorted(folder().iterdir()) == kept
            forgetting.forget(connection, [memory.forget(quoted[0]).memory_id])
        assert not list(folder().iterdir())
    finally:
        for path in folder().iterdir():
            path.unlink()


@needs_chromium
def test_a_browser_shows_a_hostile_memory_as_text(store_url: str, tmp_path: Path) -> None:
    with connect(autocommit=True) as connection:
        put(connection, Document("test", "1", HOSTILE, metadata={"title": "</summary><script>"}))
    with Memory(store_url) as memory:
        report = report_on(memory, "the osprey at Kielder weir", words_only=True)
        check_quotes(memory, report)
    page = tmp_path / "report.html"
    page.write_text(html(report), newline="")
    with chromium() as browser:
        browser.get(page.as_uri())
        assert browser.title == report.title
        assert browser.find_elements(By.CSS_SELECTOR, "script, img, iframe, link, form, object") == []
        text = "return document.querySelector('.content').textContent"
        assert browser.execute_script(text) == HOSTILE
        browser.find_element(By.CSS_SELECTOR, "cite a").click()
        assert browser.execute_script("return document.querySelector('details').open")
        browser.set_window_size(360, 700)
        assert browser.execute_script("return document.documentElement.scrollWidth <= window.innerWidth")
        assert browser.get_log("browser") == []
