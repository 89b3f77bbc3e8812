"""Contents as Google's clients send them: turns of the user and the model, made of parts of many kinds."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from itertools import groupby
from typing import Any
from urllib.parse import urlsplit

from trunkline.domain.messages import (
    ImagePart,
    Message,
    Part,
    Role,
    TextPart,
    ThinkingPart,
    ToolCallPart,
    ToolResultPart,
)
from trunkline.gateway.gemini.signatures import OWN_PROVIDER, unseal
from trunkline.gateway.gemini.tables import standard_base64, table_in, table_of, tables_in
from trunkline.gateway.left_out import packed, refused
from trunkline.gateway.reading import Reader

_GOOGLES_FILES = "generativelanguage.googleapis.com"
_ONLY_IMAGES = "only text and images can be passed on: extract the text of documents, or send pages as images"
_FILES = "a file that is kept at Google cannot be read from here: send the content itself"
_NOT_RUN_HERE = "parts of this kind come from tools that Google runs itself and cannot be passed on"
_CONTENT = ("text", "functionCall", "functionResponse", "inlineData", "fileData")
_BESIDE = (
    "thought",
    "thoughtSignature",
    "videoMetadata",
    "mediaResolution",
    "partMetadata",
    "mediaProcessing",
)
_RESULTS = ("output", "result", "error")
_UNTOLD = ""
"""The provider of a thought of which nothing says whose it is."""


def read_contents(body: Reader) -> tuple[Message, ...]:
    """`systemInstruction` and `contents`. What the model said in several contents, as streams leave it behind, is one
    message; results of functions are messages of role tool. A call has the id that it came with, else one by its place
    in the conversation."""
    messages = [*_system(body)]
    contents = list(tables_in(body, "contents"))
    calls = _Calls(contents)
    said: list[tuple[Role, list[Part]]] = []
    for content in contents:
        role = _role(content)
        parts = [part for piece in tables_in(content, "parts") for part in _read_part(piece, role, calls)]
        if role is Role.ASSISTANT and said and said[-1][0] is role:
            said[-1][1].extend(parts)
        else:
            said.append((role, parts))
    for role, parts in said:
        for is_result, row in groupby(parts, lambda part: isinstance(part, ToolResultPart)):
            kind, told = Role.TOOL if is_result else role, tuple(row)
            messages.append(Message(kind, _joined(told) if kind is Role.ASSISTANT else told))
    if not any(message.role is not Role.SYSTEM for message in messages):
        raise body.wrong("contents", "a list of at least one content that says something")
    return tuple(messages)


def _system(body: Reader) -> Iterator[Message]:
    value = body.table.get("systemInstruction")
    if value is None:
        return
    if isinstance(value, str):
        texts = [value]
    else:
        instruction = table_of(value, body.at("systemInstruction"))
        texts = [_instruction(part) for part in tables_in(instruction, "parts")]
    for text in texts:
        if text:
            yield Message.of(Role.SYSTEM, text)


def _instruction(part: Reader) -> str:
    other = next((name for name in part.table if part.has(name) and name not in ("text", *_BESIDE)), None)
    if other is not None:
        raise refused(part, other, "instructions are text")
    return part.text("text") or ""


def _role(content: Reader) -> Role:
    role = content.word("role", ("user", "model", "function", "")) or "user"
    return Role.ASSISTANT if role == "model" else Role.USER


def _joined(parts: Iterable[Part]) -> tuple[Part, ...]:
    """Pieces of one text, and of one row of thoughts, as one part each. A thought of which nothing says whose it is
    goes with that before it, else it is Google's."""
    joined: list[Part] = []
    for part in parts:
        last = joined[-1] if joined else None
        match last, part:
            case TextPart(before), TextPart(text):
                joined[-1] = TextPart(before + text)
            case ThinkingPart(signature=None, redacted=False), ThinkingPart(redacted=False) if (
                part.provider in (_UNTOLD, last.provider)
            ):
                joined[-1] = replace(last, text=last.text + part.text, signature=part.signature)
            case _:
                joined.append(part)
    return tuple(
        replace(part, provider=OWN_PROVIDER)
        if isinstance(part, ThinkingPart) and part.provider == _UNTOLD
        else part
        for part in joined
    )


