#!/usr/bin/env python3
"""Trains the tiny model of tests/data/baton-tiny: a Llama that answers in readable sentences and recalls what it read.

    train_tiny_model.py --out DIR                  train from scratch and write a Hugging Face directory
    train_tiny_model.py --eval DIR                 greedy accuracy of the model in DIR on held-out recall prompts

All text comes from tiny_model_text.py. Needs torch, tokenizers, safetensors; --eval needs transformers too.
"""
import argparse
import json
import pathlib
import random
import tempfile
import time

import torch
import torch.nn.functional as F
from safetensors.torch import load_file, save_file
from tokenizers import Regex, Tokenizer, decoders, models, pre_tokenizers, processors, trainers

import tiny_model_text as text

VOCAB = 2048
HIDDEN, LAYERS, HEADS, KV_HEADS, HEAD_DIM, INTERMEDIATE = 192, 4, 6, 2, 32, 512
ROPE_THETA, MAX_POSITION, EPS = 10000.0, 4096, 1e-5
SPECIALS = ["<|begin_of_text|>", "<|end_of_text|>", "<|finetune_right_pad_id|>", "<|start_header_id|>",
            "<|end_header_id|>", "<|eom_id|>", "<|eot_id|>", "<|python_tag|>"]
LLAMA3_SPLIT = (r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*"
                r"|\s*[\r\n]+|\s+(?!\S)|\s+")
CHAT_TEMPLATE = (
    "{% set loop_messages = messages %}{% for message in loop_messages %}{% set content = '<|start_header_id|>' + "
    "message['role'] + '<|end_header_id|>\n\n' + message['content'] | trim + '<|eot_id|>' %}{% if loop.index0 == 0 %}"
    "{% set content = bos_token + content %}{% endif %}{{ content }}{% endfor %}{% if add_generation_prompt %}"
    "{{ '<|start_header_id|>assistant<|end_header_id|>\n\n' }}{% endif %}")


# ---- tokenizer -------------------------------------------------------------------------------------------------------

def train_tokenizer():
    """Byte-level BPE with Llama 3's split. Digits are left out of the training text, so each stays one token."""
    rng = random.Random(7)
    corpus = []
    for _ in range(6000):
        for role, words in text.conversation(rng, 80):
            corpus.append("".join(c for c in f"{role}\n\n{words}" if not c.isdigit()))
    corpus += ["\n\n", "system user assistant", text.UNKNOWN_ANSWER] * 50
    tokenizer = Tokenizer(models.BPE(ignore_merges=True))
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence([
        pre_tokenizers.Split(Regex(LLAMA3_SPLIT), behavior="isolated", invert=False),
        pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)])
    tokenizer.decoder = decoders.ByteLevel()
    tokenizer.train_from_iterator(corpus, trainers.BpeTrainer(
        vocab_size=VOCAB - len(SPECIALS), show_progress=False,
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet()))
    tokenizer.add_special_tokens(SPECIALS)
    bos = SPECIALS[0]
    tokenizer.post_processor = processors.Sequence([
        processors.ByteLevel(trim_offsets=False),
        processors.TemplateProcessing(single=f"{bos} $A", pair=f"{bos} $A {bos}:1 $B:1",
                                      special_tokens=[(bos, tokenizer.token_to_id(bos))])])
    return tokenizer


# ---- batches ---------------------------------------------------------------------------------------------------------

