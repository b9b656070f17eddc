#!/usr/bin/env python3
"""Writes src/text/unicode_additions.inc: characters that Hugging Face tokenizers (Oniguruma, Unicode 16) puts into a
general category and Unicode 14, the version of Python 3.11 and of PCRE2 10.42, does not know yet.

Needs: pip install tokenizers; a Python whose unicodedata is of version 14 (3.11). Run from anywhere.
"""
import unicodedata
from pathlib import Path

from tokenizers import Regex, pre_tokenizers

ROOT = Path(__file__).parents[3]
EVERYTHING = "".join(chr(c) for c in range(0x110000) if not 0xD800 <= c <= 0xDFFF)


def members(name):
    split = pre_tokenizers.Split(Regex(rf"\p{{{name}}}"), "removed", invert=True)
    return sorted(ord(piece) for piece, _ in split.pre_tokenize_str(EVERYTHING))


def ranges(points):
    out = []
    for c in points:
        if out and out[-1][1] == c - 1:
            out[-1][1] = c
        else:
            out.append([c, c])
    return out


def main():
    assert unicodedata.unidata_version.startswith("14."), unicodedata.unidata_version
    lines = ["// Made by tests/data/text/make_unicode_additions.py: {first, last, category}."]
    for name in ("Lu", "Ll", "Lm", "Lo", "M", "Nd", "Nl", "No", "P", "S"):
        new = [c for c in members(name) if not unicodedata.category(chr(c)).startswith(name)]
        row = [f"{{0x{a:X}, 0x{b:X}, Category::{name.lower()}}}," for a, b in ranges(new)]
        while row:
            line = ""
            while row and len(line) + len(row[0]) < 112:
                line += (" " if line else "") + row.pop(0)
            lines.append(line)
    (ROOT / "src/text/unicode_additions.inc").write_text("\n".join(lines) + "\n")


if __name__ == "__main__":
    main()
