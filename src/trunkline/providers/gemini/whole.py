"""One unstreamed reply decoded."""

from __future__ import annotations

from collections.abc import Sequence

from trunkline.domain.events import WireEvent
from trunkline.providers import reply_faults
from trunkline.providers.gemini.answer import Gathered
from trunkline.providers.gemini.stream import GeminiStreamDecoder
from trunkline.providers.protocol import CallContext, WireReply
from trunkline.providers.refusals.classify import classify, classify_body, is_web_page
from trunkline.providers.text_stream import TextStream
from trunkline.providers.values.jsontext import loads

_SAYS_WHY = ("message", "code", "status", "detail")
_STREAMED = (b"data:", b":", b"event:")


def decode_whole(reply: WireReply, context: CallContext) -> Sequence[WireEvent]:
    """The events of a reply of status 200; the last is exactly one `Finished` or `Fault`. Takes one response, the
    array of them that a stream without `alt=sse` is, errors inside a 200, and a stream that nobody asked for."""
    body = reply.body.strip()
    if not body:
        return [reply_faults.empty()]
    if is_web_page(body, reply.headers):
        return [classify(reply, context)]
    if body.startswith(_STREAMED):
        return _streamed(reply.body, context)
    try:
        value = loads(body)
    except ValueError:
        return [reply_faults.malformed()]
    responses = [one for one in (value if isinstance(value, list) else [value]) if isinstance(one, dict)]
    if not responses:
        return [reply_faults.malformed("the provider sent a reply that is no answer")]
    return _answer(responses, reply, context, streamed=isinstance(value, list))


def _answer(
    responses: list[dict[str, object]], reply: WireReply, context: CallContext, *, streamed: bool
) -> Sequence[WireEvent]:
    gathered = Gathered(TextStream(context.provider.quirks.think_tags))
    events: list[WireEvent] = []
    for response in responses:
        if response.get("error") or (
            "candidates" not in response and any(response.get(name) for name in _SAYS_WHY)
        ):
            gathered.fault = classify_body(response, context, reply.headers)
        else:
            events += gathered.take(response)
        if gathered.fault is not None:
            break
    if not streamed and gathered.fault is None and not gathered.finish_reason:
        gathered.finish_reason = "STOP"
    return [*events, *gathered.close()]


def _streamed(body: bytes, context: CallContext) -> Sequence[WireEvent]:
    decoder = GeminiStreamDecoder(
        lambda error: classify_body(error, context), think_tags=context.provider.quirks.think_tags
    )
    return [*decoder.feed(body), *decoder.close()]
