"""Runs a real browser for tests: Chromium from the system's packages, with nothing downloaded."""

import json
import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread

import pytest
from selenium.webdriver import Chrome, ChromeOptions
from selenium.webdriver.chrome.service import Service

FLAGS = (
    "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
    "--disable-background-networking", "--disable-component-update", "--disable-sync",
)  # fmt: skip
needs_chromium = pytest.mark.skipif(
    not (shutil.which("chromium") and shutil.which("chromedriver")),
    reason="there is no Chromium: apt-get install chromium chromium-driver",
)


@contextmanager
def chromium() -> Iterator[Chrome]:
    options = ChromeOptions()
    options.binary_location = str(shutil.which("chromium"))
    options.set_capability("goog:loggingPrefs", {"browser": "ALL", "performance": "ALL"})
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as profile:
        for flag in (*FLAGS, f"--user-data-dir={profile}"):
            options.add_argument(flag)
        os.environ["SE_OFFLINE"] = "true"
        browser = Chrome(options, Service(str(shutil.which("chromedriver"))))
        try:
            yield browser
        finally:
            browser.quit()


def statuses(browser: Chrome, address: str) -> dict[str, set[int]]:
    """The statuses by path of the browser's requests to a server since the last call."""
    found: dict[str, set[int]] = {}
    for entry in browser.get_log("performance"):
        event = json.loads(entry["message"])["message"]
        response = event["params"].get("response") if event["method"] == "Network.responseReceived" else None
        if response and response["url"].startswith(address):
            found.setdefault(response["url"].removeprefix(address), set()).add(response["status"])
    return found


@contextmanager
def page(html: str) -> Iterator[str]:
    """Serves one page as a foreign web site and yields its address."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            self.send_header("Content-Type", "text/html; charset=utf-8")
            self.end_headers()
            self.wfile.write(html.encode())

        def log_message(self, *_: object) -> None:
            pass

    listener = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    Thread(target=listener.serve_forever, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{listener.server_port}"
    finally:
        listener.shutdown()
        listener.server_close()