class Batches:
    """Rows of exactly `length` + 1 tokens, filled with conversations one after another; a loss weight per token."""

    def __init__(self, tokenizer, seed):
        self.tokenizer, self.rng = tokenizer, random.Random(seed)
        special = {s: tokenizer.token_to_id(s) for s in SPECIALS}
        self.bos, self.end, self.eot = (special[SPECIALS[i]] for i in (0, 1, 6))
        self.head, self.head_end = special["<|start_header_id|>"], special["<|end_header_id|>"]

    def encode(self, conversation):
        pieces = [f"{role}" for role, _ in conversation] + ["\n\n" + words for _, words in conversation]
        ids = [e.ids for e in self.tokenizer.encode_batch_fast(pieces, add_special_tokens=False)]
        tokens, weights = [self.bos], [0.0]
        for (role, _), name, body in zip(conversation, ids, ids[len(conversation):]):
            if role == "text":
                body = body[1:]
                tokens += body + [self.end]
                weights += [0.5] * (len(body) + 1)
                continue
            head = [self.head, *name, self.head_end, body[0]]
            weight = 1.0 if role == "assistant" else 0.1
            tokens += head + body[1:] + [self.eot]
            weights += [0.0] * len(head) + [weight] * len(body)
        return tokens, weights

    def batch(self, rows, length, make):
        out_tokens, out_weights = [], []
        for _ in range(rows):
            tokens, weights = [], []
            while len(tokens) <= length:
                room = length - len(tokens)
                t, w = self.encode(make(self.rng, max(20, int(room * 0.62))))
                if len(t) > room + 1 and tokens and room > 60:
                    continue  # would lose its end, where the answer is
                tokens += t
                weights += w
            out_tokens.append(tokens[:length + 1])
            out_weights.append(weights[:length + 1])
        tokens, weights = torch.tensor(out_tokens), torch.tensor(out_weights)
        return tokens[:, :-1], tokens[:, 1:], weights[:, 1:]


# ---- model -----------------------------------------------------------------------------------------------------------

def rms_norm(x, weight):
    return F.rms_norm(x, (x.shape[-1],), weight, EPS)


def rope_tables(length):
    inverse = ROPE_THETA ** (-torch.arange(0, HEAD_DIM, 2).float() / HEAD_DIM)
    angle = torch.outer(torch.arange(length).float(), inverse).repeat(1, 2)
    return angle.cos().bfloat16(), angle.sin().bfloat16()


def rotate(x, cos, sin):
    a, b = x.chunk(2, -1)
    return x * cos + torch.cat([-b, a], -1) * sin


def attention(q, k, v):
    """Causal attention, q [rows, HEADS, length, HEAD_DIM], k and v with KV_HEADS. Plain products beat PyTorch's CPU
    kernel on short rows by four times."""
    rows, _, length, _ = q.shape
    group = HEADS // KV_HEADS
    if length > 400:
        k, v = (t.repeat_interleave(group, 1) for t in (k, v))
        return F.scaled_dot_product_attention(q, k, v, is_causal=True)
    q = (q * HEAD_DIM ** -0.5).reshape(rows, KV_HEADS, group * length, HEAD_DIM)
    scores = (q @ k.transpose(-1, -2)).view(rows, HEADS, length, length)
    scores += torch.full((length, length), -1e9, dtype=v.dtype).triu(1)
    probabilities = torch.softmax(scores, -1).view(rows, KV_HEADS, group * length, length)
    return (probabilities @ v).view(rows, HEADS, length, HEAD_DIM)


def initial_weights(generator):
    """Hugging Face names -> tensors. Embedding and lm_head are tied."""
    def normal(rows, columns, std):
        return torch.randn(rows, columns, generator=generator) * std
    w = {"model.embed_tokens.weight": normal(VOCAB, HIDDEN, 0.04), "model.norm.weight": torch.ones(HIDDEN)}
    for i in range(LAYERS):
        p, std = f"model.layers.{i}.", HIDDEN ** -0.5
        w[p + "self_attn.q_proj.weight"] = normal(HEADS * HEAD_DIM, HIDDEN, std)
        w[p + "self_attn.k_proj.weight"] = normal(KV_HEADS * HEAD_DIM, HIDDEN, std)
        w[p + "self_attn.v_proj.weight"] = normal(KV_HEADS * HEAD_DIM, HIDDEN, std)
        w[p + "self_attn.o_proj.weight"] = normal(HIDDEN, HEADS * HEAD_DIM, std / 8)
        w[p + "mlp.gate_proj.weight"] = normal(INTERMEDIATE, HIDDEN, std)
        w[p + "mlp.up_proj.weight"] = normal(INTERMEDIATE, HIDDEN, std)
        w[p + "mlp.down_proj.weight"] = normal(HIDDEN, INTERMEDIATE, std / 8)
        w[p + "input_layernorm.weight"] = torch.ones(HIDDEN)
        w[p + "post_attention_layernorm.weight"] = torch.ones(HIDDEN)
    return w


