"""Answers every failed request with a status and one sentence, in the error format of its protocol.

Below `/v1/` that is OpenAI's format, `{"error": {"message", "type", "param", "code"}}`, elsewhere Ollama's,
`{"error": "sentence"}`. `register` installs the handlers; `documented` describes a route's errors for OpenAPI.
"""

from collections.abc import Mapping, Sequence
from difflib import get_close_matches
from http import HTTPStatus
from typing import Any, Literal

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from pydantic import BaseModel, Field
from starlette.exceptions import HTTPException
from starlette.routing import Match

from memories.errors import (
    CacheLocked,
    ContentTaken,
    DreamsError,
    InputError,
    ModelUnreachable,
    NotFound,
    NotListed,
    StoreError,
)  # fmt: skip
from memories.faults import tell
from sidecar.generators.errors import InvalidRequest, QueueFull, RemoteFailure, ReplyTimedOut, UnloadableModel
from sidecar.registry import UnknownModelError

Kind = Literal[
    "invalid_request_error",
    "authentication_error",
    "permission_error",
    "not_found_error",
    "conflict_error",
    "rate_limit_error",
    "server_error",
]
KINDS: Mapping[int, Kind] = {
    401: "authentication_error",
    403: "permission_error",
    404: "not_found_error",
    409: "conflict_error",
    429: "rate_limit_error",
}
MEANINGS: Mapping[int, str] = {
    400: "The request is wrong; `param` names the wrong part.",
    401: "The API key is missing or wrong.",
    403: "The request comes from a web page of another site.",
    404: "There is no such memory, model or path.",
    409: "Another memory has this content, or the given search did not list this memory.",
    413: "The body is larger than SIDECAR_REQUEST_MEGABYTES.",
    421: "The Host header does not name this machine.",
    429: "Too many requests wait for this model.",
    502: "The server that generates for this one failed.",
    503: "Postgres or the model does not answer at the moment.",
    504: "The reply took longer than SIDECAR_REPLY_SECONDS.",
}
EVERYWHERE = (400, 401, 403, 413, 421)
# A place in a queue is free sooner than a server has started.
RETRY_SECONDS = {429: 1, 503: 5}
METHODS = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE")


class Problem(BaseModel):
    """What went wrong."""

    message: str = Field(description="One sentence that says what to do.")
    type: Kind = Field(description="The kind of error, by status.")
    param: str | None = Field(description="The part of the request that is wrong, such as `filters.tags`.")
    code: str | None = Field(description="The status in words, such as `not_found`.")


class Failure(BaseModel):
    """An error in OpenAI's format."""

    error: Problem


class OllamaFailure(BaseModel):
    """An error in Ollama's format."""

    error: str = Field(description="One sentence that says what to do.")


def documented(*statuses: int, form: type[BaseModel] = Failure) -> dict[int | str, dict[str, Any]]:
    """OpenAPI descriptions of the errors a route may return, including those common to all routes."""
    described: dict[int | str, dict[str, Any]] = {
        status: {"model": form, "description": MEANINGS[status]} for status in sorted({*EVERYWHERE, *statuses})
    }
    for status in RETRY_SECONDS.keys() & described.keys():
        described[status]["headers"] = {"Retry-After": {"description": "In seconds.", "schema": {"type": "integer"}}}
    return described | {"default": {"model": form, "description": "Any other error."}}


def register(app: FastAPI) -> None:
    app.exception_handler(DreamsError)(_answer_dreams_error)
    app.exception_handler(RequestValidationError)(_answer_invalid_request)
    app.exception_handler(HTTPException)(_answer_http_error)
    app.exception_handler(500)(_answer_fault)


async def _answer_dreams_error(request: Request, error: DreamsError) -> JSONResponse:
    status = _status_of(error)
    headers = {"Retry-After": str(RETRY_SECONDS[status])} if status in RETRY_SECONDS else None
    param = error.parameter if isinstance(error, InvalidRequest) else None
    return failure(request, status, str(error), param, headers, _code_of(error))


def in_stream(error: BaseException) -> Problem:
    """The error of a reply whose first part was sent already; the traceback of an unexpected one is kept."""
    if not isinstance(error, DreamsError):
        return _problem(500, f"{tell(error).sentence}.")
    param = error.parameter if isinstance(error, InvalidRequest) else None
    return _problem(_status_of(error), str(error), param, _code_of(error))


