#!/usr/bin/env python3
"""Makes pipelines.json: every supported stage of tokenizer.json in many combinations over two small vocabularies, and what
Hugging Face tokenizers encodes and decodes with them.

Needs: pip install tokenizers. Run from anywhere; writes beside itself. Deterministic. `make_pipeline_goldens.py SEED COUNT FILE`
writes COUNT other texts' goldens to FILE instead, for a longer comparison.
"""
import json
import random
import sys
from pathlib import Path

import tokenizers
from tokenizers import Tokenizer, models, normalizers, pre_tokenizers, trainers

from make_goldens import EMOJI, LLAMA3, ODD, OTHER, QWEN, SENTENCES, SPACES, SPECIALS, TEKKEN, corpus, fragment

HERE = Path(__file__).parent
CONTRACTION = "(?i:'s|'t|'re|'ve|'m|'ll|'d)"
O200K = (r"[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]*[\p{Ll}\p{Lm}\p{Lo}\p{M}]+" + CONTRACTION + r"?|"
         r"[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]+[\p{Ll}\p{Lm}\p{Lo}\p{M}]*" + CONTRACTION + r"?|"
         r"\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n/]*|\s*[\r\n]+|\s+(?!\S)|\s+")
POSSESSIVE = (r"'(?i:[sdmt]|ll|ve|re)|[^\r\n\p{L}\p{N}]?+\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]++[\r\n]*|\s*[\r\n]|"
              r"\s+(?!\S)|\s+")
BYTE = {"type": "ByteLevel", "add_prefix_space": False, "trim_offsets": True, "use_regex": False}


def split(pattern, behavior="Isolated", invert=False, kind="Regex"):
    return {"type": "Split", "pattern": {kind: pattern}, "behavior": behavior, "invert": invert}


def seq(key, *stages):
    return {"type": "Sequence", key: list(stages)}


def replace(pattern, content, kind="String"):
    return {"type": "Replace", "pattern": {kind: pattern}, "content": content}


def metaspace(scheme, do_split):
    return {"type": "Metaspace", "replacement": "▁", "prepend_scheme": scheme, "split": do_split}


def added(content, **flags):
    return {"content": content, "single_word": False, "lstrip": False, "rstrip": False, "normalized": False,
            "special": False, **flags}


def bases():
    """Two small models: the bytes alphabet, and SentencePiece's characters with byte fallback."""
    rng = random.Random(3)
    text = list(corpus())
    rng.shuffle(text)
    byte = Tokenizer(models.BPE())
    byte.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    alphabet = pre_tokenizers.ByteLevel.alphabet()
    byte.train_from_iterator(text[:3000], trainers.BpeTrainer(vocab_size=700, initial_alphabet=alphabet, show_progress=False))
    piece = Tokenizer(models.BPE(unk_token="<unk>"))
    piece.normalizer = normalizers.Replace(" ", "▁")
    piece.pre_tokenizer = pre_tokenizers.Split("▁", "merged_with_next")
    special = ["<unk>", "<s>", "</s>"] + [f"<0x{b:02X}>" for b in range(256)]
    piece.train_from_iterator(text[:3000], trainers.BpeTrainer(vocab_size=1100, limit_alphabet=150, special_tokens=special,
                                                               show_progress=False))
    return {name: {k: json.loads(tok.to_str())["model"][k] for k in ("vocab", "merges")}
            for name, tok in (("byte", byte), ("piece", piece))}


def template(*prefix, suffix=()):
    items = [{"SpecialToken": {"id": t, "type_id": 0}} for t in prefix] + [{"Sequence": {"id": "A", "type_id": 0}}]
    items += [{"SpecialToken": {"id": t, "type_id": 0}} for t in suffix]
    specials = {t: {"id": t, "ids": [i], "tokens": [t]} for t, i in (("<s>", 1), ("</s>", 2))}
    return {"type": "TemplateProcessing", "single": items, "pair": items, "special_tokens": specials}


