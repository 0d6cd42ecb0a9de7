"""Model folders with tiny random weights, for tests of generation."""

from collections.abc import Sequence
from pathlib import Path

import torch
from tokenizers import Tokenizer, decoders, models, pre_tokenizers
from transformers import (
    GptOssConfig,
    GptOssForCausalLM,
    LlamaConfig,
    LlamaForCausalLM,
    PreTrainedModel,
    PreTrainedTokenizerFast,
    Qwen3Config,
    Qwen3ForCausalLM,
)

# A template that knows roles, tools and thoughts, in the form of Qwen's.
TEMPLATE = (
    "{% if tools %}<|im_start|>system\n{{ tools | tojson }}<|im_end|>\n{% endif %}"
    "{% for message in messages %}<|im_start|>{{ message.role }}\n{{ message.content }}"
    "{% for call in message.tool_calls or [] %}<tool_call>{{ call.function | tojson }}</tool_call>{% endfor %}"
    "<|im_end|>\n{% endfor %}<|im_start|>assistant\n{% if enable_thinking %}<think>\n{% endif %}"
)
# A template that knows channels, in the form of gpt-oss's.
HARMONY_TEMPLATE = (
    "<|start|>system<|message|>Reasoning: {{ reasoning_effort or 'medium' }}<|end|>"
    "{% if tools %}<|start|>developer<|message|>{{ tools | tojson }}<|end|>{% endif %}"
    "{% for message in messages %}{% if message.role == 'tool' %}"
    "<|start|>functions to=assistant<|channel|>commentary<|message|>{{ message.content }}<|end|>"
    "{% elif message.tool_calls %}"
    "{% if message.thinking %}<|start|>assistant<|channel|>analysis<|message|>{{ message.thinking }}<|end|>{% endif %}"
    "<|start|>assistant to=functions.{{ message.tool_calls[0].function.name }}<|channel|>commentary json<|message|>"
    "{{ message.tool_calls[0].function.arguments | tojson }}<|call|>"
    "{% else %}<|start|>{{ message.role }}{% if message.role == 'assistant' %}<|channel|>final{% endif %}<|message|>"
    "{{ message.content }}<|end|>{% endif %}{% endfor %}<|start|>assistant"
)
SPECIAL = ("<|endoftext|>", "<|im_start|>", "<|im_end|>")
CONTEXT_TOKENS = 512
SHAPE = {
    "vocab_size": 280,
    "hidden_size": 64,
    "intermediate_size": 128,
    "num_hidden_layers": 2,
    "num_attention_heads": 4,
    "num_key_value_heads": 2,
    "head_dim": 16,
    "max_position_embeddings": CONTEXT_TOKENS,
    "bos_token_id": 0,
    "eos_token_id": 2,
    "pad_token_id": 0,
    # Weights so large that the next token is never in doubt by a rounding.
    "initializer_range": 0.3,
}


def tiny_tokenizer(marks: Sequence[str] = ()) -> PreTrainedTokenizerFast:
    """Bytes as tokens, after the special ones, and a few words that cross the borders of others; marks come last."""
    alphabet = sorted(pre_tokenizers.ByteLevel.alphabet())
    vocabulary = {text: index for index, text in enumerate([*SPECIAL, *alphabet])}
    merges = [("t", "h"), ("th", "e"), ("Ġ", "the"), ("i", "n"), ("e", "r"), ("Ġ", "a"), ("o", "n")]
    for pair in merges:
        vocabulary["".join(pair)] = len(vocabulary)
    tokenizer = Tokenizer(models.BPE(vocab=vocabulary, merges=merges))
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    tokenizer.add_special_tokens([*SPECIAL, *marks])
    return PreTrainedTokenizerFast(tokenizer_object=tokenizer, eos_token="<|im_end|>", bos_token="<|endoftext|>")


def tiny_model(family: str, seed: int = 0) -> PreTrainedModel:
    """A model with random weights, which hardly ever ends a reply by itself."""
    torch.manual_seed(seed)
    match family:
        case "llama":
            model: PreTrainedModel = LlamaForCausalLM(LlamaConfig(**SHAPE))
        case "qwen3":
            model = Qwen3ForCausalLM(Qwen3Config(**SHAPE))
        case _:
            layers = ["sliding_attention", "full_attention"]
            experts = {"num_local_experts": 4, "num_experts_per_tok": 2, "sliding_window": 8, "layer_types": layers}
            model = GptOssForCausalLM(GptOssConfig(**SHAPE | experts))
    with torch.no_grad():
        model.lm_head.weight[SHAPE["eos_token_id"]] = 0
    return model.eval()


def save_tiny(
    folder: Path,
    family: str = "llama",
    seed: int = 0,
    template: str | None = TEMPLATE,
    marks: Sequence[str] = (),
) -> Path:
    """Saves a tiny model of a family (llama, qwen3, gpt_oss) with its tokenizer; returns the folder."""
    tokenizer = tiny_tokenizer(marks)
    tokenizer.chat_template = template
    tiny_model(family, seed).save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    return folder
