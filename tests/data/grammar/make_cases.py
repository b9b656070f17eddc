#!/usr/bin/env python3
"""Writes cases.json: texts each grammar must accept or reject.

The oracle is jsonschema (Draft 2020-12, with formats) for schemas and re.fullmatch (ASCII) for expressions. Accepted
texts are also written the way the grammar writes JSON: members in the schema's order, at most one space after , and :.
"""
import json
import pathlib
import re

from jsonschema import Draft202012Validator, FormatChecker

CHECKER = FormatChecker(["date", "ipv4"])

SCHEMAS = {
    "flat object": (
        {"type": "object", "properties": {"name": {"type": "string"}, "age": {"type": "integer", "minimum": 0},
                                          "tags": {"type": "array", "items": {"type": "string"}}},
         "required": ["name", "age"], "additionalProperties": False},
        [{"name": "Ann", "age": 3}, {"name": "", "age": 0, "tags": []}, {"name": "é\"\\\n", "age": 120, "tags": ["a", "b"]}],
        [{"name": "Ann"}, {"name": "Ann", "age": -1}, {"name": 3, "age": 1}, {"name": "a", "age": 1, "x": 2},
         {"name": "a", "age": 1, "tags": [1]}, {}, [], "text"]),
    "all optional": (
        {"type": "object", "properties": {"a": {"type": "integer"}, "b": {"type": "boolean"}, "c": {"type": "null"}},
         "additionalProperties": False},
        [{}, {"a": 1}, {"b": True}, {"c": None}, {"a": -5, "c": None}, {"b": False, "c": None}, {"a": 0, "b": True, "c": None}],
        [{"a": 1.5}, {"d": 1}, {"b": 1}, {"a": None}]),
    "additional members": (
        {"type": "object", "properties": {"id": {"type": "integer"}}, "required": ["id"],
         "additionalProperties": {"type": "string"}},
        [{"id": 1}, {"id": 1, "x": "y"}, {"id": 1, "ids": "z", "i": "", "": "empty", "é": "ü"}],
        [{"id": "1"}, {"id": 1, "x": 2}, {"x": "y"}]),
    "map": (
        {"type": "object", "additionalProperties": {"type": "array", "items": {"type": "number"}}},
        [{}, {"a": []}, {"a": [1, 2.5, -3e10], "b": [0.25]}],
        [{"a": 1}, {"a": ["1"]}, []]),
    "enum and const": (
        {"type": "object", "properties": {"unit": {"enum": ["celsius", "fahrenheit", None, 3]}, "kind": {"const": {"a": [1, "x"]}}},
         "required": ["unit", "kind"], "additionalProperties": False},
        [{"unit": "celsius", "kind": {"a": [1, "x"]}}, {"unit": None, "kind": {"a": [1, "x"]}}, {"unit": 3, "kind": {"a": [1, "x"]}}],
        [{"unit": "kelvin", "kind": {"a": [1, "x"]}}, {"unit": "celsius", "kind": {"a": [1]}}, {"unit": 4, "kind": {"a": [1, "x"]}}]),
    "typed enum": ({"type": "string", "enum": ["a", "bb", 3]}, ["a", "bb"], [3, "b", ""]),
    "bounded array": (
        {"type": "array", "items": {"type": "integer", "minimum": -3, "maximum": 12}, "minItems": 2, "maxItems": 4},
        [[1, 2], [-3, 12, 0], [10, 11, 9, -1]],
        [[1], [1, 2, 3, 4, 5], [13, 1], [-4, 1], [], [1, "2"]]),
    "tuple": (
        {"type": "array", "prefixItems": [{"type": "string"}, {"type": "integer"}, {"type": "boolean"}], "items": False, "minItems": 1},
        [["a"], ["a", 1], ["a", 1, True]],
        [[], [1], ["a", "b"], ["a", 1, True, 1], ["a", 1, 2]]),
    "tuple with rest": (
        {"type": "array", "prefixItems": [{"type": "string"}], "items": {"type": "integer"}, "maxItems": 3},
        [[], ["a"], ["a", 1], ["a", 1, 2]],
        [[1], ["a", "b"], ["a", 1, 2, 3]]),
    "string lengths": (
        {"type": "string", "minLength": 2, "maxLength": 5},
        ["ab", "abcde", "äöüé", "日本", "\U0001f600\U0001f600", "a\"\\\n/"],
        ["a", "", "abcdef", "日本語日本語", 12]),
    "pattern": (
        {"type": "string", "pattern": "^[A-Z]{2}-\\d{3,4}$"},
        ["AB-123", "ZZ-0000"],
        ["AB-12", "ab-123", "AB-12345", "xAB-123", "AB-123x", ""]),
    "pattern somewhere": (
        {"type": "string", "pattern": "foo|^bar"},
        ["foo", "a foo b", "bar", "barn", "bar foo", "\n\"foo"],
        ["fo", "a bar", "", "FOO"]),
    "pattern and length": (
        {"type": "string", "pattern": "^a*b+$", "minLength": 3, "maxLength": 5},
        ["aab", "bbb", "abbbb", "aaaab"],
        ["ab", "aaaabb", "aaa", "ba", "abc"]),
    "formats": (
        {"type": "object", "properties": {"d": {"type": "string", "format": "date"}, "ip": {"type": "string", "format": "ipv4"}},
         "additionalProperties": False},
        [{"d": "2024-02-28"}, {"d": "1999-12-31", "ip": "192.168.0.1"}, {"ip": "255.255.255.255"}],
        [{"d": "2024-13-01"}, {"d": "2023-04-31"}, {"d": "24-01-01"}, {"ip": "256.1.1.1"}, {"ip": "1.2.3"}, {"d": "2023-02-30"}]),
    "integer ranges": (
        {"type": "array", "items": {"type": "integer", "exclusiveMinimum": -105, "maximum": 2048}},
        [[-104, 2048, 0, 99, 100, 101, 999, 1000, 1999, 2000, 2047], [-1, -9, -10, -99, -100]],
        [[-105], [2049], [3000], [-1000], [10000], [1.5]]),
    "open integer": ({"type": "integer", "minimum": 37}, [37, 38, 40, 99, 100, 12345678901234], [36, 0, -37, 7, 4]),
    "number ranges": (
        {"type": "array", "items": {"type": "number", "exclusiveMinimum": 0, "maximum": 100}},
        [[0.5, 100, 1, 99.999, 100.0, 0.001], [50]],
        [[0], [0.0], [-0.5], [100.5], [101], [1000]]),
    "number below zero": ({"type": "number", "maximum": -2}, [-2, -2.5, -10, -2.0, -1999.25], [-1.5, 0, 2, -1]),
    "numbers": ({"type": "array", "items": {"type": "number"}}, [[0, -1, 1.5, 1e10, -2.5e-7, 123456789]], [["1"], [True], [None]]),
    "list of types": ({"type": ["string", "null", "integer"]}, ["x", None, 5], [1.5, True, [], {}]),
    "anyOf": (
        {"anyOf": [{"type": "string", "maxLength": 2}, {"type": "integer"}, {"type": "array", "items": {"type": "null"}}]},
        ["ab", 3, [], [None, None]],
        ["abc", 1.5, [1], {}]),
    "anyOf of objects": (
        {"anyOf": [{"type": "object", "properties": {"a": {"type": "integer"}}, "required": ["a"], "additionalProperties": False},
                   {"type": "object", "properties": {"a": {"type": "string"}, "b": {"type": "null"}}, "required": ["a", "b"],
                    "additionalProperties": False}]},
        [{"a": 1}, {"a": "x", "b": None}],
        [{"a": "x"}, {"a": 1, "b": None}, {"b": None}, {}]),
    "oneOf by constant": (
        {"oneOf": [{"type": "object", "properties": {"kind": {"const": "cat"}, "lives": {"type": "integer"}}, "required": ["kind", "lives"],
                    "additionalProperties": False},
                   {"type": "object", "properties": {"kind": {"const": "dog"}, "good": {"type": "boolean"}}, "required": ["kind"],
                    "additionalProperties": False}]},
        [{"kind": "cat", "lives": 9}, {"kind": "dog"}, {"kind": "dog", "good": True}],
        [{"kind": "cat"}, {"kind": "cow"}, {"kind": "dog", "lives": 9}]),
    "oneOf by type": ({"oneOf": [{"type": "string"}, {"type": "number"}]}, ["a", 1.5], [None, []]),
    "allOf": (
        {"allOf": [{"type": "object", "properties": {"a": {"type": "number"}}, "required": ["a"]},
                   {"properties": {"a": {"type": "integer", "minimum": 3}, "b": {"type": "string"}}, "required": ["b"]}],
         "additionalProperties": False, "properties": {"a": True, "b": True}},
        [{"a": 3, "b": "x"}, {"a": 40, "b": ""}],
        [{"a": 2, "b": "x"}, {"a": 3.5, "b": "x"}, {"a": 3}, {"b": "x"}, {"a": 3, "b": "x", "c": 1}]),
    "definitions": (
        {"type": "object", "properties": {"from": {"$ref": "#/$defs/point"}, "to": {"$ref": "#/$defs/point"}},
         "required": ["from", "to"], "additionalProperties": False,
         "$defs": {"point": {"type": "array", "items": {"type": "integer"}, "minItems": 2, "maxItems": 2}}},
        [{"from": [0, 1], "to": [-1, 20]}],
        [{"from": [0], "to": [1, 2]}, {"from": [0, 1]}]),
    "recursive tree": (
        {"$ref": "#/$defs/node",
         "$defs": {"node": {"type": "object", "properties": {"value": {"type": "integer"},
                                                              "children": {"type": "array", "items": {"$ref": "#/$defs/node"}}},
                            "required": ["value"], "additionalProperties": False}}},
        [{"value": 1}, {"value": 1, "children": []}, {"value": 1, "children": [{"value": 2}, {"value": 3, "children": [{"value": 4}]}]}],
        [{"children": []}, {"value": 1, "children": [{}]}, {"value": 1, "children": [{"value": "x"}]}]),
    "recursive list": (
        {"type": "object", "properties": {"head": {"type": "boolean"}, "tail": {"anyOf": [{"$ref": "#"}, {"type": "null"}]}},
         "required": ["head", "tail"], "additionalProperties": False},
        [{"head": True, "tail": None}, {"head": True, "tail": {"head": False, "tail": {"head": True, "tail": None}}}],
        [{"head": True}, {"head": True, "tail": {"head": True}}, {"head": True, "tail": []}]),
    "wrapped reference": (
        {"type": "object", "properties": {"next": {"allOf": [{"$ref": "#"}], "description": "more"}, "n": {"type": "integer"}},
         "required": ["n"], "additionalProperties": False},
        [{"n": 1}, {"next": {"next": {"n": 3}, "n": 2}, "n": 1}],
        [{"next": {}, "n": 1}, {"next": None, "n": 1}]),
    "anything": (True, [1, "x", None, [], {}, [{"a": [True, {"b": None}]}], {"k": {"l": []}}], []),
    "any object": ({"type": "object"}, [{}, {"a": 1, "b": [1, "x", {"c": None}]}], [[], 1, "x"]),
    "odd keys": (
        {"type": "object", "properties": {"a\"b": {"type": "integer"}, "ü/~": {"type": "null"}, "": {"type": "boolean"}},
         "additionalProperties": False},
        [{"a\"b": 1, "ü/~": None, "": True}, {"": False}],
        [{"ab": 1}, {"ü": None}]),
    "annotations": (
        {"$schema": "https://json-schema.org/draft/2020-12/schema", "$id": "https://example.com/x", "title": "T", "description": "D",
         "type": "object", "properties": {"a": {"type": "string", "default": "x", "examples": ["y"], "deprecated": True}},
         "required": ["a"], "additionalProperties": False, "x-order": 1},
        [{"a": ""}], [{}]),
}

