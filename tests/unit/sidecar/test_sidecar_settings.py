"""The sidecar listens on this machine by default, and elsewhere only with a key."""

from collections.abc import Iterator

import pytest

from memories.errors import InputError
from sidecar.settings import SidecarSettings, is_loopback, settings


def bare_settings() -> SidecarSettings:
    """The settings from the environment, without the project's .env."""
    return SidecarSettings(_env_file=None)  # type: ignore[call-arg]


@pytest.fixture(autouse=True)
def fresh(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    for name in ("HOST", "PORT", "API_KEY", "REQUEST_TEXTS", "REQUEST_MEGABYTES", "THREADS"):
        monkeypatch.delenv(f"SIDECAR_{name}", raising=False)
    settings.cache_clear()
    yield
    settings.cache_clear()


def test_it_listens_on_this_machine_alone_by_default() -> None:
    chosen = bare_settings()
    assert (chosen.host, chosen.port, chosen.api_key) == ("127.0.0.1", 11435, None)


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "192.168.1.5", "example.org", "127.0.0.1.example.org"])  # noqa: S104
def test_any_other_bind_demands_a_key(host: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SIDECAR_HOST", host)
    with pytest.raises(InputError, match="SIDECAR_API_KEY"):
        bare_settings()
    monkeypatch.setenv("SIDECAR_API_KEY", "secret")
    assert bare_settings().host == host


@pytest.mark.parametrize("host", ["127.0.0.1", "127.3.2.1", "::1", "localhost"])
def test_loopback_addresses_need_none(host: str) -> None:
    assert is_loopback(host)


def test_the_key_is_not_shown(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SIDECAR_API_KEY", "very-secret")
    assert "very-secret" not in repr(bare_settings())


def test_a_wrong_value_is_named_as_the_user_wrote_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SIDECAR_PORT", "eleven")
    with pytest.raises(InputError, match=r"correct SIDECAR_PORT .* integer"):
        settings()
