"""One unstreamed reply decoded."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from trunkline.domain.events import Started, ThinkingDelta, WireEvent
from trunkline.domain.text import provider_sentence, strip_controls
from trunkline.providers import reply_faults
from trunkline.providers.openai.ending import Gathered
from trunkline.providers.openai.pieces import content_pieces, thinking_piece
from trunkline.providers.openai.stream import OpenAIStreamDecoder, is_error
from trunkline.providers.protocol import CallContext, WireReply
from trunkline.providers.refusals.classify import classify, classify_body, is_web_page
from trunkline.providers.values.jsontext import loads, mapping, text_of

_SAYS_WHY = ("message", "msg", "detail", "code")


def decode_whole(reply: WireReply, context: CallContext) -> Sequence[WireEvent]:
    """The events of a reply of status 200; the last is exactly one `Finished` or `Fault`. Takes keep-alive blank
    lines before the JSON (DeepSeek), errors inside a 200 in every shape, and a stream that nobody asked for."""
    body = reply.body.strip()
    if not body:
        return [reply_faults.empty()]
    if is_web_page(body, reply.headers):
        return [classify(reply, context)]
    if body.startswith((b"data:", b":", b"event:")):
        return _streamed(reply.body, context)
    try:
        value = loads(body)
    except ValueError:
        return [reply_faults.malformed()]
    if isinstance(value, list):
        value = next((item for item in value if isinstance(item, dict)), None)
    if not isinstance(value, dict):
        return [reply_faults.malformed()]
    if is_error(value):
        return [classify_body(value, context, reply.headers)]
    choices = value.get("choices")
    if not isinstance(choices, list) or not choices or not isinstance(choices[0], dict):
        if any(value.get(name) for name in _SAYS_WHY):
            return [classify_body(value, context, reply.headers)]
        return [reply_faults.empty("the provider sent a reply without an answer")]
    return _answer(value, choices[0], context)


def _answer(body: dict[str, Any], choice: dict[str, Any], context: CallContext) -> Sequence[WireEvent]:
    message = mapping(choice.get("message"))
    gathered = Gathered.of(context.provider.quirks)
    served_model = provider_sentence(text_of(body.get("model")), longest=200) or None
    events: list[WireEvent] = [Started(served_model)]
    text, thinking = content_pieces(message.get("content"))
    thinking = strip_controls(thinking_piece(message) or thinking)
    if thinking:
        events.append(ThinkingDelta(thinking))
    events += gathered.text.feed(text or text_of(choice.get("text")))
    gathered.has_thinking = any(isinstance(event, ThinkingDelta) for event in events)
    gathered.refusal = text_of(message.get("refusal"))
    if gathered.details is not None:
        gathered.details.feed(message.get("reasoning_details"))
    gathered.calls.feed_whole(message.get("tool_calls"))
    gathered.calls.feed_function_call(message.get("function_call"))
    gathered.add_usage(choice.get("usage"))
    gathered.add_usage(body.get("usage"))
    gathered.finish_reason = text_of(choice.get("finish_reason")) or "stop"
    return [*events, *gathered.ending()]


def _streamed(body: bytes, context: CallContext) -> Sequence[WireEvent]:
    decoder = OpenAIStreamDecoder(
        lambda error: classify_body(error, context), Gathered.of(context.provider.quirks)
    )
    return [*decoder.feed(body), *decoder.close()]