def forward(w, tokens, cos, sin):
    """tokens [rows, length] -> final hidden states [rows, length, HIDDEN]."""
    rows, length = tokens.shape
    cos, sin = cos[:length], sin[:length]
    x = F.embedding(tokens, w["model.embed_tokens.weight"])
    for i in range(LAYERS):
        p = f"model.layers.{i}."
        h = rms_norm(x, w[p + "input_layernorm.weight"])
        q, k, v = (F.linear(h, w[p + f"self_attn.{n}_proj.weight"]).view(rows, length, -1, HEAD_DIM).transpose(1, 2)
                   for n in "qkv")
        q, k = rotate(q, cos, sin), rotate(k, cos, sin)
        a = attention(q, k, v).transpose(1, 2).reshape(rows, length, -1)
        x = x + F.linear(a, w[p + "self_attn.o_proj.weight"])
        h = rms_norm(x, w[p + "post_attention_layernorm.weight"])
        gate, up = (F.linear(h, w[p + f"mlp.{n}_proj.weight"]) for n in ("gate", "up"))
        x = x + F.linear(F.silu(gate) * up, w[p + "mlp.down_proj.weight"])
    return rms_norm(x, w["model.norm.weight"])


def loss_of(w, batch, cos, sin):
    tokens, targets, weights = batch
    w = {name: tensor.bfloat16() for name, tensor in w.items()}  # float32 masters, bfloat16 arithmetic
    hidden = forward(w, tokens, cos, sin)
    keep = (weights >= 0.5) | ((weights > 0) & (torch.rand(weights.shape) < 0.25))  # users' words: a sample will do
    losses = F.cross_entropy(F.linear(hidden[keep], w["model.embed_tokens.weight"]).float(), targets[keep],
                             reduction="none")
    weights = weights[keep]
    answers = weights == 1.0
    return (losses * weights).sum() / weights.sum(), float(losses.detach()[answers].mean())


class Muon(torch.optim.Optimizer):
    """Momentum orthogonalised by five Newton-Schulz steps (Jordan et al., 2024), for the matrices inside the layers."""

    def __init__(self, params, lr):
        super().__init__(params, dict(lr=lr, momentum=0.95))

    @torch.no_grad()
    def step(self):
        for group in self.param_groups:
            for p in group["params"]:
                m = self.state[p].setdefault("m", torch.zeros_like(p))
                m.lerp_(p.grad, 1 - group["momentum"])
                g = p.grad.lerp(m, group["momentum"])
                x = g.T if g.shape[0] > g.shape[1] else g
                x = x / (x.norm() + 1e-7)
                for _ in range(5):
                    a = x @ x.T
                    x = 3.4445 * x + (-4.7750 * a + 2.0315 * a @ a) @ x
                x = x.T if g.shape[0] > g.shape[1] else x
                p.mul_(1 - group["lr"] * 0.05)
                p.add_(x, alpha=-group["lr"] * max(1.0, p.shape[0] / p.shape[1]) ** 0.5)


def schedule(progress):
    """Rows, length and kind of a batch: copying drills first, then short conversations, then long ones."""
    if progress < 0.4:
        return 24, 160, text.drill
    if progress < 0.7:
        return random.choice([(24, 160, text.drill), (12, 320, text.conversation)])
    return (*random.choice([(12, 320), (12, 320), (6, 640), (3, 1280)]), text.conversation)


