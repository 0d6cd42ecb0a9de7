"""Describes and checks a model folder as transformers saves it: config.json, tokenizer, safetensors."""

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

from sidecar.generators.errors import UnloadableModel
from sidecar.generators.protocol import Capability, ModelCard

INDEX = "model.safetensors.index.json"
LONGEST_HEADER_BYTES = 100_000_000


class WeightFile(NamedTuple):
    """A safetensors file: its header, and the bytes of both."""

    path: Path
    header: Mapping[str, Any]
    header_bytes: bytes
    size_bytes: int


def describe(folder: Path) -> ModelCard:
    """What is known of a folder without loading it. Raises UnloadableModel when a file is missing or cut short."""
    config = _json_of(folder / "config.json")
    files = _weight_files(folder)
    digest = hashlib.sha256(json.dumps(config, sort_keys=True).encode())
    for file in files:
        digest.update(file.header_bytes)
        digest.update(str(file.size_bytes).encode())
    text_config = config.get("text_config", config)
    context_tokens = text_config.get("max_position_embeddings") if isinstance(text_config, dict) else None
    if not isinstance(context_tokens, int):
        raise UnloadableModel(f"{folder / 'config.json'} names no max_position_embeddings: fetch it again")
    source = template_source(folder)
    capabilities: list[Capability] = ["completion"]
    if source is not None:
        capabilities.append("tools")
        if any(mark in source for mark in ("<think>", "enable_thinking", "<|channel|>")):
            capabilities.append("thinking")
    return ModelCard(
        folder.resolve().name,
        str(config.get("model_type", "unknown")),
        context_tokens,
        sum(_element_count(entry) for file in files for entry in file.header.values()),
        sum(file.size_bytes for file in files),
        digest.hexdigest(),
        tuple(capabilities),
        _quantization(config, files),
    )


def template_source(folder: Path) -> str | None:
    """The chat template beside the tokenizer, or in its configuration; None when there is none."""
    if (folder / "chat_template.jinja").is_file():
        return (folder / "chat_template.jinja").read_text(encoding="utf-8")
    given = _json_of(folder / "tokenizer_config.json").get("chat_template")
    if isinstance(given, list):
        named = {entry["name"]: entry["template"] for entry in given if isinstance(entry, dict)}
        given = named.get("default")
    return given if isinstance(given, str) else None


def _weight_files(folder: Path) -> list[WeightFile]:
    if (folder / INDEX).is_file():
        names = sorted(set(_json_of(folder / INDEX).get("weight_map", {}).values()))
    else:
        names = ["model.safetensors"]
    return [_weight_file(folder / name) for name in names]


def _weight_file(path: Path) -> WeightFile:
    """Reads a file's header only. Raises UnloadableModel when it is missing or shorter than the header says."""
    if not path.is_file():
        raise UnloadableModel(f"{path} is missing: fetch the whole model again, as safetensors")
    size = path.stat().st_size
    with path.open("rb") as file:
        length = int.from_bytes(file.read(8), "little")
        header_bytes = file.read(min(length, LONGEST_HEADER_BYTES))
    try:
        header = json.loads(header_bytes)
        header.pop("__metadata__", None)
        end = 8 + length + max((entry["data_offsets"][1] for entry in header.values()), default=0)
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise UnloadableModel(f"{path} is no safetensors file: fetch it again") from error
    if size != end:
        raise UnloadableModel(f"{path} has {size} bytes of {end}: fetch it again")
    return WeightFile(path, header, header_bytes, size)


def _json_of(path: Path) -> dict[str, Any]:
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError as error:
        raise UnloadableModel(f"{path} is missing: name the folder of a model that transformers can load") from error
    except (OSError, ValueError) as error:
        raise UnloadableModel(f"{path} cannot be read: fetch it again") from error
    if not isinstance(found, dict):
        raise UnloadableModel(f"{path} holds no JSON object: fetch it again")
    return found


def _element_count(entry: Mapping[str, Any]) -> int:
    count = 1
    for size in entry["shape"]:
        count *= size
    return count


def _quantization(config: Mapping[str, Any], files: list[WeightFile]) -> str:
    method = (config.get("quantization_config") or {}).get("quant_method")
    types = [entry["dtype"] for file in files for entry in file.header.values()]
    return str(method or max(types, key=types.count, default="")).upper()
