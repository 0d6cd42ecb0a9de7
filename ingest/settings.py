"""Holds the settings of loading, annotating and computing, read once from the environment and `.env`."""

from functools import lru_cache
from typing import Annotated

from pydantic import Field
from pydantic_settings import BaseSettings, SettingsConfigDict

from memories.settings import PROJECT_ROOT, WholePath, from_environment
from memories.settings import settings as store_settings

AMOUNT = r"^[0-9]+(\.[0-9]+)? ?([kKmMgGtT]i?)?[bB]$|^[0-9]+%$"


class IngestSettings(BaseSettings):
    """The chat model that annotates besides the rules, and DuckDB's file and memory limit.

    `annotation_model` is a chat model of the Ollama at OLLAMA_URL, or else of the sidecar, which has `smollm2-135m` and
    the model of SIDECAR_MODEL. The DuckDB file is a cache: it may be deleted.
    With `weekly_report`, the schedules write a report every Monday.
    """

    model_config = SettingsConfigDict(
        env_file=PROJECT_ROOT / ".env", extra="ignore", frozen=True, env_ignore_empty=True
    )

    annotation_model: str | None = None
    weekly_report: bool = False
    duckdb_path: WholePath | None = None
    duckdb_memory_limit: Annotated[str, Field(pattern=AMOUNT)] = "4GB"

    @property
    def duckdb_file(self) -> WholePath:
        return self.duckdb_path or store_settings().dreams_home / "memory.duckdb"


@lru_cache(maxsize=1)
def settings() -> IngestSettings:
    return from_environment(IngestSettings)