def average_gradients(params, workers):
    if workers == 1:
        return
    flat = torch.cat([p.grad.flatten() for p in params])
    torch.distributed.all_reduce(flat)
    for p, grad in zip(params, (flat / workers).split([p.numel() for p in params])):
        p.grad.copy_(grad.view_as(p))


def train(rank, args, tokenizer_text, weights, rendezvous):
    """One of args.workers processes with one thread each; every one sees other batches and steps the same weights."""
    torch.set_num_threads(1)
    torch.manual_seed(args.seed + 1000 * rank)
    random.seed(args.seed)  # the same row lengths in every process
    if args.workers > 1:
        torch.distributed.init_process_group("gloo", f"file://{rendezvous}", rank=rank, world_size=args.workers)
    tokenizer = Tokenizer.from_str(tokenizer_text)
    weights = {n: t.clone().requires_grad_() for n, t in weights.items()}
    params = list(weights.values())
    matrices = [p for n, p in weights.items() if p.ndim == 2 and "embed" not in n]
    others = [p for n, p in weights.items() if p.ndim == 1 or "embed" in n]
    optimizers = [Muon(matrices, lr=0.02), torch.optim.AdamW(others, lr=4e-3, betas=(0.9, 0.95), weight_decay=0.0)]
    base = [o.param_groups[0]["lr"] for o in optimizers]
    data, (cos, sin) = Batches(tokenizer, args.seed + 1000 * rank), rope_tables(1280)
    started, seen, step = time.time(), 0, 0
    for step in range(args.steps):
        progress = args.start + (1 - args.start) * step / args.steps
        rate = min(1.0, (step + 1) / 40) * min(1.0, max(0.02, (1 - progress) / 0.4))
        for optimizer, lr in zip(optimizers, base):
            optimizer.param_groups[0]["lr"] = lr * rate
        batch = data.batch(*schedule(progress))
        loss, answer_loss = loss_of(weights, batch, cos, sin)
        loss.backward()
        average_gradients(params, args.workers)
        torch.nn.utils.clip_grad_norm_(others, 1.0)
        for optimizer in optimizers:
            optimizer.step()
            optimizer.zero_grad()
        seen += batch[0].numel() * args.workers
        if rank == 0 and step % 10 == 0:
            elapsed = time.time() - started
            print(f"step {step} {elapsed / 60:.1f} min, {seen / 1e6:.2f}M tokens, {seen / elapsed:.0f}/s, "
                  f"length {batch[0].shape[1]}, loss {loss.item():.3f}, answers {answer_loss:.4f}", flush=True)
        if rank == 0 and (step % 50 == 49 or step == args.steps - 1):
            export(tokenizer, weights, args.out)


# ---- export and evaluation -------------------------------------------------------------------------------------------

def export(tokenizer, weights, folder):
    folder.mkdir(parents=True, exist_ok=True)
    ids = {s: tokenizer.token_to_id(s) for s in SPECIALS}
    bos, eos = ids["<|begin_of_text|>"], [ids["<|end_of_text|>"], ids["<|eom_id|>"], ids["<|eot_id|>"]]
    dump = lambda name, value: (folder / name).write_text(json.dumps(value, indent=2) + "\n")
    dump("config.json", {
        "architectures": ["LlamaForCausalLM"], "model_type": "llama", "hidden_size": HIDDEN,
        "num_hidden_layers": LAYERS, "num_attention_heads": HEADS, "num_key_value_heads": KV_HEADS,
        "head_dim": HEAD_DIM, "intermediate_size": INTERMEDIATE, "vocab_size": VOCAB, "max_position_embeddings": MAX_POSITION,
        "rms_norm_eps": EPS, "rope_theta": ROPE_THETA, "rope_scaling": None, "hidden_act": "silu",
        "attention_bias": False, "mlp_bias": False, "tie_word_embeddings": True, "torch_dtype": "bfloat16",
        "bos_token_id": bos, "eos_token_id": eos})
    dump("generation_config.json", {"bos_token_id": bos, "eos_token_id": eos, "do_sample": True, "temperature": 0.6,
                                    "top_p": 0.9})
    dump("tokenizer_config.json", {
        "bos_token": "<|begin_of_text|>", "eos_token": "<|eot_id|>", "chat_template": CHAT_TEMPLATE,
        "clean_up_tokenization_spaces": False, "model_max_length": MAX_POSITION,
        "model_input_names": ["input_ids", "attention_mask"], "tokenizer_class": "PreTrainedTokenizerFast"})
    tokenizer.save(str(folder / "tokenizer.json"))
    save_file({n: t.detach().to(torch.bfloat16).contiguous() for n, t in weights.items()},
              folder / "model.safetensors", metadata={"format": "pt"})


