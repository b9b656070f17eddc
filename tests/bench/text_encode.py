#!/usr/bin/env python3
"""The measurement of text_encode.cc with Hugging Face tokenizers, one thread: text_encode.py [tokenizer.json [text file]]."""
import json
import os
import sys
import time
from pathlib import Path

os.environ["TOKENIZERS_PARALLELISM"] = "false"
os.environ["RAYON_NUM_THREADS"] = "1"
from tokenizers import Tokenizer  # noqa: E402

FAMILIES = ("llama3", "qwen25", "tekken", "llama2", "mistral_v3", "gpt2", "other_regex")
DATA = Path(__file__).parent.parent / "data" / "text"


def mixed_text():
    texts = json.loads((DATA / "texts.json").read_text())
    parts, size, i = [], 0, 0
    while size < 1_000_000:
        part = texts[i * 7 % len(texts)] + "\n"
        parts.append(part)
        size += len(part.encode())
        i += 1
    return "".join(parts)


def main():
    files = sys.argv[1:2] or [str(DATA / f"{n}.tokenizer.json") for n in FAMILIES]
    text = Path(sys.argv[2]).read_text() if len(sys.argv) > 2 else mixed_text()
    size = len(text.encode())
    for file in files:
        tok = Tokenizer.from_file(file)
        best = float("inf")
        for _ in range(5):
            start = time.process_time()  # CPU time, as the other side reports: fair on a busy machine
            ids = tok.encode(text, add_special_tokens=False).ids
            best = min(best, time.process_time() - start)
        checksum = 0
        for i in ids:
            checksum = (checksum * 31 + i) & 0xFFFFFFFF
        print(f"{Path(file).name}: {len(ids)} tokens, checksum {checksum}, {best * 1000:.1f} ms, {size / best / 1e6:.2f} MB/s")


if __name__ == "__main__":
    main()