def pipelines():
    """name, vocabulary, stages and model flags"""
    level = {"type": "ByteLevel", "add_prefix_space": True, "trim_offsets": True, "use_regex": True}
    pieces = seq("decoders", replace("▁", " "), {"type": "ByteFallback"}, {"type": "Fuse"})
    stripped = seq("decoders", *pieces["decoders"], {"type": "Strip", "content": " ", "start": 1, "stop": 0})
    fallback = {"byte_fallback": True, "fuse_unk": True}
    nfc = {"type": "NFC"}

    def byte(name, *stages, normalizer=None, tokens=(), post=None, **flags):
        pre = stages[0] if len(stages) == 1 else seq("pretokenizers", *stages)
        return name, "byte", {"normalizer": normalizer, "pre_tokenizer": pre, "decoder": level, "added_tokens": list(tokens),
                              "post_processor": post}, flags

    def piece(name, normalizer=None, pre=None, decoder=pieces, tokens=(), post=None, flags=fallback):
        return name, "piece", {"normalizer": normalizer, "pre_tokenizer": pre, "decoder": decoder,
                               "added_tokens": list(tokens), "post_processor": post}, flags

    yield byte("gpt2_prefix_space", level)
    yield byte("gpt2", dict(level, add_prefix_space=False))
    yield byte("byte_level_without_regex", BYTE)
    yield byte("llama3", split(LLAMA3), BYTE, ignore_merges=True)
    yield byte("qwen", split(QWEN), BYTE, normalizer=nfc)
    yield byte("tekken", split(TEKKEN), BYTE, ignore_merges=True)
    yield byte("o200k", split(O200K), BYTE)
    yield byte("possessive", split(POSSESSIVE, "Removed", True), BYTE)
    yield byte("three_splits", split(r"\p{N}{1,3}"), split(r"[一-龥぀-ゟ゠-ヿ]+"), split(OTHER), BYTE)
    yield byte("digits_then_words", {"type": "Digits", "individual_digits": True}, dict(level, add_prefix_space=False))
    yield byte("digit_runs", {"type": "Digits", "individual_digits": False}, BYTE)
    yield byte("whitespace", {"type": "Whitespace"}, BYTE)
    yield byte("whitespace_split", {"type": "WhitespaceSplit"}, level)
    yield byte("punctuation", {"type": "Punctuation", "behavior": "Contiguous"}, {"type": "Punctuation", "behavior": "Isolated"}, BYTE)
    yield byte("char_delimiter", {"type": "CharDelimiterSplit", "delimiter": "e"}, BYTE)
    for behavior in ("Isolated", "Removed", "MergedWithPrevious", "MergedWithNext", "Contiguous"):
        for invert in (False, True):
            yield byte(f"split_{behavior}_{invert}", split(r"\s|[aeiou]+|\d", behavior, invert), BYTE)
        yield byte(f"split_literal_{behavior}", split("e.", behavior, kind="String"), split(" ", behavior, kind="String"), BYTE)
    yield byte("lines", split(r"^[a-z].*$|\b\w+\b|\h\H|\W{2,3}", "Isolated"), BYTE)
    yield byte("scripts", split(r"\p{Han}+|\p{Hiragana}+|\p{^L}|[[:punct:]]+|[^[:space:]\p{Greek}]{2}", "Isolated"), BYTE)
    for form in ("NFC", "NFD", "NFKC", "NFKD"):
        yield byte(form, BYTE, normalizer={"type": form})
    trim = {"type": "Strip", "strip_left": True, "strip_right": False}
    yield byte("trimmed_lower_case", BYTE, normalizer=seq("normalizers", trim, {"type": "Lowercase"}, nfc))
    yield byte("replaced", BYTE, normalizer=seq("normalizers", replace(r"\s{2,}", " ", "Regex"), replace("a", "bb"),
                                               {"type": "Strip", "strip_left": False, "strip_right": True}))
    yield byte("added", split(LLAMA3), BYTE, normalizer=nfc, tokens=[
        added("<s>", special=True), added("<|eot_id|>", special=True, lstrip=True, rstrip=True),
        added("ing", single_word=True), added("the", normalized=True, single_word=True, rstrip=True),
        added("Å", normalized=True), added("  "), added("    "), added("<s><s>"), added("\n", lstrip=True)])

    word = metaspace("first", False)
    yield piece("llama2", seq("normalizers", {"type": "Prepend", "prepend": "▁"}, replace(" ", "▁")), decoder=stripped,
                post=template("<s>"))
    yield piece("mistral_v3", pre=word, decoder=stripped, post=template("<s>", suffix=["</s>"]),
                tokens=[added("<s>", special=True), added("</s>", special=True), added("[INST]", special=True)])
    yield piece("gemma", replace(" ", "▁"), split(" ", "MergedWithPrevious", kind="String"),
                tokens=[added("\n\n"), added("<think>", special=True)])
    for scheme in ("always", "first", "never"):
        for do_split in (False, True):
            own = {"type": "Metaspace", "replacement": "▁", "prepend_scheme": scheme, "split": do_split}
            yield piece(f"metaspace_{scheme}_{do_split}", pre=own, decoder=own, tokens=[added("<think>")],
                        flags={"byte_fallback": False, "fuse_unk": do_split})
    yield piece("metaspace_in_digits", pre=seq("pretokenizers", {"type": "Digits", "individual_digits": True},
                                               metaspace("always", True)))
    yield piece("unknown_apart", replace(" ", "▁"), flags={"byte_fallback": False, "fuse_unk": False})
    yield piece("no_unknown", replace(" ", "▁"), flags={"byte_fallback": False, "unk_token": None})
    yield piece("prepend_added", seq("normalizers", {"type": "Prepend", "prepend": "▁"}, replace(" ", "▁")),
                tokens=[added("the", normalized=True), added("[INST]"), added("é", normalized=True)])