def recall_prompt(rng, filler_words):
    """A held-out style of prompt: one fact, filler, one question. Returns (message, value)."""
    statement, question, answer, value = text.facts(rng, 1)[0]
    body = text.filler(rng, filler_words) if filler_words else []
    return " ".join([statement, *body, question]), answer, value


@torch.no_grad()
def evaluate(folder, count):
    from transformers import AutoModelForCausalLM, AutoTokenizer
    tokenizer = AutoTokenizer.from_pretrained(folder)
    model = AutoModelForCausalLM.from_pretrained(folder, dtype=torch.bfloat16).eval()

    def answer(message, new_tokens=48):
        ids = tokenizer.apply_chat_template([{"role": "user", "content": message}], add_generation_prompt=True,
                                            return_tensors="pt", return_dict=True)["input_ids"]
        out = model.generate(ids, do_sample=False, max_new_tokens=new_tokens, temperature=None, top_p=None)[0]
        return tokenizer.decode(out[ids.shape[1]:], skip_special_tokens=True), ids.shape[1]

    rng = random.Random(987654)
    for filler_words in (0, 40, 100, 200, 350, 600, 850):
        right, tokens, misses = 0, 0, []
        for _ in range(count):
            message, expected, value = recall_prompt(rng, filler_words)
            got, n = answer(message, 24)
            right, tokens = right + (value in got), tokens + n
            if value not in got:
                misses.append((expected, got))
        print(f"recall, prompts of about {tokens // count:4d} tokens: {right}/{count} = {right / count:.1%}  "
              f"{misses[:2]}", flush=True)
    prompts = pathlib.Path(folder).parent / "tiny_prompts.json"
    if prompts.exists():
        import re
        for case in json.loads(prompts.read_text())["prompts"]:
            got = answer(case["prompt"], case.get("max_tokens", 64))[0]
            ok = "ok  " if re.search(case["expect"], got) else "FAIL"
            print(f"{ok} {case['prompt'][:60]!r} -> {got!r}", flush=True)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=pathlib.Path)
    parser.add_argument("--eval", type=pathlib.Path)
    parser.add_argument("--init", type=pathlib.Path, help="continue from the tokenizer and weights in this directory")
    parser.add_argument("--start", type=float, default=0.0, help="where in the curriculum to start, 0 to 1")
    parser.add_argument("--steps", type=int, default=1500)
    parser.add_argument("--workers", type=int, default=2, help="processes with one thread each")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--count", type=int, default=40, help="recall prompts per length of --eval")
    args = parser.parse_args()
    if args.out:
        if args.init:
            tokenizer = Tokenizer.from_file(str(args.init / "tokenizer.json"))
            weights = {n: t.float() for n, t in load_file(args.init / "model.safetensors").items()}
        else:
            tokenizer = train_tokenizer()
            weights = initial_weights(torch.Generator().manual_seed(args.seed))
        with tempfile.TemporaryDirectory() as folder:
            torch.multiprocessing.spawn(train, (args, tokenizer.to_str(), weights, folder + "/rendezvous"),
                                        nprocs=args.workers)
    if args.eval:
        evaluate(args.eval, args.count)
    if not (args.out or args.eval):
        parser.error("give --out, --eval or both")


if __name__ == "__main__":
    main()
