#!/usr/bin/env python3
"""Writes tiny random models of each supported family and what Hugging Face transformers computes for them.

    python3 tests/data/goldens/make_goldens.py        (torch and transformers; rewrites the folders next to it)

See README.md for the files. Deterministic for one version of torch; weights, prompts and norms come from one seed.
"""
import json
import pathlib
import shutil

import torch
import transformers
from safetensors.torch import save_file
from transformers import (LlamaConfig, LlamaForCausalLM, MistralConfig, MistralForCausalLM, Qwen2Config,
                          Qwen2ForCausalLM, Qwen3Config, Qwen3ForCausalLM)

HERE = pathlib.Path(__file__).parent
LENGTHS = [1, 2, 7, 15, 16, 17, 31, 32, 33, 48, 64, 65, 100]
GREEDY_TOKENS = 32

COMMON = dict(rms_norm_eps=1e-5, hidden_act="silu", max_position_embeddings=256, attention_dropout=0.0,
              bos_token_id=1, pad_token_id=None, attn_implementation="eager")
LLAMA3_ROPE = dict(rope_type="llama3", factor=8.0, low_freq_factor=1.0, high_freq_factor=4.0,
                   original_max_position_embeddings=64)


def families():
    """name -> (model class, config, dtype of the weights on disk)."""
    return {
        # Head dim left to hidden / heads; wavelengths fall into all three bands of llama3 scaling; tied; two eos ids.
        "llama": (LlamaForCausalLM, LlamaConfig(
            vocab_size=160, hidden_size=64, intermediate_size=96, num_hidden_layers=2, num_attention_heads=4,
            num_key_value_heads=2, tie_word_embeddings=True, eos_token_id=[2, 3],
            rope_parameters=dict(LLAMA3_ROPE, rope_theta=10000.0), **COMMON), torch.float32),
        # Biases on q, k, v; three query heads on one KV head; separate lm_head.
        "qwen2": (Qwen2ForCausalLM, Qwen2Config(
            vocab_size=128, hidden_size=96, intermediate_size=96, num_hidden_layers=2, num_attention_heads=3,
            num_key_value_heads=1, tie_word_embeddings=False, eos_token_id=2, use_sliding_window=False,
            rope_parameters=dict(rope_type="default", rope_theta=1000000.0), **COMMON), torch.bfloat16),
        # q_norm and k_norm; heads x head_dim (128) is not hidden (48).
        "qwen3": (Qwen3ForCausalLM, Qwen3Config(
            vocab_size=128, hidden_size=48, intermediate_size=80, num_hidden_layers=2, num_attention_heads=4,
            num_key_value_heads=2, head_dim=32, tie_word_embeddings=True, eos_token_id=2, use_sliding_window=False,
            rope_parameters=dict(rope_type="default", rope_theta=1000000.0), **COMMON), torch.float32),
        # Window of 24 tokens (the row itself and 23 before), shorter than most prompts and no multiple of a block.
        "mistral": (MistralForCausalLM, MistralConfig(
            vocab_size=128, hidden_size=64, intermediate_size=96, num_hidden_layers=3, num_attention_heads=4,
            num_key_value_heads=2, head_dim=32, tie_word_embeddings=False, eos_token_id=2, sliding_window=24,
            rope_parameters=dict(rope_type="default", rope_theta=10000.0), **COMMON), torch.bfloat16),
    }


def randomise(model, generator):
    """Weights around 1/sqrt(fan-in), scaled so attention is far from uniform; norms and biases far from 1 and 0."""
    for name, p in model.named_parameters():
        noise = torch.randn(p.shape, generator=generator)
        if name.endswith("norm.weight"):
            value = 1.0 + 0.3 * noise
        elif name.endswith(".bias"):
            value = 0.5 * noise
        elif "embed_tokens" in name:
            value = 0.3 * noise
        else:
            value = noise * (1.2 / p.shape[1] ** 0.5)
        p.data.copy_(value.to(torch.bfloat16).float())  # bf16-exact, so both dtypes hold the same model


@torch.no_grad()
def logits_of(model, ids):
    return model(input_ids=ids.unsqueeze(0).long(), use_cache=False).logits[0].float().contiguous()


def greedy(model, ids):
    """Continuation without a KV cache, and the lead of each chosen logit over the next best."""
    out, leads = [], []
    for _ in range(GREEDY_TOKENS):
        best = logits_of(model, torch.cat([ids, torch.tensor(out, dtype=torch.int32)]))[-1].topk(2)
        out.append(int(best.indices[0]))
        leads.append(float(best.values[0] - best.values[1]))
    return torch.tensor(out, dtype=torch.int32), torch.tensor(leads)


def old_style(path):
    """Rewrites a config.json the way transformers before 5 wrote it."""
    config = json.loads(path.read_text())
    rope = config.pop("rope_parameters")
    config["rope_theta"] = rope.pop("rope_theta")
    config["rope_scaling"] = rope
    config["torch_dtype"] = config.pop("dtype")
    config.pop("head_dim", None)
    config["transformers_version"] = "4.45.0"
    path.write_text(json.dumps(config, indent=2, sort_keys=True) + "\n")


def main():
    torch.manual_seed(0)
    torch.set_num_threads(1)
    for seed, (name, (cls, config, dtype)) in enumerate(families().items()):
        folder = HERE / name
        shutil.rmtree(folder, ignore_errors=True)
        generator = torch.Generator().manual_seed(1000 + seed)
        model = cls(config).float().eval()
        randomise(model, generator)
        model.tie_weights()
        model.to(dtype).save_pretrained(folder)
        if name == "llama":
            old_style(folder / "config.json")
        model = cls.from_pretrained(folder, dtype=torch.float32, attn_implementation="eager").eval()
        model_bf16 = cls.from_pretrained(folder, dtype=torch.bfloat16, attn_implementation="eager").eval()
        tensors, least_lead = {}, 1e9
        for n in LENGTHS:
            ids = torch.randint(4, config.vocab_size, (n,), generator=generator, dtype=torch.int32)
            tensors[f"ids.{n}"] = ids
            tensors[f"logits.{n}"] = logits_of(model, ids)
            tensors[f"logits_bf16.{n}"] = logits_of(model_bf16, ids)[-1:].contiguous()
            tensors[f"greedy.{n}"], tensors[f"greedy_lead.{n}"] = greedy(model, ids)
            least_lead = min(least_lead, float(tensors[f"greedy_lead.{n}"].min()))
        save_file(tensors, folder / "golden.safetensors", metadata={
            "torch": torch.__version__, "transformers": transformers.__version__, "seed": str(1000 + seed)})
        error = [float((tensors[f"logits_bf16.{n}"] - tensors[f"logits.{n}"][-1:]).norm() /
                       tensors[f"logits.{n}"][-1:].norm()) for n in LENGTHS]
        print(f"{name}: logits std {tensors['logits.100'].std():.2f}, least greedy lead {least_lead:.2e}, "
              f"bf16 rel-L2 {min(error):.1e}..{max(error):.1e}")


if __name__ == "__main__":
    main()
