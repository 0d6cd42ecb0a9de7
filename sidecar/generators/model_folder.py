"""Opens a model folder as transformers saves it: config.json, tokenizer, safetensors; runs no code from it."""

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from time import perf_counter
from typing import Any, NamedTuple

import torch
import transformers
from safetensors import SafetensorError
from transformers import AutoConfig, AutoModelForCausalLM, AutoTokenizer, GenerationConfig, PreTrainedTokenizerFast

from sidecar.generators.causal_model import CausalModel
from sidecar.generators.decoding.template import ChatTemplate
from sidecar.generators.decoding.tokens import TokenTable
from sidecar.generators.errors import UnloadableModel
from sidecar.generators.protocol import Capability, ModelCard

INDEX = "model.safetensors.index.json"
LONGEST_HEADER_BYTES = 100_000_000
# What transformers raises at folders that are damaged or of an unknown kind.
DAMAGES = (OSError, ValueError, KeyError, TypeError, AttributeError, RuntimeError, ImportError, SafetensorError)


class WeightFile(NamedTuple):
    """A safetensors file: its header, and the bytes of both."""

    path: Path
    header: Mapping[str, Any]
    header_bytes: bytes
    size_bytes: int


def describe(folder: Path, name: str | None = None) -> ModelCard:
    """What is known of a folder without loading it. Raises UnloadableModel when a file is missing or cut short."""
    config = _json_of(folder / "config.json")
    files = _weight_files(folder)
    digest = hashlib.sha256(json.dumps(config, sort_keys=True).encode())
    for file in files:
        digest.update(file.header_bytes)
        digest.update(str(file.size_bytes).encode())
    text_config = config.get("text_config", config)
    source = _template_source(folder)
    capabilities: list[Capability] = ["completion"]
    if source is not None:
        capabilities.append("tools")
        if "<think>" in source or "enable_thinking" in source:
            capabilities.append("thinking")
    return ModelCard(
        name or folder.resolve().name,
        str(config.get("model_type", "unknown")),
        int(text_config.get("max_position_embeddings", 2048)),
        sum(_element_count(entry) for file in files for entry in file.header.values()),
        sum(file.size_bytes for file in files),
        digest.hexdigest(),
        tuple(capabilities),
        _quantization(config, files),
    )


def load(folder: Path) -> CausalModel:
    """Loads the model, on a GPU if there is one. Raises UnloadableModel when the folder is damaged or unknown."""
    transformers.utils.logging.disable_progress_bar()
    transformers.utils.logging.set_verbosity_error()
    card = describe(folder)
    try:
        config = AutoConfig.from_pretrained(folder, local_files_only=True, trust_remote_code=False)
        tokenizer = AutoTokenizer.from_pretrained(folder, local_files_only=True, trust_remote_code=False)
        model, report = AutoModelForCausalLM.from_pretrained(
            folder,
            config=config,
            dtype=_dtype(config.dtype),
            local_files_only=True,
            trust_remote_code=False,
            use_safetensors=True,
            output_loading_info=True,
        )
    except DAMAGES as error:
        reason = " ".join(str(error).split())[:300]
        raise UnloadableModel(f"{folder} cannot be loaded, replace it or name another folder: {reason}") from error
    lacking = sorted(map(str, [*report["missing_keys"], *report["mismatched_keys"]]))
    if lacking:
        raise UnloadableModel(f"{folder} lacks weights ({', '.join(lacking[:3])}, ...): fetch the whole model again")
    if not isinstance(tokenizer, PreTrainedTokenizerFast):
        raise UnloadableModel(f"{folder} has no tokenizer.json: convert its tokenizer with transformers")
    model = model.to("cuda" if torch.cuda.is_available() else "cpu").eval()
    table = TokenTable(tokenizer, int(config.get_text_config().vocab_size), _stop_ids(folder, config, tokenizer))
    source = _template_source(folder)
    special = {name: str(text) for name, text in tokenizer.special_tokens_map.items() if isinstance(text, str)}
    return CausalModel(model, table, None if source is None else ChatTemplate(source, special), card.context_tokens)


def _dtype(saved: torch.dtype | None) -> torch.dtype | str:
    """The type to compute in: the saved one on a GPU; on a processor float32, unless bfloat16 is as fast there."""
    if torch.cuda.is_available():
        return "auto"
    if saved is not torch.bfloat16:
        return torch.float32
    return (
        torch.bfloat16 if _seconds_of_product(torch.bfloat16) <= _seconds_of_product(torch.float32) else torch.float32
    )


def _seconds_of_product(dtype: torch.dtype) -> float:
    """The time of a product of a weight matrix and the vector of one token, the best of five."""
    weight, vector = torch.ones(2048, 2048, dtype=dtype), torch.ones(1, 2048, dtype=dtype)
    seconds = []
    for _ in range(5):
        started = perf_counter()
        torch.nn.functional.linear(vector, weight)
        seconds.append(perf_counter() - started)
    return min(seconds)


def _stop_ids(folder: Path, config: Any, tokenizer: PreTrainedTokenizerFast) -> list[int]:
    """The tokens that end a reply, first those of the generation config."""
    sources = [tokenizer.eos_token_id, getattr(config, "eos_token_id", None)]
    if (folder / "generation_config.json").is_file():
        sources.insert(0, GenerationConfig.from_pretrained(folder, local_files_only=True).eos_token_id)
    found: list[int] = []
    for source in sources:
        found += source if isinstance(source, list) else [] if source is None else [source]
    if not found:
        raise UnloadableModel(f"{folder} names no token that ends a reply: set eos_token_id in generation_config.json")
    return found


def _template_source(folder: Path) -> str | None:
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
