"""One unstreamed reply decoded."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from trunkline.domain.events import Started, WireEvent
from trunkline.domain.text import provider_sentence
from trunkline.providers import reply_faults
from trunkline.providers.anthropic.answer import Gathered
from trunkline.providers.anthropic.stream import AnthropicStreamDecoder, is_error
from trunkline.providers.protocol import CallContext, WireReply
from trunkline.providers.refusals.classify import classify, classify_body, is_web_page
from trunkline.providers.text_stream import TextStream
from trunkline.providers.values.jsontext import loads, mapping, text_of

_SAYS_WHY = ("message", "msg", "detail", "code")


def decode_whole(reply: WireReply, context: CallContext) -> Sequence[WireEvent]:
    """The events of a reply of status 200; the last is exactly one `Finished` or `Fault`. Takes errors inside a 200
    (MiniMax), and a stream that nobody asked for."""
    body = reply.body.strip()
    if not body:
        return [reply_faults.empty()]
    if is_web_page(body, reply.headers):
        return [classify(reply, context)]
    if body.startswith((b"data:", b":", b"event:")):
        decoder = AnthropicStreamDecoder(
            lambda error: classify_body(error, context), think_tags=context.provider.quirks.think_tags
        )
        return [*decoder.feed(reply.body), *decoder.close()]
    try:
        message = loads(body)
    except ValueError:
        return [reply_faults.malformed()]
    if not isinstance(message, dict):
        return [reply_faults.malformed()]
    content = message.get("content")
    if is_error(message) or (not isinstance(content, str | list) and any(map(message.get, _SAYS_WHY))):
        return [classify_body(message, context, reply.headers)]
    if not isinstance(content, str | list):
        return [reply_faults.empty("the provider sent a reply without an answer")]
    return _answer(message, content, context)


def _answer(message: dict[str, Any], content: str | list[Any], context: CallContext) -> list[WireEvent]:
    gathered = Gathered(TextStream(context.provider.quirks.think_tags))
    events: list[WireEvent] = [Started(provider_sentence(text_of(message.get("model")), longest=200) or None)]
    blocks = [{"type": "text", "text": content}] if isinstance(content, str) else content
    for index, block in enumerate(blocks):
        events += gathered.begin_block(index, mapping(block))
    gathered.tally.add(message.get("usage"))
    gathered.stop({**message, "stop_reason": text_of(message.get("stop_reason")) or "end_turn"})
    return [*events, *gathered.ending()]
