"""openai-python with asyncio: many at once, cancellation, retries."""
import asyncio
import time

import httpx
import openai
import pytest
from conftest import MODEL, user


def run(coroutine, timeout=240):
    return asyncio.run(asyncio.wait_for(coroutine, timeout))


def test_two_hundred_tasks_get_the_answers_one_would_get(cluster):
    async def scenario():
        limits = httpx.Limits(max_connections=200, max_keepalive_connections=200)
        async with cluster.async_client(http_client=httpx.AsyncClient(limits=limits, timeout=200)) as client:
            async def ask(i):
                options = dict(model=MODEL, messages=user(f"Number {i % 10}?"), max_tokens=8, temperature=0)
                if i % 2:
                    return (await client.chat.completions.create(**options)).choices[0].message.content
                stream = await client.chat.completions.create(**options, stream=True)
                return "".join([c.choices[0].delta.content or "" async for c in stream])

            alone = [await ask(i) for i in range(10)]
            return alone, await asyncio.gather(*(ask(i) for i in range(200)))

    alone, answers = run(scenario())
    assert answers == [alone[i % 10] for i in range(200)]


def test_cancelled_tasks_leave_the_server_idle(cluster):
    async def scenario():
        async with cluster.async_client() as client:
            async def endless():
                stream = await client.completions.create(model=MODEL, prompt="x", max_tokens=400, stream=True,
                                                         extra_body={"ignore_eos": True})
                async for _ in stream:
                    pass

            tasks = [asyncio.create_task(endless()) for _ in range(16)]
            await asyncio.sleep(0.3)
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

    run(scenario())
    deadline = time.monotonic() + 20
    while "\nbaton_requests_in_flight 0\n" not in cluster.get("/metrics")[1]:
        assert time.monotonic() < deadline, cluster.get("/metrics")[1]
        time.sleep(0.05)


async def occupy(narrow, client):
    """One request in the only slot and one in the only place of the queue, both of many tokens."""
    options = dict(model=MODEL, prompt="x", max_tokens=900, extra_body={"ignore_eos": True})
    while True:
        running = await client.completions.create(**options, stream=True)
        await anext(running)
        waiting = asyncio.create_task(client.completions.create(**options))
        for _ in range(50):
            await asyncio.sleep(0.01)
            if 'baton_queue_requests{shard="0"} 1' in await asyncio.to_thread(lambda: narrow.get("/metrics")[1]):
                return running, waiting
        waiting.cancel()  # the first one ended too soon
        await running.close()


def overload(narrow, scenario):
    """Runs `scenario(client)` against a server that is full."""
    async def body():
        async with narrow.async_client() as client:
            running, waiting = await occupy(narrow, client)
            try:
                return await scenario(client)
            finally:
                waiting.cancel()
                await running.close()

    return run(body())


def test_an_overloaded_server_raises_rate_limit_error_with_a_delay(narrow):
    async def scenario(client):
        with pytest.raises(openai.RateLimitError) as caught:
            await client.completions.create(model=MODEL, prompt="y", max_tokens=1)
        return caught.value

    error = overload(narrow, scenario)
    assert error.status_code == 429 and error.code == "server_overloaded"
    assert 1 <= int(error.response.headers["retry-after"]) <= 120


def test_the_client_retries_429_until_there_is_room(narrow):
    async def scenario(client):
        patient = client.with_options(max_retries=10)
        return await patient.completions.create(model=MODEL, prompt="y", max_tokens=1)

    assert overload(narrow, scenario).choices


def test_the_client_retries_503_after_the_delay_it_is_told(cluster):
    """A proxy that refuses the first two requests as a draining router does."""
    seen = []

    def refuse_twice(request):
        seen.append((time.monotonic(), request.headers.get("x-stainless-retry-count")))
        if len(seen) <= 2:
            error = {"message": "draining", "type": "service_unavailable", "param": None, "code": "draining"}
            return httpx.Response(503, headers={"retry-after": "1"}, json={"error": error})
        return httpx.post(str(request.url), content=request.content, headers={"content-type": "application/json"}, timeout=60)

    client = cluster.client(max_retries=2, http_client=httpx.Client(transport=httpx.MockTransport(refuse_twice)))
    assert client.completions.create(model=MODEL, prompt="y", max_tokens=1).choices
    assert [count for _, count in seen] == ["0", "1", "2"] and seen[2][0] - seen[0][0] >= 1.8
