"""openai-python, one thread: every kind of answer, parameters, errors."""
import httpx
import openai
import pytest
from conftest import MODEL, user

QUESTION = user("The secret number is 4817. What is the secret number?")


def test_a_chat_is_answered_with_every_field_typed(client):
    answer = client.chat.completions.create(model=MODEL, messages=QUESTION, max_tokens=16, temperature=0)
    assert answer.object == "chat.completion" and answer.id.startswith("chatcmpl-") and answer.model == MODEL
    choice = answer.choices[0]
    assert choice.index == 0 and choice.message.role == "assistant" and choice.finish_reason in ("stop", "length")
    assert choice.message.content and choice.message.tool_calls is None and choice.message.refusal is None
    assert answer.usage.total_tokens == answer.usage.prompt_tokens + answer.usage.completion_tokens
    assert answer.usage.completion_tokens <= 16 and answer._request_id


def test_a_stream_adds_up_to_the_whole_answer(client):
    options = dict(model=MODEL, messages=QUESTION, max_completion_tokens=24, temperature=0)
    whole = client.chat.completions.create(**options)
    chunks = list(client.chat.completions.create(**options, stream=True, stream_options={"include_usage": True}))
    assert chunks[0].choices[0].delta.role == "assistant"
    assert len({c.id for c in chunks}) == 1 and {c.object for c in chunks} == {"chat.completion.chunk"}
    assert chunks[-1].choices == [] and chunks[-1].usage == whole.usage
    assert all(c.usage is None for c in chunks[:-1])
    text = "".join(c.choices[0].delta.content or "" for c in chunks[:-1])
    assert text == whole.choices[0].message.content
    assert chunks[-2].choices[0].finish_reason == whole.choices[0].finish_reason


def test_the_stream_helper_assembles_the_message(client):
    options = dict(model=MODEL, messages=QUESTION, max_tokens=12, temperature=0)
    with client.chat.completions.stream(**options) as stream:
        deltas = "".join(e.delta for e in stream if e.type == "content.delta")
        final = stream.get_final_completion()
    assert deltas == final.choices[0].message.content
    assert deltas == client.chat.completions.create(**options).choices[0].message.content


def test_a_stream_can_be_left_early(client):
    with client.chat.completions.create(model=MODEL, messages=QUESTION, max_tokens=400, stream=True,
                                        extra_body={"ignore_eos": True}) as stream:
        for _, _chunk in zip(range(3), stream):
            pass
    assert client.chat.completions.create(model=MODEL, messages=QUESTION, max_tokens=1).choices


def test_content_parts_and_developer_role_are_read(client):
    parts = [{"role": "developer", "content": "Be brief."},
             {"role": "user", "content": [{"type": "text", "text": "What is "}, {"type": "text", "text": "Baton?"}]}]
    assert client.chat.completions.create(model=MODEL, messages=parts, max_tokens=4).choices[0].message.content


@pytest.mark.parametrize("prompt, count", [("Once upon", 1), (["Once", "Twice"], 2), ([5, 6, 7], 1), ([[5, 6], [7]], 2)])
def test_completions_take_text_and_token_ids(client, prompt, count):
    answer = client.completions.create(model=MODEL, prompt=prompt, max_tokens=3, temperature=0)
    assert answer.object == "text_completion" and answer.id.startswith("cmpl-")
    assert [c.index for c in answer.choices] == list(range(count))


def test_a_completion_streams(client):
    options = dict(model=MODEL, prompt="Baton is", max_tokens=8, temperature=0)
    chunks = list(client.completions.create(**options, stream=True))
    assert "".join(c.choices[0].text for c in chunks if c.choices) == client.completions.create(**options).choices[0].text


def test_n_choices_are_numbered_and_seeds_make_them_reproducible(client):
    options = dict(model=MODEL, messages=QUESTION, max_tokens=12, temperature=1.2, n=4, seed=7, extra_body={"ignore_eos": True})
    first = client.chat.completions.create(**options)
    again = client.chat.completions.create(**options)
    texts = [c.message.content for c in first.choices]
    assert [c.index for c in first.choices] == [0, 1, 2, 3] and len(set(texts)) > 1
    assert texts == [c.message.content for c in again.choices]
    other = client.chat.completions.create(**{**options, "seed": 8})
    assert texts != [c.message.content for c in other.choices]


def test_streamed_choices_equal_whole_ones(client):
    options = dict(model=MODEL, messages=QUESTION, max_tokens=10, temperature=1, n=3, seed=3)
    texts = {0: "", 1: "", 2: ""}
    for chunk in client.chat.completions.create(**options, stream=True):
        assert len(chunk.choices) == 1
        texts[chunk.choices[0].index] += chunk.choices[0].delta.content or ""
    assert texts == {c.index: c.message.content for c in client.chat.completions.create(**options).choices}


