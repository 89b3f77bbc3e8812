"""Requests for embeddings in Google's shapes read, and their answers written."""

from __future__ import annotations

from contextlib import suppress
from typing import Any

import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.support.openai_clients import ORIGIN, any_json

from trunkline.domain.messages import EmbeddingAsk
from trunkline.domain.money import Usage
from trunkline.gateway.dialect import Asked, UnreadableError
from trunkline.gateway.gemini.embeddings import embeddings_body, read_embeddings
from trunkline.providers.vectors import packed


def content(text: str) -> dict[str, Any]:
    return {"parts": [{"text": text}], "role": "user"}


def read_one(**body: Any) -> Asked:
    return read_embeddings({"content": content("text"), **body}, ORIGIN, model="g/vec", one=True)


def read_list(*requests: Any, **body: Any) -> Asked:
    return read_embeddings({"requests": list(requests), **body}, ORIGIN, model="g/vec", one=False)


def test_one_content_with_what_may_go_with_it() -> None:
    plain = read_one()
    assert (plain.model, plain.shape, plain.chat.embeds) == ("g/vec", True, EmbeddingAsk(("text",)))
    assert (plain.chat.messages, plain.chat.stream, plain.ignored) == ((), False, ())
    asked = read_one(
        model="models/g/vec",
        taskType="RETRIEVAL_DOCUMENT",
        title="Of queues",
        outputDimensionality=8,
        whatever=1,
        labels={"Priority": "low"},
    )
    assert asked.chat.embeds == EmbeddingAsk(("text",), 8, "RETRIEVAL_DOCUMENT", ("Of queues",))
    assert (asked.ignored, asked.said) == (("whatever",), {"priority": "low"})


@pytest.mark.parametrize(
    "body",
    [
        {"task_type": "clustering", "output_dimensionality": 8},
        {"embedContentConfig": {"taskType": "CLUSTERING", "outputDimensionality": 8}},
    ],
)
def test_the_same_wish_is_read_however_it_is_written(body: dict[str, Any]) -> None:
    assert read_one(**body).chat.embeds == EmbeddingAsk(("text",), 8, "CLUSTERING")


def test_a_list_keeps_its_order_and_the_titles_of_some() -> None:
    asked = read_list(
        {"model": "models/g/vec", "content": content("a"), "title": "A"},
        {"model": "models/g/vec", "content": content("b")},
    )
    assert asked.shape is False
    assert asked.chat.embeds == EmbeddingAsk(("a", "b"), None, None, ("A", None))


def test_a_task_type_that_says_nothing_is_none() -> None:
    assert read_one(taskType="TASK_TYPE_UNSPECIFIED").chat.embeds == EmbeddingAsk(("text",))


@pytest.mark.parametrize(
    ("body", "param"),
    [
        ({"content": None}, "content.parts"),
        ({"content": {"parts": []}}, "content.parts"),
        ({"content": content("")}, "content.parts.0.text"),
        ({"content": {"parts": [{"text": "a"}, {"text": "b"}]}}, "content.parts"),
        ({"content": {"parts": [{"inlineData": {"mimeType": "image/png", "data": ""}}]}}, "content.parts"),
        ({"content": "text"}, "content"),
        ({"taskType": "two words"}, "taskType"),
        ({"outputDimensionality": 0}, "outputDimensionality"),
        ({"outputDimensionality": 100_000}, "outputDimensionality"),
        ({"embedContentConfig": {"autoTruncate": True}}, "embedContentConfig.autoTruncate"),
        ({"model": "models/other"}, "model"),
    ],
)
def test_what_is_wrong_is_named(body: dict[str, Any], param: str) -> None:
    with pytest.raises(UnreadableError) as refused:
        read_one(**body)
    assert refused.value.param == param


def test_one_list_is_of_one_kind_and_of_a_bounded_length() -> None:
    one = {"content": content("a")}
    with pytest.raises(UnreadableError, match="must be the same in all of them"):
        read_list(one, one | {"taskType": "CLUSTERING"})
    with pytest.raises(UnreadableError, match="1 to 2048"):
        read_list()
    with pytest.raises(UnreadableError, match="1 to 2048"):
        read_list(*[one] * 2_049)
    with pytest.raises(UnreadableError) as refused:
        read_list(one, {"content": {}})
    assert refused.value.param == "requests.1.content.parts"


@given(
    body=st.dictionaries(
        st.sampled_from(["content", "requests", "taskType", "title", "outputDimensionality", "model"]),
        any_json("text", "parts", "content"),
    ),
    one=st.booleans(),
)
@settings(max_examples=60)
def test_whatever_comes_is_read_or_refused(body: dict[str, Any], one: bool) -> None:
    with suppress(UnreadableError):
        read_embeddings(body, ORIGIN, model="g/vec", one=one)


def test_the_answer_is_one_vector_or_a_list_and_tells_what_was_counted() -> None:
    vectors = packed([[0.5, 1.5], [2.5, 3.5]], 2)
    said = orjson.loads(embeddings_body(False, "g/vec", vectors, Usage(input_tokens=4, output_tokens=0)))
    assert said == {
        "embeddings": [{"values": [0.5, 1.5]}, {"values": [2.5, 3.5]}],
        "usageMetadata": {"promptTokenCount": 4, "totalTokenCount": 4},
    }
    guessed = Usage(input_tokens=4, output_tokens=0, estimated=True)
    assert orjson.loads(embeddings_body(True, "g/vec", vectors[:1], guessed)) == {
        "embedding": {"values": [0.5, 1.5]}
    }
