"""The store's settings, read once from the environment and `.env`."""

import hashlib
import os
from functools import cached_property, lru_cache
from ipaddress import ip_address
from pathlib import Path
from typing import Annotated, TypeVar
from zoneinfo import available_timezones

from pydantic import AfterValidator, Field, ValidationError
from pydantic_settings import BaseSettings, SettingsConfigDict, SettingsError

from memories.errors import InputError

PROJECT_ROOT = Path(__file__).resolve().parent.parent
IS_CHECKOUT = (PROJECT_ROOT / "pyproject.toml").exists()
ROOT_DATA_FOLDER = Path("/var/lib/codex-dreams")
# Python's name for the machine's own zone, which means nothing to Postgres.
UNNAMED_ZONE = "localtime"


# The embedding model that the sidecar carries.
BUILT_IN_MODEL = "all-minilm"


def _known(zone: str) -> str:
    if zone == UNNAMED_ZONE or zone not in available_timezones():
        raise ValueError(f"there is no time zone {zone!r}, give an IANA name such as Europe/Stockholm")
    return zone


Zone = Annotated[str, AfterValidator(_known)]
# Made absolute: relative paths start at the working folder, and ~ is the user's home.
WholePath = Annotated[Path, AfterValidator(lambda path: path.expanduser().absolute())]
Settings = TypeVar("Settings", bound=BaseSettings)


def default_home() -> Path:
    return PROJECT_ROOT / ".dreams" if IS_CHECKOUT else Path.home() / ".codex-dreams"


class StoreSettings(BaseSettings):
    """Where memories are kept, and which server embeds them.

    `postgres_db_url` names your own server; without it the embedded one is used, in `dreams_home`.
    `ollama_url` names a running Ollama; without it the sidecar is started when needed, unless `dreams serve` runs at
    the address of the `sidecar_*` settings, which the sidecar itself validates.
    `mcp_api_key` is the key that assistants send over HTTP; without it one is generated. `mcp_file_roots` names the
    folders below which an assistant may have files stored.
    `timezone` is the person's: it applies to their nights, their schedules, and dates without a zone.
    """

    model_config = SettingsConfigDict(
        env_file=PROJECT_ROOT / ".env", extra="ignore", frozen=True, env_ignore_empty=True
    )

    postgres_db_url: str | None = None
    dreams_home: WholePath = Field(default_factory=default_home)
    ollama_url: str | None = None
    embedding_model: str = BUILT_IN_MODEL
    sidecar_host: str = "127.0.0.1"
    sidecar_port: str = "11435"
    sidecar_api_key: str | None = Field(default=None, repr=False)
    mcp_api_key: str | None = Field(default=None, repr=False)
    mcp_file_roots: str | None = None
    timezone: Zone = "UTC"

    @cached_property
    def postgres_folder(self) -> Path:
        """The embedded server's data folder, outside `dreams_home` for root: Postgres then runs as another user."""
        if os.geteuid() != 0:
            return self.dreams_home / "postgres"
        name = hashlib.sha256(str(self.dreams_home.resolve()).encode()).hexdigest()[:12]
        return ROOT_DATA_FOLDER / name / "postgres"


def is_loopback(host: str) -> bool:
    """Whether only this machine can reach `host`; any name other than localhost counts as reachable by others."""
    if host == "localhost":
        return True
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return False


def from_environment(kind: type[Settings]) -> Settings:
    """Reads settings from the environment and `.env`. Raises an InputError that names the one to correct."""
    try:
        return kind()
    except ValidationError as error:
        first = error.errors()[0]
        name = kind.model_config.get("env_prefix", "") + "_".join(str(part) for part in first["loc"])
        problem = first["msg"].removeprefix("Value error, ")
        raise InputError(f"correct {name.upper()} in the environment or in .env: {problem}") from error
    except (OSError, UnicodeDecodeError, SettingsError) as error:
        raise InputError(f"{PROJECT_ROOT / '.env'} cannot be read ({error}): correct it, or remove it") from error
    except RuntimeError as error:
        raise InputError(f"set DREAMS_HOME to a folder ({str(error).rstrip('.')})") from error


@lru_cache(maxsize=1)
def settings() -> StoreSettings:
    return from_environment(StoreSettings)
