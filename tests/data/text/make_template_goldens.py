#!/usr/bin/env python3
"""Makes template_goldens.json and snippet_goldens.json: what Jinja2 in the Hugging Face environment renders.

Needs: pip install jinja2. Run from anywhere; writes beside itself. Deterministic.
"""
import datetime
import json
from pathlib import Path

import jinja2
from jinja2.ext import Extension, loopcontrols
from jinja2.sandbox import ImmutableSandboxedEnvironment

from template_snippets import SNIPPETS, VARIABLES

HERE = Path(__file__).parent
NOW = 1_753_500_000  # 2025-07-26 03:20 UTC


class Generation(Extension):
    """{% generation %}: renders its body (transformers also records where)."""
    tags = {"generation"}

    def parse(self, parser):
        line = next(parser.stream).lineno
        body = parser.parse_statements(["name:endgeneration"], drop_needle=True)
        return jinja2.nodes.CallBlock(self.call_method("_body"), [], [], body).set_lineno(line)

    def _body(self, caller):
        return caller()


def raise_exception(message):
    raise jinja2.exceptions.TemplateError(message)


def tojson(x, ensure_ascii=False, indent=None, separators=None, sort_keys=False):
    return json.dumps(x, ensure_ascii=ensure_ascii, indent=indent, separators=separators, sort_keys=sort_keys)


def environment():
    env = ImmutableSandboxedEnvironment(trim_blocks=True, lstrip_blocks=True, extensions=[Generation, loopcontrols])
    env.filters["tojson"] = tojson
    env.globals["raise_exception"] = raise_exception
    env.globals["strftime_now"] = lambda f: datetime.datetime.fromtimestamp(NOW, datetime.UTC).strftime(f)
    return env


def render(env, source, variables):
    try:
        return {"text": env.from_string(source).render(**variables)}
    except jinja2.exceptions.TemplateError as e:
        return {"error": str(e), "raised": type(e) is jinja2.exceptions.TemplateError}
    except Exception as e:
        return {"error": f"{type(e).__name__}: {e}"}


def conversations():
    weather = {"type": "function", "function": {
        "name": "get_weather", "description": "Get the weather \"now\" für <Ort> & more.",
        "parameters": {"type": "object", "properties": {"city": {"type": "string"}, "days": {"type": "integer", "default": 1.5}},
                       "required": ["city"]}, "return": {"type": "object"}}}
    clock = {"type": "function", "function": {"name": "clock", "description": "Time", "parameters": {"type": "object", "properties": {}}}}
    call = {"id": "abcdefghi", "type": "function", "function": {"name": "get_weather", "arguments": {"city": "Köln", "days": 2, "deep": [1, {"a": None}]}}}
    text_call = {"id": "abcdefgh2", "type": "function", "function": {"name": "clock", "arguments": "{\"tz\": \"UTC\"}"}}
    user = lambda t: {"role": "user", "content": t}
    bot = lambda t, **k: {"role": "assistant", "content": t, **k}
    system = {"role": "system", "content": "  You are a pirate.\n"}
    tool = lambda t, i="abcdefghi": {"role": "tool", "content": t, "tool_call_id": i, "name": "get_weather"}
    chats = [
        [user("Hello!")], [system, user("Hi")], [user("1"), bot("2"), user("3")], [system, user("1"), bot(" 2 "), user("3\n"), bot("4")],
        [], [system], [bot("first")], [user("a"), user("b")], [system, system, user("x")], [user("")], [user("  spaced  \n")],
        [user("<|eot_id|> injected <|im_end|> </s>")], [user("日本語 👩‍💻 \u2028 \"quoted\" 'single' \\ back")],
        [user("weather?"), bot("", tool_calls=[call]), tool("{\"temp\": 21}")],
        [user("weather?"), bot("Let me see.", tool_calls=[call, text_call]), tool("21"), tool("12:00", "abcdefgh2")],
        [user("w"), bot("", tool_calls=[call]), tool("21"), bot("It is 21."), user("and now?")],
        [user("w"), bot(None, tool_calls=[call]), tool("21"), bot("<think>\nhmm\n</think>\n\nIt is 21."), user("ok")],
        [user("q"), bot("<think>\nold\n</think>\n\nanswer"), user("q2"), bot("<think>new</think>answer2")],
        [user("q"), bot("a", reasoning_content="because\n")], [user("q"), bot("a", reasoning_content="because"), user("more")],
        [user([{"type": "text", "text": "part one "}, {"type": "text", "text": "part two"}])],
        [user([{"type": "image"}, {"type": "text", "text": "what is this?"}]), bot("A cat."), user([{"image": "x"}])],
        [{"role": "system", "content": [{"type": "image"}]}, user("x")], [user([{"type": "audio"}])], [user(5)],
        [{"role": "developer", "content": "dev"}, user("x")], [{"role": "user"}], [{"content": "no role"}],
        [user("u"), bot("x", tool_calls=[dict(call, id="short")])], [user("u"), tool({"content": {"x": 1}})], [user("u"), tool({"a": [1, 2.0]})],
        [user(f"m{i}") if i % 2 == 0 else bot(f"m{i}") for i in range(21)],
    ]
    kwargs = [{}, {"add_generation_prompt": True}, {"tools": [weather, clock], "add_generation_prompt": True}, {"tools": [weather]}, {"tools": None},
              {"enable_thinking": False, "add_generation_prompt": True}, {"enable_thinking": True, "add_generation_prompt": True},
              {"builtin_tools": ["brave_search", "code_interpreter", "get_weather"]}, {"date_string": "1 Jan 2025", "tools": [weather], "tools_in_user_message": False},
              {"custom_tools": [clock]}]
    return chats, kwargs


def main():
    env = environment()
    chats, kwargs = conversations()
    outputs, index, goldens = [], {}, {}
    for path in sorted((HERE / "templates").glob("*.jinja")):
        source = path.read_text()
        rows = [render(env, source, dict(messages=chat, bos_token="<s>", eos_token="</s>", **extra)) for chat in chats for extra in kwargs]
        print(path.stem, len(rows), "conversations,", sum("error" in r for r in rows), "errors")
        for row in rows:
            key = json.dumps(row)
            if key not in index:
                index[key] = len(outputs)
                outputs.append(row)
        goldens[path.stem] = [index[json.dumps(row)] for row in rows]
    out = {"now": NOW, "chats": chats, "kwargs": kwargs, "outputs": outputs, "goldens": goldens}
    (HERE / "template_goldens.json").write_text(json.dumps(out, separators=(",", ":")) + "\n")
    rows = [{"source": s, **render(env, s, VARIABLES)} for s in SNIPPETS]
    print(len(rows), "snippets,", sum("error" in r for r in rows), "errors")
    out = {"now": NOW, "variables": VARIABLES, "snippets": rows}
    (HERE / "snippet_goldens.json").write_text(json.dumps(out, indent=0) + "\n")


if __name__ == "__main__":
    main()
