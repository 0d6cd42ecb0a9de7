"""Asks a server elsewhere for a reply that streams: timeouts, retries while nothing was answered, typed errors."""

import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import httpx
from pydantic import SecretStr

from memories.errors import ModelError, ModelUnreachable
from sidecar.generators.errors import InvalidRequest, QueueFull, RemoteFailure

CONNECT_SECONDS = 10.0
SILENCE_SECONDS = 300.0
"""So long may a server read a prompt before its first word."""
TRIES = 3
LONGEST_PAUSE_SECONDS = 8.0
LONGEST_REASON_CHARACTERS = 300
WORTH_A_RETRY = (429, 500, 502, 503, 504)


class RemoteServer:
    """A server at `url`; `setting` names the setting to correct, and `key_setting` that of its key."""

    def __init__(self, url: str, setting: str, key: SecretStr | None = None, key_setting: str | None = None) -> None:
        self.url = url.rstrip("/")
        self._setting = setting
        self._key_setting = key_setting
        headers = {} if key is None else {"Authorization": f"Bearer {key.get_secret_value()}"}
        timeout = httpx.Timeout(SILENCE_SECONDS, connect=CONNECT_SECONDS)
        self._client = httpx.Client(base_url=self.url, headers=headers, timeout=timeout)

    @contextmanager
    def lines(self, path: str, body: Mapping[str, Any]) -> Iterator[Iterator[str]]:
        """The lines of the answer as they come; leaving the block ends the request.

        Raises ModelUnreachable when nothing answers, QueueFull when the server is busy, InvalidRequest when it refuses
        the request, RemoteFailure at its other errors, and when it breaks off.
        """
        response = self._opened(path, body)
        try:
            yield response.iter_lines()
        except (httpx.TransportError, httpx.DecodingError) as error:
            raise RemoteFailure(f"{self.url} broke off ({type(error).__name__}): ask again") from error
        finally:
            response.close()

    def _opened(self, path: str, body: Mapping[str, Any]) -> httpx.Response:
        for remaining in reversed(range(TRIES)):
            pause = LONGEST_PAUSE_SECONDS / 2 ** (remaining + 1)
            try:
                response = self._client.send(self._client.build_request("POST", path, json=body), stream=True)
            except (httpx.TransportError, httpx.InvalidURL) as error:
                # A server that was silent for minutes has the request, and would work on it twice.
                if not remaining or isinstance(error, httpx.ReadTimeout | httpx.InvalidURL):
                    raise ModelUnreachable(
                        f"nothing answers at {self.url} ({type(error).__name__}): start it, or correct {self._setting}"
                    ) from error
            else:
                if response.is_success:
                    return response
                response.read()
                if not remaining or response.status_code not in WORTH_A_RETRY:
                    raise self._error(response)
                pause = _asked_pause(response) or pause
                response.close()
            time.sleep(min(pause, LONGEST_PAUSE_SECONDS))
        raise AssertionError("the last try returns or raises")

    def _error(self, response: httpx.Response) -> ModelError | InvalidRequest:
        reason = _reason(response)
        match response.status_code:
            case 400 | 413 | 422:
                return InvalidRequest(f"Change the request, {self.url} refuses it: {reason}")
            case 401 | 403 if self._key_setting is not None:
                return RemoteFailure(f"{self.url} refuses the key: correct {self._key_setting}")
            case 404:
                return RemoteFailure(f"{self.url} does not have it: {reason}")
            case 429:
                return QueueFull(f"{self.url} is busy, ask again later: {reason}")
            case status:
                return RemoteFailure(f"{self.url} failed, look at its log ({status}: {reason})")


def _asked_pause(response: httpx.Response) -> float | None:
    told = response.headers.get("retry-after", "")
    return float(told) if told.isdigit() else None


def _reason(response: httpx.Response) -> str:
    """What the server says of its error, in OpenAI's form or Ollama's, else its status."""
    try:
        error = response.json()["error"]
        return str(error["message"] if isinstance(error, dict) else error)[:LONGEST_REASON_CHARACTERS]
    except (ValueError, KeyError, TypeError):
        return response.reason_phrase