def test_chat_logprobs_are_sorted_and_belong_to_the_tokens(client):
    answer = client.chat.completions.create(model=MODEL, messages=QUESTION, max_tokens=6, temperature=0, logprobs=True, top_logprobs=5)
    content = answer.choices[0].logprobs.content
    assert 0 < len(content) <= 6
    for entry in content:
        values = [t.logprob for t in entry.top_logprobs]
        assert len(values) == 5 and values == sorted(values, reverse=True)
        assert entry.logprob == values[0] and entry.token == entry.top_logprobs[0].token
    shown = b"".join(bytes(e.bytes) for e in content if e.bytes).decode(errors="replace")
    assert shown.startswith(answer.choices[0].message.content)


def test_completion_logprobs_have_equal_lengths_and_offsets(client):
    answer = client.completions.create(model=MODEL, prompt="Baton is", max_tokens=6, temperature=0, logprobs=3)
    logprobs = answer.choices[0].logprobs
    lengths = {len(x) for x in (logprobs.tokens, logprobs.token_logprobs, logprobs.top_logprobs, logprobs.text_offset)}
    assert len(lengths) == 1 and logprobs.text_offset == sorted(logprobs.text_offset)


def test_stop_strings_end_the_text_before_them(client):
    options = dict(model=MODEL, messages=QUESTION, max_tokens=60, temperature=0)
    text = client.chat.completions.create(**options).choices[0].message.content
    stop = text[len(text) // 2:len(text) // 2 + 3]
    choice = client.chat.completions.create(**options, stop=["\0never", stop]).choices[0]
    assert choice.message.content == text[:text.index(stop)] and choice.finish_reason == "stop"
    pieces = [c.choices[0].delta.content or "" for c in client.chat.completions.create(**options, stop=stop, stream=True)]
    assert "".join(pieces) == choice.message.content


def test_logit_bias_forces_a_token(client):
    answer = client.completions.create(model=MODEL, prompt="x", max_tokens=3, temperature=0, logit_bias={"70": 100})
    assert len(set(answer.choices[0].text)) <= 1 or answer.usage.completion_tokens == 3


def test_raw_responses_carry_headers(client):
    raw = client.chat.completions.with_raw_response.create(model=MODEL, messages=QUESTION, max_tokens=2,
                                                           extra_headers={"x-request-id": "my-id-1"})
    assert raw.status_code == 200 and raw.headers["x-request-id"] == "my-id-1"
    assert raw.headers["content-type"].startswith("application/json") and raw.parse().choices
    with client.chat.completions.with_streaming_response.create(model=MODEL, messages=QUESTION, max_tokens=2, stream=True) as raw:
        assert raw.headers["content-type"].startswith("text/event-stream")
        assert raw.headers["cache-control"] == "no-cache" and "content-length" not in raw.headers
        assert list(raw.iter_lines())[-2:] == ["data: [DONE]", ""]


def test_models_are_listed_and_found_by_a_name_with_a_slash(client):
    models = client.models.list().data
    assert [m.id for m in models] == [MODEL] and models[0].object == "model" and models[0].max_model_len > 0
    assert client.models.retrieve(MODEL).id == MODEL  # the client sends the slash as %2F
    with pytest.raises(openai.NotFoundError):
        client.models.retrieve("no/such")


@pytest.mark.parametrize("change, error, param", [
    ({"temperature": 9}, openai.BadRequestError, "temperature"),
    ({"messages": []}, openai.BadRequestError, "messages"),
    ({"n": 0}, openai.BadRequestError, "n"),
    ({"top_logprobs": 5}, openai.BadRequestError, "top_logprobs"),
    ({"max_tokens": -1}, openai.BadRequestError, "max_tokens"),
    ({"stop": ["a"] * 5}, openai.BadRequestError, "stop"),
    ({"model": "gpt-4"}, openai.NotFoundError, "model"),
])
def test_errors_raise_their_class_and_name_the_field(client, change, error, param):
    with pytest.raises(error) as caught:
        client.chat.completions.create(**{"model": MODEL, "messages": QUESTION, **change})
    assert caught.value.param == param and caught.value.message and caught.value.type
    assert caught.value.request_id


def test_a_prompt_beyond_the_context_is_named_so(client):
    with pytest.raises(openai.BadRequestError) as caught:
        client.chat.completions.create(model=MODEL, messages=user("word " * 20000))
    assert caught.value.code == "context_length_exceeded" and "maximum context length" in caught.value.message


def test_a_broken_body_and_an_unknown_path_have_the_envelope(cluster):
    broken = httpx.post(cluster.base_url + "/chat/completions", content="{", headers={"content-type": "application/json"})
    assert broken.status_code == 400 and set(broken.json()["error"]) == {"message", "type", "param", "code"}
    assert httpx.get(cluster.base_url + "/nothing").json()["error"]["message"]
