#!/usr/bin/env python3
"""Makes the tokenizer goldens: small tokenizers with the real pipelines of Llama-3, Qwen2.5, Tekken, Llama-2 and
Mistral v0.3, trained on generated text, and what Hugging Face tokenizers encodes and decodes with them.

Needs: pip install tokenizers. Run from anywhere; writes beside itself. Deterministic.
"""
import json
import random
import unicodedata
from pathlib import Path

import tokenizers
from tokenizers import AddedToken, Regex, Tokenizer, decoders, models, normalizers, pre_tokenizers, processors, trainers

HERE = Path(__file__).parent
LLAMA3 = r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"
QWEN = LLAMA3.replace(r"\p{N}{1,3}", r"\p{N}")
QWEN_MARKS = (r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?[\p{L}\p{M}]+|\p{N}| ?[^\s\p{L}\p{M}\p{N}]+[\r\n]*"
              r"|\s*[\r\n]+|\s+(?!\S)|\s+")
TEKKEN = (r"[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]*[\p{Ll}\p{Lm}\p{Lo}\p{M}]+|[^\r\n\p{L}\p{N}]?"
          r"[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]+[\p{Ll}\p{Lm}\p{Lo}\p{M}]*|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n/]*"
          r"|\s*[\r\n]+|\s+(?!\S)|\s+")
# A pattern without a hand-written scanner (DeepSeek style), for the regular-expression path.
OTHER = r"\p{N}{1,3}|[一-龥぀-ゟ゠-ヿ]+|[!-/:-~]+[A-Za-z]*|[^\r\n\p{L}\p{P}\p{S}]?[\p{L}\p{M}]+| ?[\p{P}\p{S}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"

SENTENCES = [
    "The quick brown fox jumps over the lazy dog.", "It's what they'll say, we've been told; I'd rather not.",
    "Hello, World! How are you today?", "Das Mädchen aß im Café über 3 Stück Käsekuchen für 12,50 €.",
    "Ça va très bien, merci; l'élève naïf a mangé des crêpes.", "¿Dónde está la biblioteca? ¡Mañana será otro día!",
    "Привет, мир! Как дела сегодня?", "Γειά σου Κόσμε, τι κάνεις;", "שלום עולם, מה שלומך?", "مرحبا بالعالم كيف حالك اليوم؟",
    "नमस्ते दुनिया, आप कैसे हैं?", "স্বাগতম বিশ্ব", "வணக்கம் உலகம்", "สวัสดีชาวโลก สบายดีไหม", "გამარჯობა მსოფლიო", "Բարեւ աշխարհ",
    "你好,世界!今天天气怎么样?", "こんにちは世界。カタカナとひらがな。", "안녕하세요 세계, 오늘 기분이 어때요?", "Xin chào thế giới, bạn khỏe không?",
    "def main(argv):\n    for i in range(10):\n        print(f\"{i}: {argv[i]!r}\")\n    return 0\n",
    "#include <vector>\nint main() {\n\tstd::vector<int> v{1, 2, 3};\n\treturn v.size() != 3;\n}\n",
    "SELECT name, COUNT(*) FROM users WHERE age >= 18 GROUP BY name;", "{\"key\": [1, 2.5, null, true], \"other\": \"value\"}",
    "https://example.com/path/to/file.html?query=1&x=%20#frag", "user@example.org wrote 1234567890 bytes on 2024-02-29.",
    "👩‍👩‍👧‍👦 family, 🏳️‍🌈 flag, 👍🏽 thumbs, 🇩🇪 Germany, ❤️ heart", "x² + y³ ≠ ∑ᵢ αᵢ·βᵢ ± √2 ≈ 1.41421", "I Ⅳ ½ ٣٤٥ 一二三 ①②",
    "MixedCaseIdentifiers and snake_case_names, HTTPServer2XML, iPhone, McDonald's",
]
SPECIALS = ["<|begin_of_text|>", "<|eot_id|>", "<|start_header_id|>", "<|end_header_id|>", "<|im_start|>", "<|im_end|>",
            "<|endoftext|>", "<s>", "</s>", "[INST]", "[/INST]", "<unk>", "<think>", "</think>", "<tool_call>"]