REFUSED = [
    ({"type": "object", "patternProperties": {"^a": {}}}, "/patternProperties"),
    ({"type": "array", "uniqueItems": True}, "/uniqueItems"),
    ({"type": "object", "properties": {"a": {"not": {}}}}, "/properties/a/not"),
    ({"type": "integer", "multipleOf": 3}, "/multipleOf"),
    ({"type": "string", "format": "uri-template"}, "/format"),
    ({"type": "string", "pattern": "a(?=b)"}, "/pattern"),
    ({"type": "string", "pattern": "(a)\\1"}, "/pattern"),
    ({"if": {}, "then": {}}, "/if"),
    ({"type": "object", "properties": {"x~y/z": {"typo": 1}}}, "/properties/x~0y~1z/typo"),
    ({"$ref": "https://example.com/schema"}, "/$ref"),
    ({"$ref": "#/$defs/none"}, "/$ref"),
    ({"$ref": "#"}, ""),
    ({"anyOf": [{"$ref": "#"}, {"type": "null"}]}, ""),
    ({"type": "object", "properties": {"a": {"$ref": "#"}}, "required": ["a"]}, ""),
    ({"type": "strin"}, "/type"),
    ({"type": 3}, "/type"),
    ({"enum": []}, "/enum"),
    ({"type": "string", "enum": ["a"], "minLength": 1}, "/minLength"),
    ({"type": "string", "minLength": -1}, "/minLength"),
    ({"type": "string", "minLength": 5, "maxLength": 4}, ""),
    ({"type": "number", "minimum": 0.5}, "/minimum"),
    ({"type": "integer", "minimum": "1"}, "/minimum"),
    ({"oneOf": [{"type": "integer"}, {"type": "number"}]}, "/oneOf"),
    ({"oneOf": [{"type": "object", "properties": {"a": {}}}, {"type": "object", "properties": {"b": {}}}]}, "/oneOf"),
    ({"allOf": [{"type": "string"}, {"type": "integer"}]}, ""),
    ({"anyOf": []}, "/anyOf"),
    ({"type": "object", "properties": []}, "/properties"),
    ({"type": "object", "required": "a"}, "/required"),
    ({"type": "object", "minProperties": 2}, "/minProperties"),
    ({"type": "array", "items": 3}, "/items"),
    ({"type": "object", "properties": {"a": False}, "required": ["a"]}, ""),
    ({"type": "object", "required": ["a"], "additionalProperties": False}, ""),
    ({"type": "string", "maxLength": 500000}, ""),
    (3, ""),
]