def _read_part(part: Reader, role: Role, calls: _Calls) -> Iterator[Part]:
    unknown = next(
        (name for name in part.table if part.has(name) and name not in (*_CONTENT, *_BESIDE)), None
    )
    if unknown is not None:
        raise refused(part, unknown, _NOT_RUN_HERE)
    signature = part.text("thoughtSignature")
    if part.flag("thought"):
        yield _thought(part.text("text") or "", signature)
        return
    text = part.text("text")
    call = table_in(part, "functionCall")
    result = table_in(part, "functionResponse")
    if call is not None and role is Role.ASSISTANT:
        yield calls.read_call(call, signature)
        return
    if result is not None and role is Role.USER:
        yield calls.read_result(result)
        return
    if call is not None or result is not None:
        raise part.wrong(
            "functionCall" if result is None else "functionResponse", "in a content of the other role"
        )
    if text:
        yield TextPart(text)
    if part.has("inlineData") or part.has("fileData"):
        yield _image(part)
    if signature and role is Role.ASSISTANT:
        yield _thought("", signature)


def _thought(text: str, signature: str | None) -> ThinkingPart:
    if not signature:
        return ThinkingPart(text, _UNTOLD)
    signed = unseal(signature)
    return ThinkingPart(text, signed.provider, signed.signature, signed.model, signed.redacted)


def _image(part: Reader) -> ImagePart:
    inline = table_in(part, "inlineData")
    if inline is not None:
        media_type = inline.needed_text("mimeType")
        if not media_type.startswith("image/"):
            raise refused(inline, "mimeType", f"{media_type}: {_ONLY_IMAGES}")
        return ImagePart(f"data:{media_type};base64,{standard_base64(inline.needed_text('data'))}")
    file = table_in(part, "fileData")
    if file is None:
        raise part.wrong("inlineData", "an object")
    uri = file.needed_text("fileUri")
    if not uri.lower().startswith(("http://", "https://")) or _host(uri) == _GOOGLES_FILES:
        raise refused(file, "fileUri", _FILES)
    if not (file.text("mimeType") or "").startswith("image/"):
        raise refused(file, "mimeType", _ONLY_IMAGES)
    return ImagePart(uri)


def _host(uri: str) -> str:
    try:
        return urlsplit(uri).hostname or ""
    except ValueError:
        return ""


class _Calls:
    """The calls of one conversation, in order, and which of them still wait for their results."""

    def __init__(self, contents: list[Reader]) -> None:
        self._given = set(_given_ids(contents))
        self._count = 0
        self._names: dict[str, str] = {}
        self._waiting: dict[str, dict[str, None]] = {}

    def read_call(self, call: Reader, signature: str | None) -> ToolCallPart:
        """A call of the model's."""
        name = call.needed_text("name")
        given = call.object("args")
        arguments = "{}" if given is None else packed(given.table, call.at("args"))
        call_id = call.text("id") or self._made_id()
        self._names[call_id] = name
        self._waiting.setdefault(name, {})[call_id] = None
        if not signature:
            return ToolCallPart(call_id, name, arguments)
        signed = unseal(signature)
        return ToolCallPart(call_id, name, arguments, signed.signature, signed.provider)

    def read_result(self, result: Reader) -> ToolResultPart:
        """The result of the call that it names by id, else of the first of that name that waits."""
        name = result.text("name") or ""
        call_id = result.text("id")
        if call_id not in self._names:
            call_id = next(iter(self._waiting.get(name, ())), None)
        if call_id is None:
            raise refused(result, "name", f"no call of the function {name!r} waits for a result")
        self._waiting[self._names[call_id]].pop(call_id, None)
        images = tuple(_image(part) for part in tables_in(result, "parts"))
        response = result.object("response")
        text, is_error = ("", False) if response is None else _said(response)
        return ToolResultPart(call_id, text, is_error, images)

    def _made_id(self) -> str:
        while True:
            made = f"call_{self._count}"
            self._count += 1
            if made not in self._given:
                return made


def _given_ids(contents: list[Reader]) -> Iterator[str]:
    for content in contents:
        for part in tables_in(content, "parts"):
            call = part.table.get("functionCall")
            call_id = call.get("id") if isinstance(call, Mapping) else None
            if isinstance(call_id, str):
                yield call_id


def _said(response: Reader) -> tuple[str, bool]:
    """The text of a response, and whether it is an error: what stands alone under one of the keys that Google's
    documentation has for it, else all of it as JSON."""
    table = response.table
    key = next(iter(table)) if len(table) == 1 else ""
    value: Any = table[key] if key in _RESULTS else table
    is_error = key == "error"
    if isinstance(value, str):
        return value, is_error
    at = response.at(key) if key else response.at("response")
    return packed(value, at), is_error
