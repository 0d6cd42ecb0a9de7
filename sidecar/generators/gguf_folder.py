"""Converts a GGUF file of a Llama model, as llama.cpp writes it, to a folder that transformers can load."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch
from gguf import GGUFReader, TokenType, dequantize
from safetensors.torch import save_file
from tokenizers import AddedToken, Tokenizer, decoders, models, pre_tokenizers
from torch import Tensor

# Tensors of a layer in llama.cpp's names and in transformers'.
LAYER_TENSORS = {
    "attn_norm": "input_layernorm",
    "attn_q": "self_attn.q_proj",
    "attn_k": "self_attn.k_proj",
    "attn_v": "self_attn.v_proj",
    "attn_output": "self_attn.o_proj",
    "ffn_norm": "post_attention_layernorm",
    "ffn_gate": "mlp.gate_proj",
    "ffn_up": "mlp.up_proj",
    "ffn_down": "mlp.down_proj",
}


def convert(source: Path, folder: Path) -> None:
    """Writes weights in float32, configuration and tokenizer into an empty folder.

    The tokenizer is that of SmolLM2: byte-level BPE with single digits, and embeddings that are also the output.
    """
    reader = GGUFReader(source)
    fields = {name: field.contents() for name, field in reader.fields.items()}
    config = _config(fields)
    save_file(_tensors(reader, config), folder / "model.safetensors", metadata={"format": "pt"})
    _tokenizer(fields).save(str(folder / "tokenizer.json"))
    (folder / "config.json").write_text(json.dumps(config), encoding="utf-8")
    (folder / "tokenizer_config.json").write_text(json.dumps(_tokenizer_config(fields)), encoding="utf-8")


def _config(fields: Mapping[str, Any]) -> dict[str, Any]:
    heads, width = fields["llama.attention.head_count"], fields["llama.embedding_length"]
    return {
        "architectures": ["LlamaForCausalLM"],
        "model_type": "llama",
        "hidden_size": width,
        "intermediate_size": fields["llama.feed_forward_length"],
        "num_hidden_layers": fields["llama.block_count"],
        "num_attention_heads": heads,
        "num_key_value_heads": fields["llama.attention.head_count_kv"],
        "head_dim": width // heads,
        "vocab_size": fields["llama.vocab_size"],
        "max_position_embeddings": fields["llama.context_length"],
        "rms_norm_eps": fields["llama.attention.layer_norm_rms_epsilon"],
        "rope_theta": fields["llama.rope.freq_base"],
        "tie_word_embeddings": True,
        "bos_token_id": fields["tokenizer.ggml.bos_token_id"],
        "eos_token_id": fields["tokenizer.ggml.eos_token_id"],
        "pad_token_id": fields["tokenizer.ggml.padding_token_id"],
        "dtype": "float32",
    }


def _tensors(reader: GGUFReader, config: Mapping[str, Any]) -> dict[str, Tensor]:
    """The weights in float32 under transformers' names."""
    given = {tensor.name: tensor for tensor in reader.tensors}
    # llama.cpp has the rows of queries and keys in another order, per head.
    heads = {"attn_q": config["num_attention_heads"], "attn_k": config["num_key_value_heads"]}

    def weight(name: str) -> Tensor:
        tensor = given[f"{name}.weight"]
        return torch.from_numpy(np.array(dequantize(tensor.data, tensor.tensor_type), dtype=np.float32))

    found = {"model.embed_tokens.weight": weight("token_embd"), "model.norm.weight": weight("output_norm")}
    for layer in range(config["num_hidden_layers"]):
        for name, own in LAYER_TENSORS.items():
            rows = weight(f"blk.{layer}.{name}")
            found[f"model.layers.{layer}.{own}.weight"] = in_halves(rows, heads[name]) if name in heads else rows
    return found


def in_halves(rows: Tensor, heads: int) -> Tensor:
    """Undoes llama.cpp's order of the rows of queries and keys: it rotates neighbours, transformers the two halves."""
    size, columns = rows.shape
    return rows.view(heads, size // heads // 2, 2, columns).transpose(1, 2).reshape(size, columns).contiguous()


def _tokenizer(fields: Mapping[str, Any]) -> Tokenizer:
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


def _tokenizer_config(fields: Mapping[str, Any]) -> dict[str, object]:
    texts = fields["tokenizer.ggml.tokens"]
    return {
        "tokenizer_class": "PreTrainedTokenizerFast",
        "bos_token": texts[fields["tokenizer.ggml.bos_token_id"]],
        "eos_token": texts[fields["tokenizer.ggml.eos_token_id"]],
        "pad_token": texts[fields["tokenizer.ggml.padding_token_id"]],
        "model_max_length": fields["llama.context_length"],
        "chat_template": fields["tokenizer.chat_template"],
    }
