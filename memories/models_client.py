"""The one client of the models: an Ollama named by OLLAMA_URL, or the sidecar, started for as long as it is needed."""

import json
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager

import ollama

from memories.errors import ModelUnreachable
from memories.settings import PROJECT_ROOT, StoreSettings, settings

REQUEST_TIMEOUT_SECONDS = 300
STOP_TIMEOUT_SECONDS = 15


@contextmanager
def models(store: StoreSettings | None = None) -> Iterator[ollama.Client]:
    """A client of the models for the length of the block.

    Raises ModelUnreachable when the sidecar is needed and cannot be started.
    """
    store = store or settings()
    if store.ollama_url is not None:
        yield ollama.Client(host=store.ollama_url, timeout=REQUEST_TIMEOUT_SECONDS)
        return
    process = subprocess.Popen(
        [sys.executable, "-m", "sidecar.serve", "--child"],
        cwd=PROJECT_ROOT,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        # Ctrl-C is for the parent, which closes the pipe: the sidecar then goes.
        start_new_session=True,
    )
    assert process.stdin is not None and process.stdout is not None  # noqa: S101 - both were asked for
    try:
        line = process.stdout.readline()
        if not line:
            raise ModelUnreachable(
                "the sidecar did not start: install it with `pip install '.[sidecar]'`, "
                "or set OLLAMA_URL to an Ollama that runs"
            )
        yield ollama.Client(host=json.loads(line)["url"], timeout=REQUEST_TIMEOUT_SECONDS)
    finally:
        process.stdin.close()
        try:
            process.wait(timeout=STOP_TIMEOUT_SECONDS)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
        process.stdout.close()