REGEXES = {
    "abc": ["abc"], "a|bc|": ["a", "bc", ""], "(?:ab)+c?": ["ab", "ababc"], "[a-c]{2,3}": ["ab", "cab"],
    "[^a-c\\n]x": ["dx", "éx", "日x", "\U0001f600x"], "\\d+\\.\\d{2}": ["3.14", "0.00"], "^(yes|no)$": ["yes", "no"],
    "a.c": ["abc", "aéc", "a c"], "(?P<word>\\w+)\\s(?<next>\\w*)": ["hello world", "x\t"], "[\\w.-]+@[\\w-]+": ["a.b-c@d"],
    "x{0}y{3}": ["yyy"], "é+ü?": ["é", "ééü"], "[\\]\\-x]+": ["]-x"], "\\u00e9\\x41\\/": ["éA/"], "(a*)*b": ["b", "aaab"],
    "((a|b)(c|d))*?e": ["e", "acbde"], "\\[\\{\\}\\]\\.\\*\\+\\?\\(\\)\\|\\^\\$\\\\": ["[{}].*+?()|^$\\"],
    "[À-ÿ]{2}": ["éü"], "[\U0001f600-\U0001f64f]": ["\U0001f605"], "\\D\\W\\S": ["a-b", "é é"], "[+-]?\\d{1,3}(,\\d{3})*": ["-1,234,567", "12"],
}
PROBES = ["", "a", "b", "ab", "abc", "abcd", "ac", "bc", "c", "cab", "dx", "x", "xx", "yy", "yyy", "yyyy", "é", "ü", "éé", "éü", "3.1", "3.14",
          "yes", "no", "yesno", "hello world", "hello  world", "]-x", "éA/", "e", "ace", "acbde", "12", "1,23", "+1,234", "1234", "a\nc", "aé", "\U0001f605",
          "\U0001f650", "-", "a-b", "aaab", "ba", "日x"]