def texts(seed, count):
    rng = random.Random(seed)
    out = ["", " ", "a", "  the  ing\n", "é the. e.e. e ee", "HTTPServer's it'LL 12345\u00b2", "\ua7cb\U00010d50\U0002ebf0 new", "½²_x\u24b6"]
    new = [chr(c) for c in (0x1C89, 0x10D4A, 0x2EBF0, 0x1E4F0, 0x897, 0x11F50, 0x200D, 0x24B6, 0x3007, 0x30FC, 0x661)]
    while len(out) < count:
        parts = [fragment(rng) for _ in range(rng.randint(1, 6))]
        if rng.random() < 0.3:
            parts.insert(rng.randint(0, len(parts)), rng.choice(new + ODD + SPACES))
        out.append("".join(parts)[:80])
    return out


def build(base, stages, flags):
    model = {"type": "BPE", "dropout": None, "unk_token": "<unk>" if base is not BASES["byte"] else None,
             "continuing_subword_prefix": None, "end_of_word_suffix": None, "fuse_unk": False, "byte_fallback": False,
             "ignore_merges": False, **flags, "vocab": "@VOCAB@", "merges": "@MERGES@"}
    fresh = len(base["vocab"])
    for token in stages["added_tokens"]:
        token["id"] = base["vocab"].get(token["content"], fresh)
        fresh += token["id"] == fresh
    spec = {"version": "1.0", "truncation": None, "padding": None, **stages, "model": model}
    source = json.dumps(spec, ensure_ascii=False, separators=(",", ":"))
    for key, name in (("vocab", '"@VOCAB@"'), ("merges", '"@MERGES@"')):
        source = source.replace(name, json.dumps(base[key], ensure_ascii=False))
    return spec, Tokenizer.from_str(source)


def encode(tok, text):
    """The ids; None where the reference panics (an added token swallows white space that is another added token)."""
    try:
        return tok.encode(text, add_special_tokens=False).ids
    except BaseException as e:
        if type(e).__name__ != "PanicException":
            raise
        return None


def random_ids(rng, tok, base):
    """Sequences that no text encodes to; where bytes fall back, without loose bytes (Hugging Face counts those otherwise)."""
    ids = [i for t, i in tok.get_vocab().items() if base == "byte" or not t.startswith("<0x")]
    return [[rng.choice(ids) for _ in range(rng.randint(1, 12))] for _ in range(12)]


def main():
    seed, count, file = (int(sys.argv[1]), int(sys.argv[2]), Path(sys.argv[3])) if len(sys.argv) > 3 else (11, 130, HERE / "pipelines.json")
    lines = texts(seed, count)
    rng = random.Random(seed)
    rows = []
    for name, base, stages, flags in pipelines():
        spec, tok = build(BASES[base], stages, flags)
        ids = [encode(tok, t) for t in lines]
        decoded = [None if i is None or (d := tok.decode(i)) == t else d for t, i in zip(lines, ids)]
        loose = [{"ids": i, "text": tok.decode(i), "all": tok.decode(i, skip_special_tokens=False)}
                 for i in random_ids(rng, tok, base)]
        wrapped = tok.encode("the end", add_special_tokens=True).ids
        rows.append({"name": name, "base": base, "tokenizer": json.dumps(spec, ensure_ascii=False, separators=(",", ":")),
                     "ids": ids, "decoded": decoded, "loose": loose, "wrapped": wrapped})
    out = {"tokenizers": tokenizers.__version__, "texts": lines, "pipelines": rows,
           "bases": {n: {k: json.dumps(v, ensure_ascii=False, separators=(",", ":")) for k, v in b.items()} for n, b in BASES.items()}}
    file.write_text(json.dumps(out, separators=(",", ":")) + "\n")
    print(len(rows), "pipelines", file.stat().st_size, "bytes")


BASES = bases()

if __name__ == "__main__":
    main()