EMOJI = ["😀", "👩‍💻", "👨‍👩‍👧", "🏴‍☠️", "🇫🇷", "👍🏿", "☕️", "1️⃣", "🫠"]
SPACES = [" ", "  ", "    ", "\t", "\n", "\r\n", "\r", "\n\n", " \n", "\n ", "\u00a0", "\u0085", "\u2003", "\u3000", "\u2028",
          "\u1680", "\u202f", "\x0b", "\x0c", "\u200b", "\u180e", "\x1c", "\x1f"]
ODD = ["\x00", "\x01", "\x7f", "\x80", "\u0300", "e\u0301", "a\u0323\u0307", "\u1100\u1161\u11a8", "\u212b", "\u2126", "\ufb01",
       "\u0344", "\u0958", "\u09be", "\u09c7\u09be", "\U0001d15e", "\u017f", "\u212a", "'\u017f", "'S", "'LL", "'Re", "\ufeff",
       "\ufffd", "\ue000", "\U000f0000", "\u2581", "\u200d", "\u200c", "<0x41>", "\u00ad", "ǅ", "ʰ", "ª", "ſt", "İ", "ß"]


def ranges(rng):
    blocks = [(0x20, 0x7e), (0xa0, 0x24f), (0x300, 0x36f), (0x370, 0x3ff), (0x400, 0x52f), (0x5d0, 0x5ea), (0x600, 0x6ff),
              (0x900, 0x97f), (0x980, 0x9ff), (0xe00, 0xe5b), (0x10a0, 0x10ff), (0x1100, 0x11ff), (0x1e00, 0x1eff),
              (0x1f00, 0x1fff), (0x2000, 0x206f), (0x2070, 0x218b), (0x2200, 0x22ff), (0x3040, 0x30ff), (0x4e00, 0x4eff),
              (0xac00, 0xacff), (0xf900, 0xfa6d), (0xfb00, 0xfb06), (0xff00, 0xffef), (0x10330, 0x1034a),
              (0x1d400, 0x1d454), (0x1f300, 0x1f64f), (0x20000, 0x200ff), (0x2f800, 0x2f8ff)]
    low, high = rng.choice(blocks)
    text = ""
    while len(text) < rng.randint(1, 12):
        c = chr(rng.randint(low, high))
        if unicodedata.category(c) != "Cn":
            text += c
    return text


def fragment(rng):
    kind = rng.randint(0, 9)
    if kind <= 2:
        words = rng.choice(SENTENCES).split(" ")
        at = rng.randrange(len(words))
        return " ".join(words[at:at + rng.randint(1, 5)])
    if kind == 3:
        return rng.choice(SPACES) * rng.randint(1, 4)
    if kind == 4:
        return rng.choice(ODD)
    if kind == 5:
        return rng.choice(SPECIALS)
    if kind == 6:
        return rng.choice(EMOJI)
    if kind == 7:
        return str(rng.randint(0, 10 ** rng.randint(1, 12)))
    if kind == 8:
        return rng.choice("!?.,;:'\"()[]{}<>/\\|@#$%^&*-_=+~`▁") * rng.randint(1, 5)
    return ranges(rng)


def cases():
    rng = random.Random(20)
    out = ["", " ", "  ", "a", " a", "a ", "\n", " \n ", "'", "''s", "I'S", "it'\u017f", "don't've", "\u00a0a", "  a  b", "a\u0085b"]
    out += SENTENCES + SPECIALS + EMOJI + SPACES + ODD
    out += [" " * n + "x" for n in (1, 2, 3, 7, 64, 130)] + ["ab" * 200, "a" * 1000, "=" * 257, "1" * 100, "\n" * 50, "é" * 70]
    out += [s + t for s in SPECIALS[:8] for t in SPECIALS[:8]] + [f" {s} x" for s in SPECIALS]
    while len(out) < 2200:
        out.append("".join(fragment(rng) for _ in range(rng.randint(1, 7))))
    return out


