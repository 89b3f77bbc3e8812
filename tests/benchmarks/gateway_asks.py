"""What the soak of the gateway asks in each protocol, what it must hear, and how each protocol says that it is over."""

from __future__ import annotations

import json
import random
from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from tests.conformance.asking import ARGUMENTS, BOTH, PNG_BASE64, SCHEMA

from trunkline.simulator.answers import CHARS_PER_TOKEN, answer_text

OUTPUT_TOKENS = 120
PROTOCOLS = ("openai", "responses", "anthropic", "gemini")
PLACE: dict[str, Any] = {
    "type": "object",
    "properties": {"city": {"type": "string"}, "people": {"type": "integer"}},
    "required": ["city", "people"],
    "additionalProperties": False,
}
_FILLER = "The queue is owned by whoever looked at it last, and that is the trouble with it. "


class Shape(StrEnum):
    """What is asked for."""

    PLAIN = "plain"
    TOOLS = "tools"
    IMAGE = "image"
    SCHEMA = "schema"


@dataclass(frozen=True)
class Ask:
    """One request. `leaves` after so many bytes, None: stays; `slow`: takes its time to read."""

    number: int
    protocol: str
    shape: Shape
    stream: bool
    prompt: str
    leaves: int | None
    slow: bool

    @classmethod
    def numbered(cls, number: int) -> Ask:
        """The same for the same number."""
        rng = random.Random(number)
        shape = rng.choices(list(Shape), (60, 15, 10, 15))[0]
        stream, fate = rng.random() < 0.5, rng.random()
        padding = _FILLER * rng.choice((0, 0, 20, 200))
        prompt = BOTH if shape is Shape.TOOLS else f"Note {number}. {padding}What of it?"
        leaves = rng.choice((0, 1, 1_500)) if fate < 0.07 else None
        return cls(
            number, PROTOCOLS[number % 4], shape, stream, prompt, leaves, slow=stream and 0.07 < fate < 0.12
        )

    @property
    def path(self) -> str:
        """Where it is sent."""
        if self.protocol == "gemini":
            return (
                f"/v1beta/models/auto:{'streamGenerateContent?alt=sse' if self.stream else 'generateContent'}"
            )
        return {
            "openai": "/v1/chat/completions",
            "responses": "/v1/responses",
            "anthropic": "/v1/messages",
        }[self.protocol]

    def body(self) -> dict[str, Any]:
        """What is sent."""
        return _BODIES[self.protocol](self)

    def is_right(self, heard: Heard) -> bool:
        """Whether that is the whole answer."""
        if self.shape is Shape.TOOLS:
            return heard.calls == ARGUMENTS
        if self.shape is Shape.SCHEMA:
            try:
                return set(json.loads(heard.text)) == {"city", "people"}
            except ValueError:
                return False
        text = answer_text(self.prompt, OUTPUT_TOKENS * CHARS_PER_TOKEN)
        return heard.text == (f"I was shown 1 image. {text}" if self.shape is Shape.IMAGE else text)


@dataclass
class Heard:
    """An answer as its client has it: `whole` where the protocol says that it is, `failed` where it says that it is
    not."""

    text: str
    calls: dict[str, Any]
    whole: bool
    failed: bool = False


def heard(protocol: str, body: bytes, *, stream: bool) -> Heard:
    """What a body of status 200 says. Raises ValueError and LookupError where that is nothing."""
    if not stream:
        return _WHOLES[protocol](json.loads(body))
    events = []
    for line in body.decode().splitlines():
        if line.startswith("data: ") and line != "data: [DONE]":
            events.append(json.loads(line[6:]))
    if any("error" in event and event["error"] for event in events):
        return Heard("", {}, whole=False, failed=True)
    return _STREAMS[protocol](events, body)


# -- OpenAI's chat completions --------------------------------------------------------------------------------------


