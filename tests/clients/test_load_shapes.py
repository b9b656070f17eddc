"""What load generators send and how strictly they read, re-told over plain sockets: vllm bench, guidellm, aiperf.

Stand-ins, made from those programs' documented and published behaviour; test_load_programs.py runs the real ones where
they are installed.
"""
import asyncio
import json

import httpx
import pytest
from conftest import MODEL, user


async def post_stream(cluster, path, body, headers=()):
    """Status line, headers and the HTTP chunks of an answer, each as the server framed it."""
    host, port = cluster.host.removeprefix("http://").split(":")
    reader, writer = await asyncio.open_connection(host, int(port))
    payload = json.dumps({"model": MODEL, **body}).encode()
    head = [f"POST {path} HTTP/1.1", f"Host: {host}:{port}", "Content-Type: application/json", f"Content-Length: {len(payload)}", *headers]
    writer.write("\r\n".join(head).encode() + b"\r\n\r\n" + payload)
    status, *lines = (await reader.readuntil(b"\r\n\r\n")).decode().strip().split("\r\n")
    fields = {k.lower(): v.strip() for k, v in (line.split(":", 1) for line in lines)}
    chunks = []
    if fields.get("transfer-encoding") == "chunked":
        while size := int((await reader.readuntil(b"\r\n")).strip(), 16):
            chunks.append((await reader.readexactly(size + 2))[:-2])
        await reader.readexactly(2)
    else:
        chunks.append(await reader.readexactly(int(fields["content-length"])))
    writer.close()
    return status, fields, chunks


def events_of(chunks):
    """The JSON of every event; each chunk must consist of whole events, framed as the strictest client wants them."""
    events = []
    for chunk in chunks:
        assert chunk.endswith(b"\n\n") and b"\r" not in chunk
        for event in chunk.decode()[:-2].split("\n\n"):
            assert event.startswith("data: ") and "\n" not in event
            events.append(event[6:])
    assert events[-1] == "[DONE]" and "[DONE]" not in events[:-1]
    return [json.loads(e) for e in events[:-1]]


def run(coroutine):
    return asyncio.run(asyncio.wait_for(coroutine, 120))


def test_vllm_bench_completions(cluster):
    body = {"prompt": "Baton is", "repetition_penalty": 1.0, "max_tokens": 12, "logprobs": None, "stream": True,
            "stream_options": {"include_usage": True}, "ignore_eos": True}
    status, _, chunks = run(post_stream(cluster, "/v1/completions", body))
    assert status == "HTTP/1.1 200 OK"
    events = events_of(chunks)
    assert events[-1]["choices"] == [] and events[-1]["usage"]["completion_tokens"] == 12
    assert events[0]["choices"] and all("text" in e["choices"][0] for e in events[:-1])


def test_vllm_bench_chat(cluster):
    body = {"messages": [{"role": "user", "content": [{"type": "text", "text": "What is Baton?"}]}], "max_completion_tokens": 12,
            "stream": True, "stream_options": {"include_usage": True}, "ignore_eos": True}
    status, _, chunks = run(post_stream(cluster, "/v1/chat/completions", body, ["x-request-id: bench-1"]))
    events = events_of(chunks)
    assert status == "HTTP/1.1 200 OK" and events[-1]["usage"]["completion_tokens"] == 12
    # Time to first token is the first chunk with choices: it must not come before there is a token.
    first = json.loads(chunks[0].decode().split("\n\n")[0][6:])
    assert first["choices"][0]["delta"]["role"] == "assistant"
    assert b'"content":"' in chunks[0].split(b"\n\n", 1)[1]


def test_vllm_bench_reports_the_reason_of_a_refusal(cluster):
    status, fields, chunks = run(post_stream(cluster, "/v1/completions", {"prompt": "x", "max_tokens": -3, "stream": True}))
    assert status == "HTTP/1.1 400 Bad Request" and fields["content-type"].startswith("application/json")
    assert json.loads(chunks[0])["error"]["param"] == "max_tokens"


def test_guidellm(cluster):
    assert cluster.get("/health")[0] == 200
    assert json.loads(cluster.get("/v1/models")[1])["data"][0]["id"] == MODEL
    body = {"messages": user("What is Baton?"), "stream": True, "stop": None, "ignore_eos": True, "max_completion_tokens": 10,
            "stream_options": {"include_usage": True, "continuous_usage_stats": True}}
    with httpx.stream("POST", cluster.base_url + "/chat/completions", json={"model": MODEL, **body}, timeout=60) as answer:
        lines = [line for line in answer.iter_lines() if line]
    assert lines[-1] == "data: [DONE]" and all(line.startswith("data: ") for line in lines)
    events = [json.loads(line[6:]) for line in lines[:-1]]
    assert events[-1]["usage"]["completion_tokens"] == 10
    counts = [e["usage"]["completion_tokens"] for e in events if e["choices"]]
    assert counts == sorted(counts) and counts[-1] == 10
    assert any(e["choices"][0]["delta"].get("content") for e in events if e["choices"])


def test_aiperf(cluster):
    body = {"messages": [{"role": "user", "name": None, "content": "What is Baton?"}], "stream": True, "max_completion_tokens": 10,
            "stream_options": {"include_usage": True}, "ignore_eos": True, "min_tokens": 10}
    headers = ["Accept: text/event-stream", "X-Request-ID: 9c7f", "X-Correlation-ID: 1b2a"]
    _, fields, chunks = run(post_stream(cluster, "/v1/chat/completions", body, headers))
    assert fields["x-request-id"] == "9c7f"
    events = events_of(chunks)
    assert {e["object"] for e in events} == {"chat.completion.chunk"}
    assert all("finish_reason" in e["choices"][0] for e in events if e["choices"])
    assert events[-1]["usage"]["completion_tokens"] == 10


def test_a_paced_load_is_served_completely(cluster):
    """Sixty requests at forty a second, every one whole."""
    body = {"prompt": "Baton is", "max_tokens": 8, "stream": True, "stream_options": {"include_usage": True}, "ignore_eos": True}

    async def scenario():
        async def one(i):
            await asyncio.sleep(i / 40)
            return await post_stream(cluster, "/v1/completions", {**body, "seed": i})

        return await asyncio.gather(*(one(i) for i in range(60)))

    for status, _, chunks in run(scenario()):
        assert status == "HTTP/1.1 200 OK" and events_of(chunks)[-1]["usage"]["completion_tokens"] == 8


@pytest.mark.parametrize("field", ["n", "temperature", "stop", "logprobs", "user", "seed", "tools", "response_format"])
def test_explicit_nulls_are_absent_fields(cluster, field):
    body = {"model": MODEL, "messages": user("x"), "max_tokens": 1, field: None}
    assert httpx.post(cluster.base_url + "/chat/completions", json=body, timeout=60).status_code == 200
