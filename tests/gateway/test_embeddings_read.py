"""Requests for embeddings read, and their answer written."""

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
from trunkline.gateway.embeddings import embeddings_body, read_embeddings
from trunkline.providers.vectors import packed


def read(**body: Any) -> Asked:
    return read_embeddings({"model": "vec", "input": "text", **body}, ORIGIN)


def test_one_text_or_several_with_what_may_go_with_them() -> None:
    plain = read()
    assert (plain.model, plain.shape, plain.chat.embeds) == ("vec", "float", EmbeddingAsk(("text",)))
    assert (plain.chat.messages, plain.chat.stream, plain.ignored) == ((), False, ())
    asked = read(
        input=["a", "b"],
        dimensions=8,
        encoding_format="base64",
        models=["other/vec"],
        metadata={"Priority": "low"},
        user="somebody",
        whatever=1,
    )
    assert asked.chat.embeds == EmbeddingAsk(("a", "b"), 8)
    assert (asked.shape, asked.fallbacks, asked.said) == ("base64", ("other/vec",), {"priority": "low"})
    assert asked.ignored == ("user", "whatever")


@pytest.mark.parametrize(
    ("body", "param"),
    [
        ({"input": None}, "input"),
        ({"input": {"text": "a"}}, "input"),
        ({"input": ["a", 1]}, "input"),
        ({"model": ""}, "model"),
        ({"encoding_format": "int8"}, "encoding_format"),
        ({"dimensions": "8"}, "dimensions"),
        ({"dimensions": 100_000}, "dimensions"),
        ({"task_type": "RETRIEVAL_QUERY"}, "task_type"),
    ],
)
def test_what_is_wrong_is_named(body: dict[str, Any], param: str) -> None:
    with pytest.raises(UnreadableError) as refused:
        read(**body)
    assert refused.value.param == param


@given(
    body=st.dictionaries(
        st.sampled_from(["input", "model", "models", "dimensions", "metadata"]), any_json("text")
    )
)
@settings(max_examples=60)
def test_whatever_comes_is_read_or_refused(body: dict[str, Any]) -> None:
    with suppress(UnreadableError):
        read_embeddings({"model": "vec", "input": "text", **body}, ORIGIN)


def test_the_answer_counts_what_was_read() -> None:
    vectors = packed([[0.5, 1.5], [2.5, 3.5]], 2)
    said = orjson.loads(embeddings_body("float", "p/vec", vectors, Usage(input_tokens=4, output_tokens=0)))
    assert said == {
        "object": "list",
        "model": "p/vec",
        "data": [
            {"object": "embedding", "index": 0, "embedding": [0.5, 1.5]},
            {"object": "embedding", "index": 1, "embedding": [2.5, 3.5]},
        ],
        "usage": {"prompt_tokens": 4, "total_tokens": 4},
    }