BAD_REGEXES = ["(", ")", "a)", "[a", "[b-a]", "*a", "a**", "a{2,1}", "a{", "\\", "\\b", "(?=a)", "(?!a)", "(?<=a)b", "\\1", "\\p{L}", "a$b", "a^b", "(?i)a",
               "a{1000000}", "\\u12", "\\ud800", "(a{1000}){1000}", "a++", "(?<name", "(?P=x)", "{1}"]


def spellings(value):
    return [json.dumps(value, ensure_ascii=False, separators=(",", ":")), json.dumps(value, ensure_ascii=False),
            json.dumps(value, ensure_ascii=False, separators=(", ", ":"))]


def main():
    cases = []
    for name, (schema, good, bad) in SCHEMAS.items():
        validator = Draft202012Validator(schema, format_checker=CHECKER)
        for value in good:
            assert validator.is_valid(value), (name, value)
        for value in bad:
            assert not validator.is_valid(value), (name, value)
        accept = [text for value in good for text in spellings(value)]
        reject = [text for value in bad for text in spellings(value)]
        # No JSON, or JSON with white space the grammar does not write.
        reject += [t + " " for t in accept[:1]] + [" " + t for t in accept[:1]] + [t[:-1] for t in accept if t[-1] in '"}]'][:2] + ["", "nul", "{,}"]
        if isinstance(good[0], dict) and good[0]:
            reject.append(json.dumps(good[0], indent=1))
        cases.append({"name": name, "kind": "json_schema", "source": json.dumps(schema), "accept": sorted(set(accept)),
                      "reject": sorted(set(reject) - set(accept))})
    for pattern, good in REGEXES.items():
        compiled = re.compile(re.sub(r"\(\?<(\w)", r"(?P<\1", pattern), re.ASCII)
        for text in good:
            assert compiled.fullmatch(text), (pattern, text)
        texts = good + PROBES
        cases.append({"name": pattern, "kind": "regex", "source": pattern,
                      "accept": sorted({t for t in texts if compiled.fullmatch(t)}),
                      "reject": sorted({t for t in texts if not compiled.fullmatch(t)})})
    cases.append({"name": "choice", "kind": "choice", "source": json.dumps(["yes", "no", "not sure", "ja, é"]),
                  "accept": ["yes", "no", "not sure", "ja, é"], "reject": ["", "y", "not", "yes ", "maybe"]})
    cases.append({"name": "json object", "kind": "json_object", "source": "",
                  "accept": [t for v in [{}, {"a": 1}, {"a": {"b": [1, 2, {"c": "d"}]}, "e": None}] for t in spellings(v)]
                            + ['{"a":"\\u00e9\\ud83d\\ude00\\n\\/"}'],
                  "reject": ["[]", "1", "", "{", '{"a"}', '{"a":1,}', '{a:1}', '{"a":01}', '{"a":"\\ud83d"}', '{"a":"\\x"}', '{"a": 1 }', '{"a":  1}',
                             '{"a":1}{', '{"a":.5}', '{"a":1.}', '{"a":+1}', '{"a":"\n"}']})
    refused = [{"source": json.dumps(schema), "at": at} for schema, at in REFUSED]
    out = {"cases": cases, "refused": refused, "bad_regexes": BAD_REGEXES}
    path = pathlib.Path(__file__).with_name("cases.json")
    path.write_text(json.dumps(out, indent=1, ensure_ascii=True) + "\n")
    print(len(cases), "cases")


if __name__ == "__main__":
    main()
