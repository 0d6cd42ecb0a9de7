"""Signs the owner's browser in to Prefect's interface, which keeps the password in the browser's storage.

The password must not be on a command line, where others could read it. So the browser opens a file that only the owner
can read; it redirects to a page of the server with the password behind the `#`, a part that browsers do not send.
"""

import base64
import hashlib
import webbrowser
from collections.abc import Iterator
from contextlib import contextmanager
from html import escape
from pathlib import Path

from starlette.responses import HTMLResponse

from memories.errors import ScheduleError
from memories.home import FILE_MODE

PATH = "/sign-in"
# It keeps only a password that is right, so that somebody else's link cannot sign the owner out.
SCRIPT = """
const given = location.hash.slice(1)
history.replaceState(null, "", location.pathname)
fetch("/api/admin/version", {headers: {Authorization: "Basic " + given}}).then(answer => {
  if (answer.ok) localStorage.setItem("prefect-password", given)
  location.replace("/")
})
"""
SCRIPT_SOURCE = f"'sha256-{base64.b64encode(hashlib.sha256(SCRIPT.encode()).digest()).decode()}'"
PAGE = HTMLResponse(
    f"<!doctype html><meta charset=utf-8><title>Codex Dreams</title><p>Signing in</p><script>{SCRIPT}</script>"
)
FILE = "sign-in.html"


@contextmanager
def sign_in_file(home: Path, address: str, password: str) -> Iterator[None]:
    """Keeps a file in `home`, while the block runs, that signs the owner's browser in to the interface."""
    target = escape(f"{address}{PATH}#{base64.b64encode(password.encode()).decode()}")
    file = home / FILE
    file.touch(FILE_MODE, exist_ok=False)
    file.write_text(f'<!doctype html><meta charset=utf-8><meta http-equiv=refresh content="0; url={target}">\n')
    try:
        yield
    finally:
        file.unlink(missing_ok=True)


def open_browser(home: Path) -> None:
    """Opens the sign-in file in a browser. Raises ScheduleError when there is none, or no server of ours."""
    file = home / FILE
    if not file.exists():
        raise ScheduleError("no server of our own runs here: open the interface of the one at PREFECT_API_URL")
    if not webbrowser.open(file.resolve().as_uri()):
        raise ScheduleError(f"no browser was found: open {file} in one, or sign in with the password beside it")