def corpus():
    rng = random.Random(7)
    words = [w for s in SENTENCES for w in s.split(" ")]
    for sentence in SENTENCES * 20:
        yield sentence
    for _ in range(4000):
        yield " ".join(rng.choice(words) for _ in range(rng.randint(3, 20)))
    syllables = "ka to mi re sun der ing ion pre con al er th an st 你 世 界 天 の に は при вет как со но".split()
    for _ in range(6000):
        yield " ".join("".join(rng.choice(syllables) for _ in range(rng.randint(1, 4))) for _ in range(12))


def byte_level(pattern, vocab, specials, normalizer=None, ignore_merges=False, bos=None, extra=()):
    tok = Tokenizer(models.BPE(ignore_merges=ignore_merges))
    if normalizer:
        tok.normalizer = normalizer
    if pattern:
        split = pre_tokenizers.Split(Regex(pattern), "isolated")
        tok.pre_tokenizer = pre_tokenizers.Sequence([split, pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)])
    else:
        tok.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=True)
    tok.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(vocab_size=vocab, show_progress=False, initial_alphabet=pre_tokenizers.ByteLevel.alphabet())
    tok.train_from_iterator(corpus(), trainer)
    tok.add_special_tokens([AddedToken(s, normalized=False, special=True) for s in specials])
    tok.add_tokens(list(extra))
    byte = processors.ByteLevel(trim_offsets=False)
    if bos:
        template = processors.TemplateProcessing(single=f"{bos} $A", pair=f"{bos} $A {bos}:1 $B:1",
                                                 special_tokens=[(bos, tok.token_to_id(bos))])
        tok.post_processor = processors.Sequence([byte, template])
    else:
        tok.post_processor = byte
    return tok


def break_whole_words(tok):
    """Drops some merges so that vocabulary entries exist which merging cannot reach: where ignore_merges matters."""
    data = json.loads(tok.to_str())
    merges = data["model"]["merges"]
    data["model"]["merges"] = [m for i, m in enumerate(merges) if i % 11 != 10 or "".join(m) in used_later(merges[i + 1:])]
    return Tokenizer.from_str(json.dumps(data))


def used_later(merges):
    return {part for merge in merges for part in merge}


def sentencepiece(vocab, metaspace):
    tok = Tokenizer(models.BPE(byte_fallback=True, fuse_unk=True, unk_token="<unk>"))
    strip = [decoders.Replace("▁", " "), decoders.ByteFallback(), decoders.Fuse(), decoders.Strip(" ", 1, 0)]
    tok.decoder = decoders.Sequence(strip)
    if metaspace:
        tok.pre_tokenizer = pre_tokenizers.Metaspace(replacement="▁", prepend_scheme="first", split=False)
        trained = pre_tokenizers.Metaspace(replacement="▁", prepend_scheme="always", split=True)
    else:
        tok.normalizer = normalizers.Sequence([normalizers.Prepend("▁"), normalizers.Replace(" ", "▁")])
        trained = None
    bytes_ = [f"<0x{b:02X}>" for b in range(256)]
    trainer = trainers.BpeTrainer(vocab_size=vocab, show_progress=False, special_tokens=["<unk>", "<s>", "</s>"] + bytes_)
    keep = tok.pre_tokenizer
    # Words are the unit of training; at run time there is no pre-tokenizer, as in the real files.
    tok.pre_tokenizer = trained or pre_tokenizers.Split("▁", "merged_with_next")
    tok.train_from_iterator((s for s in corpus() if "カ" not in s), trainer)
    data = json.loads(tok.to_str())
    data["pre_tokenizer"] = None
    data["added_tokens"] = [dict(t, normalized=False) for t in data["added_tokens"] if not t["content"].startswith("<0x")]
    tok = Tokenizer.from_str(json.dumps(data))
    if metaspace:
        tok.pre_tokenizer = keep
    template = processors.TemplateProcessing(single="<s> $A", pair="<s> $A <s>:1 $B:1", special_tokens=[("<s>", 1)])
    tok.post_processor = template
    tok.add_special_tokens([AddedToken("[INST]", normalized=False, special=True), AddedToken("[/INST]", normalized=False, special=True)])
    return tok


