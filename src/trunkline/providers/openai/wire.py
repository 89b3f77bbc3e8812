"""The `openai` wire protocol: chat completions as OpenAI and everybody after it speak it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from trunkline.domain.checks import ModelList
from trunkline.domain.events import WireEvent
from trunkline.domain.faults import Fault
from trunkline.domain.limits import LimitReading
from trunkline.domain.messages import ChatRequest
from trunkline.providers.limits.families import read_limits
from trunkline.providers.openai.encode import encode
from trunkline.providers.openai.ending import Gathered
from trunkline.providers.openai.models import models_request, read_models
from trunkline.providers.openai.stream import OpenAIStreamDecoder
from trunkline.providers.openai.whole import decode_whole
from trunkline.providers.protocol import CallContext, StreamDecoder, WireReply, WireRequest
from trunkline.providers.refusals.classify import classify, classify_body


class OpenAIProtocol:
    """Implements `WireProtocol`; has no state."""

    name = "openai"

    def encode(
        self, request: ChatRequest, context: CallContext, *, max_output_tokens: int | None
    ) -> WireRequest:
        """See `encode.encode`."""
        return encode(request, context, max_output_tokens=max_output_tokens)

    def stream_decoder(self, context: CallContext) -> StreamDecoder:
        """See `stream.OpenAIStreamDecoder`."""
        return OpenAIStreamDecoder(
            lambda body: classify_body(body, context), Gathered.of(context.provider.quirks)
        )

    def decode_whole(self, reply: WireReply, context: CallContext) -> Sequence[WireEvent]:
        """See `whole.decode_whole`."""
        return decode_whole(reply, context)

    def classify(self, reply: WireReply, context: CallContext) -> Fault:
        """See `classify.classify`."""
        return classify(reply, context)

    def models_request(self, context: CallContext, *, page: str | None = None) -> WireRequest:
        """See `models.models_request`; these lists have one page."""
        return models_request(context)

    def read_models(self, reply: WireReply, context: CallContext) -> ModelList | Fault:
        """See `models.read_models`."""
        return read_models(reply, context)

    def read_limits(self, headers: Mapping[str, str], context: CallContext) -> tuple[LimitReading, ...]:
        """See `limits.read_limits`."""
        return read_limits(headers, context)


OPENAI = OpenAIProtocol()