def _openai_body(ask: Ask) -> dict[str, Any]:
    content: Any = ask.prompt
    if ask.shape is Shape.IMAGE:
        url = f"data:image/png;base64,{PNG_BASE64}"
        content = [{"type": "text", "text": ask.prompt}, {"type": "image_url", "image_url": {"url": url}}]
    body = {
        "model": "auto",
        "stream": ask.stream,
        "messages": [{"role": "system", "content": "Be short."}, {"role": "user", "content": content}],
    }
    if ask.shape is Shape.TOOLS:
        body["tools"] = [
            {"type": "function", "function": {"name": name, "parameters": SCHEMA}} for name in ARGUMENTS
        ]
    if ask.shape is Shape.SCHEMA:
        schema = {"name": "place", "schema": PLACE, "strict": True}
        body["response_format"] = {"type": "json_schema", "json_schema": schema}
    return body


def _openai_whole(body: Any) -> Heard:
    choice = body["choices"][0]
    message = choice["message"]
    calls = {
        call["function"]["name"]: json.loads(call["function"]["arguments"])
        for call in message.get("tool_calls") or ()
    }
    return Heard(message.get("content") or "", calls, whole=choice["finish_reason"] in ("stop", "tool_calls"))


def _openai_stream(events: list[Any], body: bytes) -> Heard:
    choices = [event["choices"][0] for event in events if event["choices"]]
    text = "".join(choice["delta"].get("content") or "" for choice in choices)
    made: dict[int, list[str]] = {}
    for choice in choices:
        for call in choice["delta"].get("tool_calls") or ():
            named = made.setdefault(call["index"], ["", ""])
            named[0] += call["function"].get("name") or ""
            named[1] += call["function"].get("arguments") or ""
    whole = bool(choices) and choices[-1]["finish_reason"] in ("stop", "tool_calls")
    return Heard(
        text,
        {name: json.loads(arguments) for name, arguments in made.values()},
        whole=whole and body.rstrip().endswith(b"data: [DONE]"),
    )


# -- OpenAI's Responses ---------------------------------------------------------------------------------------------


def _responses_body(ask: Ask) -> dict[str, Any]:
    content: list[dict[str, Any]] = [{"type": "input_text", "text": ask.prompt}]
    if ask.shape is Shape.IMAGE:
        url = f"data:image/png;base64,{PNG_BASE64}"
        content.append({"type": "input_image", "image_url": url, "detail": "auto"})
    body = {
        "model": "auto",
        "stream": ask.stream,
        "instructions": "Be short.",
        "input": [{"role": "user", "content": content}],
    }
    if ask.shape is Shape.TOOLS:
        body["tools"] = [
            {"type": "function", "name": name, "parameters": SCHEMA, "strict": False} for name in ARGUMENTS
        ]
    if ask.shape is Shape.SCHEMA:
        body["text"] = {"format": {"type": "json_schema", "name": "place", "schema": PLACE, "strict": True}}
    return body


def _responses_whole(body: Any) -> Heard:
    text = "".join(
        part["text"] for item in body["output"] if item["type"] == "message" for part in item["content"]
    )
    calls = {
        item["name"]: json.loads(item["arguments"])
        for item in body["output"]
        if item["type"] == "function_call"
    }
    return Heard(text, calls, whole=body["status"] == "completed")


def _responses_stream(events: list[Any], _: bytes) -> Heard:
    last = events[-1] if events else {"type": "nothing"}
    if last["type"] == "response.completed":
        return _responses_whole(last["response"])
    return Heard("", {}, whole=False, failed=last["type"] == "response.failed")


# -- Anthropic's Messages -------------------------------------------------------------------------------------------


def _anthropic_body(ask: Ask) -> dict[str, Any]:
    content: list[dict[str, Any]] = [{"type": "text", "text": ask.prompt}]
    if ask.shape is Shape.IMAGE:
        source = {"type": "base64", "media_type": "image/png", "data": PNG_BASE64}
        content.append({"type": "image", "source": source})
    body = {
        "model": "auto",
        "stream": ask.stream,
        "max_tokens": 2_000,
        "system": "Be short.",
        "messages": [{"role": "user", "content": content}],
    }
    if ask.shape is Shape.TOOLS:
        body["tools"] = [{"name": name, "input_schema": SCHEMA} for name in ARGUMENTS]
    if ask.shape is Shape.SCHEMA:
        body["output_config"] = {"format": {"type": "json_schema", "schema": PLACE}}
    return body