def merges_as_strings(text):
    """The older spelling of merges, "a b", which cannot hold a space."""
    data = json.loads(text)
    if all(" " not in part for m in data["model"]["merges"] for part in m):
        data["model"]["merges"] = [" ".join(m) for m in data["model"]["merges"]]
    return json.dumps(data, ensure_ascii=False, separators=(",", ":"))


def tokenizers_by_name():
    llama3 = SPECIALS[:4] + ["<|end_of_text|>"]
    odd = [AddedToken("<strip>", lstrip=True, rstrip=True, normalized=False), AddedToken("<left>", lstrip=True, normalized=False),
           AddedToken("word", single_word=True, normalized=False), AddedToken("Café", normalized=True),
           AddedToken("<|eot_id|><|eot_id|>", normalized=False), AddedToken("Å", normalized=True)]
    nfc = normalizers.NFC()
    qwen = ["<|endoftext|>", "<|im_start|>", "<|im_end|>"]
    thinking = [AddedToken(t, normalized=False) for t in ("<think>", "</think>", "<tool_call>")]
    yield "llama3", break_whole_words(byte_level(LLAMA3, 3000, llama3, ignore_merges=True, bos="<|begin_of_text|>"))
    yield "qwen25", byte_level(QWEN, 3000, qwen, normalizer=nfc, extra=thinking)
    yield "qwen_marks", byte_level(QWEN_MARKS, 1500, qwen, normalizer=nfc, extra=odd)
    yield "tekken", byte_level(TEKKEN, 3000, ["<unk>", "<s>", "</s>", "[INST]", "[/INST]"], ignore_merges=True, bos="<s>")
    yield "gpt2", byte_level(None, 1500, ["<|endoftext|>"], extra=odd)
    yield "other_regex", byte_level(OTHER, 1500, ["<|endoftext|>"])
    yield "llama2", sentencepiece(3000, metaspace=False)
    yield "mistral_v3", sentencepiece(3000, metaspace=True)


def main():
    texts = cases()
    (HERE / "texts.json").write_text(json.dumps(texts, ensure_ascii=True, separators=(",", ":")) + "\n")
    for name, tok in tokenizers_by_name():
        text = tok.to_str()
        if name in ("qwen25", "llama2"):
            text = merges_as_strings(text)
        (HERE / f"{name}.tokenizer.json").write_text(json.dumps(json.loads(text), ensure_ascii=False, separators=(",", ":")))
        fresh = Tokenizer.from_file(str(HERE / f"{name}.tokenizer.json"))
        rows, decoded, spaced = [], {}, []
        for i, text in enumerate(texts):
            ids = fresh.encode(text, add_special_tokens=False).ids
            rows.append(ids)
            back = fresh.decode(ids, skip_special_tokens=True)
            if back == " " + text:
                spaced.append(i)
            elif back != text:
                decoded[i] = back
        with_special = [fresh.encode(t, add_special_tokens=True).ids for t in texts[:20]]
        golden = {"tokenizers": tokenizers.__version__, "ids": rows, "with_special": with_special,
                  "decoded_with_leading_space": spaced,
                  "decoded_if_changed": {str(k): v for k, v in decoded.items()}}
        (HERE / f"{name}.golden.json").write_text(json.dumps(golden, separators=(",", ":")) + "\n")
        print(name, fresh.get_vocab_size(), "cases", len(rows), "tokens", sum(map(len, rows)), "changed", len(decoded))


if __name__ == "__main__":
    main()
