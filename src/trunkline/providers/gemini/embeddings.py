"""Embeddings as Google gives them: the protocol but for what is asked and answered."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any
from urllib.parse import quote

from trunkline.domain.events import Embedded, Finished, UsageSeen, WireEvent
from trunkline.domain.messages import ChatRequest, EmbeddingAsk
from trunkline.domain.receipts import FinishReason
from trunkline.providers import reply_faults
from trunkline.providers.gemini.encode import AUTH_HEADER, MODEL_PREFIX, MODELS_PATH
from trunkline.providers.gemini.usage import usage_of
from trunkline.providers.gemini.wire import GeminiProtocol
from trunkline.providers.protocol import CallContext, WireReply, WireRequest
from trunkline.providers.refusals.classify import classify, classify_body, is_web_page
from trunkline.providers.values.jsontext import dumps, loads_or_none, mapping
from trunkline.providers.vectors import SAYS_WHY, NoVectorsError, packed


class GeminiEmbeddings(GeminiProtocol):
    """`:batchEmbedContents` of the texts of `asked`."""

    def __init__(self, asked: EmbeddingAsk) -> None:
        self._asked = asked

    def encode(
        self, request: ChatRequest, context: CallContext, *, max_output_tokens: int | None
    ) -> WireRequest:
        """The call that asks for the vectors."""
        model = context.model.id.removeprefix(MODEL_PREFIX)
        asked = self._asked
        wish: dict[str, Any] = {"model": f"{MODEL_PREFIX}{model}"}
        if asked.dimensions is not None:
            wish["outputDimensionality"] = asked.dimensions
        if asked.task_type is not None:
            wish["taskType"] = asked.task_type
        requests = [wish | {"content": {"parts": [{"text": text}]}} for text in asked.inputs]
        for one, title in zip(requests, asked.titles, strict=False):
            if title is not None:
                one["title"] = title
        return WireRequest(
            "POST",
            f"{MODELS_PATH}/{quote(model, safe='')}:batchEmbedContents",
            (("Content-Type", "application/json"), *context.provider.quirks.extra_headers),
            dumps({"requests": requests}),
            stream=False,
            auth_header=AUTH_HEADER,
            auth_prefix="",
            at_once=True,
        )

    def decode_whole(self, reply: WireReply, context: CallContext) -> Sequence[WireEvent]:
        """The vectors of a reply of status 200, which come in the order of the texts; what was read is not always
        told."""
        if is_web_page(reply.body.strip(), reply.headers):
            return [classify(reply, context)]
        body = loads_or_none(reply.body)
        if not isinstance(body, dict):
            return [reply_faults.malformed()]
        embeddings = body.get("embeddings")
        if body.get("error") or (embeddings is None and any(body.get(name) for name in SAYS_WHY)):
            return [classify_body(body, context, reply.headers)]
        if not isinstance(embeddings, list):
            return [reply_faults.malformed("the provider sent a reply without vectors")]
        try:
            vectors = packed([mapping(one).get("values") for one in embeddings], len(self._asked.inputs))
        except NoVectorsError as error:
            return [reply_faults.malformed(str(error))]
        usage = usage_of(body.get("usageMetadata"))
        told = [] if usage is None else [UsageSeen(replace(usage, output_tokens=0))]
        return [Embedded(vectors), *told, Finished(FinishReason.STOP)]
