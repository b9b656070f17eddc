"""LangChain's ChatOpenAI."""
import pytest
from conftest import MODEL
from langchain_core.messages import AIMessage, HumanMessage, SystemMessage
from langchain_openai import ChatOpenAI


@pytest.fixture
def chat(cluster):
    return ChatOpenAI(model=MODEL, base_url=cluster.base_url, api_key="any", temperature=0, max_tokens=12, max_retries=0, timeout=60)


def test_invoke_returns_text_and_usage(chat):
    answer = chat.invoke([SystemMessage("Be brief."), HumanMessage("What is Baton?")])
    assert answer.content and answer.usage_metadata["output_tokens"] <= 12
    assert answer.response_metadata["finish_reason"] in ("stop", "length")


def test_a_conversation_goes_on(chat):
    assert chat.invoke([HumanMessage("One?"), AIMessage("Two."), HumanMessage("Three?")]).content


def test_a_stream_adds_up_to_invoke(chat):
    chunks = list(chat.stream("What is Baton?"))
    assert "".join(c.content for c in chunks) == chat.invoke("What is Baton?").content
    total = chunks[0]
    for chunk in chunks[1:]:
        total += chunk
    assert total.usage_metadata is None or total.usage_metadata["output_tokens"] <= 12


def test_a_batch_keeps_its_order(chat):
    questions = [f"Number {i}?" for i in range(8)]
    answers = chat.batch(questions)
    assert [a.content for a in answers] == [chat.invoke(q).content for q in questions]


def test_several_generations(chat):
    result = chat.bind(n=2, temperature=1, seed=5).generate([[HumanMessage("What is Baton?")]])
    assert len(result.generations[0]) >= 1


def test_bound_tools_are_accepted(chat):
    def get_weather(city: str) -> str:
        """Weather of a city."""
        return "fine in " + city

    answer = chat.bind_tools([get_weather]).invoke("How is the weather in Paris?")
    assert isinstance(answer, AIMessage) and (answer.content or answer.tool_calls)


def test_a_prompt_beyond_the_context_raises(chat):
    with pytest.raises(Exception, match="maximum context length"):
        chat.invoke("word " * 20000)