def _status_of(error: DreamsError) -> int:
    match error:
        case UnknownModelError() | NotFound():
            return 404
        case ContentTaken() | NotListed():
            return 409
        case InputError():
            return 400
        case QueueFull():
            return 429
        case RemoteFailure():
            return 502
        case StoreError() | CacheLocked() | ModelUnreachable() | UnloadableModel():
            return 503
        case ReplyTimedOut():
            return 504
        case _:
            return 500


def _code_of(error: DreamsError) -> str | None:
    """The code by which clients know an error better than by its status."""
    match error:
        case UnknownModelError():
            return "model_not_found"
        case InvalidRequest():
            return error.code
        case _:
            return None


async def _answer_invalid_request(request: Request, error: RequestValidationError) -> JSONResponse:
    first = error.errors()[0]
    where, *parts = first["loc"]
    if where == "body":
        parts = _given(parts, error.body) + (parts[-1:] if first["type"] == "missing" else [])
    param = ".".join(map(str, parts)) or None
    return failure(request, 400, f"Correct {f'{where}.{param}' if param else where}: {_told(first)}.", param)


def _told(error: Mapping[str, Any]) -> str:
    """What is wrong, in our own words where we have some, else in pydantic's."""
    if error["type"] == "value_error":
        return str(error["ctx"]["error"])
    if error["type"] == "uuid_parsing":
        return f"{error['input']!r} is not an id"
    told = str(error["msg"])
    return told if told[1:2].isupper() else told[:1].lower() + told[1:]


def _given(parts: Sequence[str | int], body: object) -> list[str | int]:
    """The parts of an error's location that are in the body; the others name union members that pydantic tried."""
    found: list[str | int] = []
    for part in parts:
        if (isinstance(body, dict) and part in body) or (isinstance(body, list) and part in range(len(body))):
            body = body[part]  # type: ignore[index]
            found.append(part)
    return found


async def _answer_http_error(request: Request, error: HTTPException) -> JSONResponse:
    headers, told = dict(error.headers or {}), str(error.detail)
    if error.status_code == 405:
        headers["Allow"] = ", ".join(_allowed_methods(request))
        told = f"{request.url.path} does not take {request.method}: use {headers['Allow']}."
    elif error.status_code == 404 and told == HTTPStatus.NOT_FOUND.phrase:
        told = _no_route(request)
    return failure(request, error.status_code, told, headers=headers)


def _no_route(request: Request) -> str:
    """Says what there is instead of a route that is not there."""
    paths = list(request.app.openapi()["paths"])
    near = get_close_matches(request.url.path, paths, n=3, cutoff=0.7)
    what = f"ask {' or '.join(near)}" if near else "/docs describes the routes there are"
    return f"There is nothing at {request.url.path}: {what}."


def _allowed_methods(request: Request) -> list[str]:
    """The methods that the routes of a path support together."""
    return [
        method
        for method in METHODS
        if any(route.matches({**request.scope, "method": method})[0] is Match.FULL for route in request.app.routes)
    ]


async def _answer_fault(request: Request, error: Exception) -> JSONResponse:
    """Answers an unexpected error; its traceback is kept for a bug report."""
    return failure(request, 500, f"{tell(error).sentence}.")


def failure(
    request: Request,
    status: int,
    message: str,
    param: str | None = None,
    headers: Mapping[str, str] | None = None,
    code: str | None = None,
) -> JSONResponse:
    problem = _problem(status, message, param, code)
    if not request.url.path.startswith("/v1/"):
        return JSONResponse({"error": problem.message}, status, headers)
    return JSONResponse(Failure(error=problem).model_dump(), status, headers)


def _problem(status: int, message: str, param: str | None = None, code: str | None = None) -> Problem:
    kind = KINDS.get(status, "invalid_request_error" if status < 500 else "server_error")
    param = None if param is None else _encodable(param)
    return Problem(message=_encodable(message), type=kind, param=param, code=code or HTTPStatus(status).name.lower())


def _encodable(text: str) -> str:
    """Escapes lone surrogates, which a request may contain and no response can encode."""
    return text.encode("utf-8", "backslashreplace").decode()
