"""Embeddings as OpenAI and everybody after it give them: the same protocol but for what is asked and answered."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from trunkline.domain.events import Embedded, Finished, Started, UsageSeen, WireEvent
from trunkline.domain.messages import ChatRequest, EmbeddingAsk
from trunkline.domain.money import Usage
from trunkline.domain.receipts import FinishReason
from trunkline.domain.text import provider_sentence
from trunkline.providers import reply_faults
from trunkline.providers.openai.stream import is_error
from trunkline.providers.openai.usage import usage_of
from trunkline.providers.openai.wire import OpenAIProtocol
from trunkline.providers.protocol import CallContext, WireReply, WireRequest
from trunkline.providers.refusals.classify import classify, classify_body, is_web_page
from trunkline.providers.values.jsontext import dumps, loads_or_none, mapping, text_of
from trunkline.providers.vectors import SAYS_WHY, NoVectorsError, packed

PATH = "/embeddings"


class OpenAIEmbeddings(OpenAIProtocol):
    """`POST /embeddings` of the texts of `asked`; refusals, limits and lists of models are those of the protocol."""

    def __init__(self, asked: EmbeddingAsk) -> None:
        self._asked = asked

    def encode(
        self, request: ChatRequest, context: CallContext, *, max_output_tokens: int | None
    ) -> WireRequest:
        """The call that asks for the vectors. What a provider's `extra_body` says is of chats, and left out; what the
        vectors are for has no field."""
        body: dict[str, Any] = {
            "model": context.model.id,
            "input": list(self._asked.inputs),
            "encoding_format": "base64" if context.provider.accepts.packed_vectors else "float",
        }
        if self._asked.dimensions is not None:
            body["dimensions"] = self._asked.dimensions
        headers = (("Content-Type", "application/json"), *context.provider.quirks.extra_headers)
        unsaid = (("taskType", self._asked.task_type), ("title", self._asked.titles))
        left_out = tuple(name for name, wish in unsaid if wish)
        return WireRequest("POST", PATH, headers, dumps(body), stream=False, left_out=left_out, at_once=True)

    def decode_whole(self, reply: WireReply, context: CallContext) -> Sequence[WireEvent]:
        """The vectors of a reply of status 200, in the order of the texts, which `index` tells."""
        if is_web_page(reply.body.strip(), reply.headers):
            return [classify(reply, context)]
        body = loads_or_none(reply.body)
        if not isinstance(body, dict):
            return [reply_faults.malformed()]
        data = body.get("data")
        if is_error(body) or (data is None and any(body.get(name) for name in SAYS_WHY)):
            return [classify_body(body, context, reply.headers)]
        if not isinstance(data, list):
            return [reply_faults.malformed("the provider sent a reply without vectors")]
        entries = [mapping(entry) for entry in data]
        places = [entry.get("index", at) for at, entry in enumerate(entries)]
        if sorted(places, key=str) != sorted(range(len(entries)), key=str):
            return [reply_faults.malformed("the provider sent vectors in no order")]
        by_place = dict(zip(places, entries, strict=True))
        sent = [by_place[place].get("embedding") for place in range(len(entries))]
        try:
            vectors = packed(sent, len(self._asked.inputs))
        except NoVectorsError as error:
            return [reply_faults.malformed(str(error))]
        served_model = provider_sentence(text_of(body.get("model")), longest=200) or None
        return [Started(served_model), Embedded(vectors), *_usage(body), Finished(FinishReason.STOP)]


def _usage(body: dict[str, Any]) -> list[WireEvent]:
    """What was read; nothing was said."""
    found: Usage | None = usage_of(body.get("usage"))
    return [] if found is None else [UsageSeen(replace(found, output_tokens=0))]
