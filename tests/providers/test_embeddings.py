"""Embeddings in both protocols: what is sent, and what is made of whatever comes back."""

from __future__ import annotations

import base64
import json
import struct
from dataclasses import replace
from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from trunkline.domain.accepts import Accepts
from trunkline.domain.events import Embedded, Finished, Started, UsageSeen
from trunkline.domain.faults import Fault, FaultCode, FaultKind
from trunkline.domain.messages import ChatRequest, EmbeddingAsk
from trunkline.domain.money import Usage
from trunkline.domain.routes import AccountSpec, Billing, KeyRef, KeySource, ModelSpec, ProviderSpec, Quirks
from trunkline.domain.tasks import Origin, OriginKind
from trunkline.providers.protocol import CallContext, WireReply
from trunkline.providers.registry import embeddings_in
from trunkline.providers.vectors import packed, unpacked

ASKED = EmbeddingAsk(("one", "two"), 2)
REQUEST = ChatRequest((), Origin(OriginKind.GATEWAY), embeds=ASKED)
FIRST, SECOND = [0.5, -0.25], [1.0, 2.0]
PACKED = (struct.pack("<2f", *FIRST), struct.pack("<2f", *SECOND))


def context(protocol: str) -> CallContext:
    quirks = Quirks(extra_headers=(("X-Title", "T"),), extra_body=(("thinking", '{"type": "disabled"}'),))
    provider = ProviderSpec("p", protocol, "https://p.example/v1", quirks=quirks)
    account = AccountSpec("p", "main", KeyRef(KeySource.NONE), Billing.CREDITS)
    return CallContext(
        provider, account, ModelSpec("p", "models/vec" if protocol == "gemini" else "vec", 10), 0
    )


def decoded(protocol: str, body: object, asked: EmbeddingAsk = ASKED) -> list[Any]:
    data = body if isinstance(body, bytes) else json.dumps(body).encode()
    reply = WireReply(200, {"content-type": "application/json"}, data)
    return [*embeddings_in(protocol, asked).decode_whole(reply, context(protocol))]


def test_openai_is_sent_the_texts_and_nothing_of_chats() -> None:
    wire = embeddings_in("openai", ASKED).encode(REQUEST, context("openai"), max_output_tokens=None)
    assert (wire.path, wire.stream, wire.at_once) == ("/embeddings", False, True)
    assert ("X-Title", "T") in wire.headers
    assert orjson.loads(wire.body) == {
        "model": "vec",
        "input": ["one", "two"],
        "encoding_format": "float",
        "dimensions": 2,
    }
    packing = replace(context("openai").provider, accepts=Accepts(packed_vectors=True))
    asked = replace(context("openai"), provider=packing)
    wire = embeddings_in("openai", ASKED).encode(REQUEST, asked, max_output_tokens=None)
    assert orjson.loads(wire.body)["encoding_format"] == "base64"


def test_google_is_sent_each_text_with_the_model() -> None:
    wire = embeddings_in("gemini", ASKED).encode(REQUEST, context("gemini"), max_output_tokens=None)
    assert wire.path == "/v1beta/models/vec:batchEmbedContents"
    assert (wire.auth_header, wire.auth_prefix) == ("x-goog-api-key", "")
    first, second = orjson.loads(wire.body)["requests"]
    assert first == {
        "model": "models/vec",
        "outputDimensionality": 2,
        "content": {"parts": [{"text": "one"}]},
    }
    assert second["content"] == {"parts": [{"text": "two"}]}


def test_openais_vectors_are_put_in_the_order_of_the_texts() -> None:
    data = [{"index": 1, "embedding": SECOND}, {"index": 0, "embedding": FIRST}]
    body = {"model": "vec-2", "data": data, "usage": {"prompt_tokens": 7, "total_tokens": 7}}
    started, embedded, usage, finished = decoded("openai", body)
    assert started == Started("vec-2")
    assert embedded == Embedded(PACKED)
    assert usage == UsageSeen(Usage(input_tokens=7, output_tokens=0))
    assert isinstance(finished, Finished)


def test_openais_vectors_may_be_base64_and_without_index_and_usage() -> None:
    data = [{"embedding": base64.b64encode(one).decode()} for one in PACKED]
    _, embedded, finished = decoded("openai", {"data": data})
    assert embedded == Embedded(PACKED)
    assert isinstance(finished, Finished)


def test_googles_vectors_come_in_order_and_with_usage_where_it_tells() -> None:
    body: dict[str, Any] = {"embeddings": [{"values": FIRST}, {"values": SECOND}]}
    assert decoded("gemini", body)[0] == Embedded(PACKED)
    told = decoded("gemini", body | {"usageMetadata": {"promptTokenCount": 5, "totalTokenCount": 5}})
    assert told[1] == UsageSeen(Usage(input_tokens=5, output_tokens=0))


@pytest.mark.parametrize("protocol", ["openai", "gemini"])
@pytest.mark.parametrize(
    "vectors",
    [
        [],
        [FIRST],
        [FIRST, [1.0]],
        [FIRST, []],
        [FIRST, ["x", 1]],
        [FIRST, None],
        [FIRST, 7],
        [FIRST, [1e39, 1.0]],
    ],
    ids=str,
)
def test_vectors_that_are_not_those_asked_for_are_a_fault(protocol: str, vectors: list[Any]) -> None:
    by_protocol = {
        "openai": {"data": [{"index": at, "embedding": one} for at, one in enumerate(vectors)]},
        "gemini": {"embeddings": [{"values": one} for one in vectors]},
    }
    (fault,) = decoded(protocol, by_protocol[protocol])
    assert isinstance(fault, Fault)
    assert (fault.kind, fault.code) == (FaultKind.NETWORK, FaultCode.MALFORMED)


@pytest.mark.parametrize("bad", ["%%%", "AAAA", base64.b64encode(b"abc").decode(), "AACAfwAAgH8="])
def test_base64_that_is_no_vector_is_a_fault(bad: str) -> None:
    (fault,) = decoded("openai", {"data": [{"embedding": bad}, {"embedding": bad}]})
    assert fault.code == FaultCode.MALFORMED


@pytest.mark.parametrize("protocol", ["openai", "gemini"])
def test_an_error_with_status_200_is_what_it_says(protocol: str) -> None:
    error = {"error": {"code": 429, "message": "Rate limit reached", "status": "RESOURCE_EXHAUSTED"}}
    (fault,) = decoded(protocol, error)
    assert fault.kind.is_limit
    (said,) = decoded(protocol, {"message": "the model is overloaded"})
    assert said.code != FaultCode.MALFORMED


@pytest.mark.parametrize("protocol", ["openai", "gemini"])
@given(body=st.one_of(st.binary(max_size=60), st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3)
    | st.dictionaries(st.sampled_from(["data", "embeddings", "index", "embedding", "values", "error"]), inner),
    max_leaves=12,
)))  # fmt: skip
def test_whatever_comes_ends_in_one_end(protocol: str, body: Any) -> None:
    events = decoded(protocol, body)
    assert isinstance(events[-1], Finished | Fault)
    assert sum(isinstance(event, Finished | Fault) for event in events) == 1


@given(st.lists(st.floats(width=32, allow_nan=False, allow_infinity=False), min_size=1, max_size=9))
def test_packing_keeps_what_32_bits_hold(values: list[float]) -> None:
    (one,) = packed([values], 1)
    assert unpacked(one) == values
    assert packed([base64.b64encode(one).decode()], 1) == (one,)


def test_a_protocol_without_embeddings_has_none() -> None:
    with pytest.raises(ValueError, match="no embeddings"):
        embeddings_in("anthropic", ASKED)
