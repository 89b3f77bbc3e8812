"""The `gemini` wire protocol: Google's generateContent."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from trunkline.domain.checks import ModelList
from trunkline.domain.events import WireEvent
from trunkline.domain.faults import Fault
from trunkline.domain.limits import LimitReading
from trunkline.domain.messages import ChatRequest
from trunkline.providers.gemini.encode import encode
from trunkline.providers.gemini.models import models_request, read_models
from trunkline.providers.gemini.stream import GeminiStreamDecoder
from trunkline.providers.gemini.whole import decode_whole
from trunkline.providers.limits.families import read_limits
from trunkline.providers.protocol import CallContext, StreamDecoder, WireReply, WireRequest
from trunkline.providers.refusals.classify import classify, classify_body


class GeminiProtocol:
    """Implements `WireProtocol`; has no state."""

    name = "gemini"

    def encode(
        self, request: ChatRequest, context: CallContext, *, max_output_tokens: int | None
    ) -> WireRequest:
        """See `encode.encode`."""
        return encode(request, context, max_output_tokens=max_output_tokens)

    def stream_decoder(self, context: CallContext) -> StreamDecoder:
        """See `stream.GeminiStreamDecoder`."""
        return GeminiStreamDecoder(
            lambda body: classify_body(body, context), think_tags=context.provider.quirks.think_tags
        )

    def decode_whole(self, reply: WireReply, context: CallContext) -> Sequence[WireEvent]:
        """See `whole.decode_whole`."""
        return decode_whole(reply, context)

    def classify(self, reply: WireReply, context: CallContext) -> Fault:
        """See `classify.classify`."""
        return classify(reply, context)

    def models_request(self, context: CallContext, *, page: str | None = None) -> WireRequest:
        """See `models.models_request`."""
        return models_request(context, page)

    def read_models(self, reply: WireReply, context: CallContext) -> ModelList | Fault:
        """See `models.read_models`."""
        return read_models(reply, context)

    def read_limits(self, headers: Mapping[str, str], context: CallContext) -> tuple[LimitReading, ...]:
        """See `families.read_limits`; Google itself sends none."""
        return read_limits(headers, context)


GEMINI = GeminiProtocol()