def _anthropic_whole(body: Any) -> Heard:
    text = "".join(block["text"] for block in body["content"] if block["type"] == "text")
    calls = {block["name"]: block["input"] for block in body["content"] if block["type"] == "tool_use"}
    return Heard(text, calls, whole=body["stop_reason"] in ("end_turn", "tool_use"))


def _anthropic_stream(events: list[Any], _: bytes) -> Heard:
    blocks: dict[int, dict[str, Any]] = {}
    said = {"text": "", "input": ""}
    stop = None
    for event in events:
        if event["type"] == "content_block_start":
            blocks[event["index"]] = {**said, **event["content_block"], "input": ""}
        elif event["type"] == "content_block_delta":
            block, delta = blocks[event["index"]], event["delta"]
            block["text"] += delta.get("text", "")
            block["input"] += delta.get("partial_json", "")
        elif event["type"] == "message_delta":
            stop = event["delta"]["stop_reason"]
    ended = bool(events) and events[-1]["type"] == "message_stop"
    text = "".join(block["text"] for block in blocks.values() if block["type"] == "text")
    calls = {
        block["name"]: json.loads(block["input"] or "{}")
        for block in blocks.values()
        if block["type"] == "tool_use" and ended
    }
    return Heard(text, calls, whole=ended and stop in ("end_turn", "tool_use"))


# -- Google's generateContent ---------------------------------------------------------------------------------------


def _gemini_body(ask: Ask) -> dict[str, Any]:
    parts: list[dict[str, Any]] = [{"text": ask.prompt}]
    if ask.shape is Shape.IMAGE:
        parts.append({"inlineData": {"mimeType": "image/png", "data": PNG_BASE64}})
    body: dict[str, Any] = {
        "systemInstruction": {"parts": [{"text": "Be short."}]},
        "contents": [{"role": "user", "parts": parts}],
    }
    if ask.shape is Shape.TOOLS:
        declared = [{"name": name, "parametersJsonSchema": SCHEMA} for name in ARGUMENTS]
        body["tools"] = [{"functionDeclarations": declared}]
    if ask.shape is Shape.SCHEMA:
        body["generationConfig"] = {"responseMimeType": "application/json", "responseJsonSchema": PLACE}
    return body


def _gemini_whole(body: Any) -> Heard:
    return _gemini_stream([body], b"")


def _gemini_stream(events: list[Any], _: bytes) -> Heard:
    candidates = [event["candidates"][0] for event in events if event.get("candidates")]
    parts = [part for one in candidates for part in one.get("content", {}).get("parts", ())]
    text = "".join(part.get("text", "") for part in parts if not part.get("thought"))
    calls = {
        part["functionCall"]["name"]: part["functionCall"]["args"] for part in parts if "functionCall" in part
    }
    return Heard(text, calls, whole=bool(candidates) and candidates[-1].get("finishReason") == "STOP")


_BODIES: dict[str, Callable[[Ask], dict[str, Any]]] = {
    "openai": _openai_body,
    "responses": _responses_body,
    "anthropic": _anthropic_body,
    "gemini": _gemini_body,
}
_WHOLES: dict[str, Callable[[Any], Heard]] = {
    "openai": _openai_whole,
    "responses": _responses_whole,
    "anthropic": _anthropic_whole,
    "gemini": _gemini_whole,
}
_STREAMS: dict[str, Callable[[list[Any], bytes], Heard]] = {
    "openai": _openai_stream,
    "responses": _responses_stream,
    "anthropic": _anthropic_stream,
    "gemini": _gemini_stream,
}
