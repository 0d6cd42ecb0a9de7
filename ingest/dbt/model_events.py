"""Passes dbt's events about each model from its process to the cycle that waits for it."""

import json
from collections.abc import Callable
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from multiprocessing.connection import Connection
from pathlib import Path
from threading import Lock
from typing import Any

TOLD_LEVELS = ("info", "warn", "error")
BEGUN, ENDED = "NodeStart", "NodeFinished"
SUCCEEDED = "success"


@dataclass(frozen=True, slots=True)
class ModelEvent:
    """An event of one model: it begins, logs a message, or ends (only then with a `status`); `at` is in ISO 8601."""

    model: str
    stage: str
    at: str
    level: str
    message: str
    status: str | None = None

    @property
    def is_failure(self) -> bool:
        return self.status is not None and self.status != SUCCEEDED


OnModel = Callable[[ModelEvent], None]


def sender(connection: Connection) -> Callable[[Any], None]:
    """Returns a callback that sends dbt's events about models; dbt calls it in several threads."""
    lock = Lock()

    def send(said: Any) -> None:
        event = _model_event(said)
        if event is not None:
            with lock:
                connection.send_bytes(json.dumps(asdict(event)).encode())

    return send


def receive(connection: Connection, on_model: OnModel) -> None:
    """Passes each event received to `on_model`, until the other process has ended."""
    while True:
        try:
            sent = connection.recv_bytes()
        except EOFError:
            return
        on_model(ModelEvent(**json.loads(sent)))


def _model_event(said: Any) -> ModelEvent | None:
    node = getattr(said.data, "node_info", None)
    if node is None or node.resource_type != "model":
        return None
    at = datetime.now(UTC).isoformat()
    stage = Path(node.node_path).parent.name
    if said.info.name == ENDED:
        result = said.data.run_result
        return ModelEvent(node.node_name, stage, at, "info", result.message, result.status)
    if said.info.name == BEGUN or said.info.level in TOLD_LEVELS:
        return ModelEvent(node.node_name, stage, at, said.info.level, said.info.msg)
    return None
