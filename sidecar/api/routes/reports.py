"""The route that writes a report: as JSON, or as HTML or Markdown for those who ask for it."""

from fastapi import APIRouter, Request, Response
from fastapi.responses import HTMLResponse, PlainTextResponse

from sidecar.api.routes import bodies
from sidecar.api.routes.failures import documented
from sidecar.api.routes.memories import Opened
from sidecar.reports.html import html
from sidecar.reports.markdown import markdown
from sidecar.reports.question import report_on
from sidecar.reports.report import Report

router = APIRouter(prefix="/v1", tags=["Memories"])
HTML, MARKDOWN = "text/html", "text/markdown"
FORMS = {HTML: {"schema": {"type": "string"}}, MARKDOWN: {"schema": {"type": "string"}}}


@router.post("/reports", response_model=bodies.ReportBody, responses={**documented(503), 200: {"content": FORMS}})
def report(store: Opened, body: bodies.AskedQuestion, request: Request) -> Report | Response:
    """Reports what the memories say to a question, in quotations; `Accept: text/html` or `text/markdown` for a page.

    If nothing is recorded, `is_recorded` is false, and the one section says what comes nearest. No model writes it.
    """
    written = report_on(
        store.memory(), body.question, body.filters.filters(), as_of=body.as_of, words_only=body.words_only
    )
    accepted = request.headers.get("accept", "")
    if HTML in accepted:
        return HTMLResponse(html(written))
    if MARKDOWN in accepted:
        return PlainTextResponse(markdown(written), media_type=MARKDOWN)
    return written
