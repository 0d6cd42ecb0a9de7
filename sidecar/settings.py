"""The sidecar's settings, read once from the environment and `.env`; every name begins with `SIDECAR_`."""

from functools import lru_cache
from typing import Self

from pydantic import Field, SecretStr, model_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

from memories.errors import InputError
from memories.settings import PROJECT_ROOT, WholePath, from_environment, is_loopback


class SidecarSettings(BaseSettings):
    """Where the sidecar listens, its API key, its limits, and what it generates with.

    By default it listens on loopback; any other `host` requires an `api_key`. Without `threads`, torch uses every core.
    `model` is the folder of a causal model to serve. `parallel_replies` are generated at once, `waiting_replies` more
    may wait, and a reply may take `reply_seconds`. `openai_base_url` names a server whose models are `openai/NAME`.
    """

    model_config = SettingsConfigDict(
        env_prefix="SIDECAR_", env_file=PROJECT_ROOT / ".env", extra="ignore", frozen=True, env_ignore_empty=True
    )

    host: str = "127.0.0.1"
    port: int = Field(default=11435, ge=0, le=65535)
    api_key: SecretStr | None = Field(default=None, min_length=1)
    request_megabytes: int = Field(default=32, ge=1)
    request_texts: int = Field(default=2048, ge=1)
    threads: int | None = Field(default=None, ge=1)
    model: WholePath | None = None
    parallel_replies: int = Field(default=16, ge=1)
    waiting_replies: int = Field(default=64, ge=0)
    reply_seconds: float = Field(default=600, gt=0)
    openai_base_url: str | None = Field(default=None, validation_alias="OPENAI_BASE_URL")
    openai_api_key: SecretStr | None = Field(default=None, validation_alias="OPENAI_API_KEY")

    @model_validator(mode="after")
    def demand_key_beyond_loopback(self) -> Self:
        if self.api_key is None and not is_loopback(self.host):
            raise InputError(
                f"Set SIDECAR_API_KEY before listening on {self.host!r}, or set SIDECAR_HOST to 127.0.0.1."
            )
        return self


@lru_cache(maxsize=1)
def settings() -> SidecarSettings:
    return from_environment(SidecarSettings)
