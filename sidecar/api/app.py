"""The application: routes, limits, and errors in the form that each protocol's clients read."""

from collections.abc import Mapping

from fastapi import Depends, FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from starlette.exceptions import HTTPException

from memories.errors import DreamsError, InputError
from sidecar.api import ollama, openai, operation
from sidecar.api.limits import BYTES_PER_MEGABYTE, BodyLimit, demand_key
from sidecar.registry import Registry, UnknownModelError
from sidecar.settings import SidecarSettings


def create_app(registry: Registry, settings: SidecarSettings) -> FastAPI:
    """The sidecar over `registry`; whoever made the registry closes it."""
    app = FastAPI(
        title="Codex Dreams sidecar",
        description="Models behind Ollama's and OpenAI's protocols.",
        # Ollama's own examples send JSON by plain curl, which calls it a form.
        strict_content_type=False,
    )
    app.state.registry = registry
    app.state.settings = settings
    app.state.metrics = operation.Metrics(registry)
    app.add_middleware(BodyLimit, limit_bytes=settings.request_megabytes * BYTES_PER_MEGABYTE)
    app.middleware("http")(operation.measure)
    app.include_router(operation.health)
    for router in (operation.router, ollama.router, openai.router):
        app.include_router(router, dependencies=[Depends(demand_key)])
    app.exception_handler(DreamsError)(answer_dreams_error)
    app.exception_handler(RequestValidationError)(answer_invalid_request)
    app.exception_handler(HTTPException)(answer_http_error)
    return app


async def answer_dreams_error(request: Request, error: DreamsError) -> JSONResponse:
    match error:
        case UnknownModelError():
            status = 404
        case InputError():
            status = 400
        case _:
            status = 500
    return failure(request, status, str(error))


async def answer_invalid_request(request: Request, error: RequestValidationError) -> JSONResponse:
    first = error.errors()[0]
    where = ".".join(str(part) for part in first["loc"] if isinstance(part, str | int))
    return failure(request, 400, f"Correct {where}: {first['msg']}.")


async def answer_http_error(request: Request, error: HTTPException) -> JSONResponse:
    return failure(request, error.status_code, str(error.detail), error.headers)


def failure(request: Request, status: int, message: str, headers: Mapping[str, str] | None = None) -> JSONResponse:
    if request.url.path.startswith("/v1/"):
        kind = "invalid_request_error" if status < 500 else "server_error"
        body: object = {"message": message, "type": kind, "param": None, "code": None}
    else:
        body = message
    return JSONResponse({"error": body}, status, headers)
