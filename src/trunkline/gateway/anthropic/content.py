"""Messages as Anthropic's clients send them: text, or blocks of many kinds."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import groupby

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
from trunkline.gateway.anthropic.signatures import unseal
from trunkline.gateway.dialect import UnreadableError
from trunkline.gateway.left_out import LeftOut, packed, refused
from trunkline.gateway.reading import Reader

CACHE_MARK = "cache_control"
BILLING_LINE = "x-anthropic-billing-header"
"""How the first system block of Claude Code begins: a line for Anthropic's accounting that differs in each request, so
that no provider's prompt cache would ever be met (anthropics/claude-code#68900)."""

_ONLY_TEXT = (
    "only documents of plain text can be passed on: extract the text of others, or send pages as images"
)
_FILES = "a file that is kept at Anthropic cannot be read from here: send the content itself"
_NOT_RUN_HERE = "blocks of this kind come from tools that Anthropic runs itself and cannot be passed on"


def read_messages(reader: Reader, left_out: LeftOut) -> tuple[Message, ...]:
    """`system` and `messages`: a message for each system block, and one of role tool for each row of tool results,
    wherever it stands."""
    messages = [
        Message.of(Role.SYSTEM, text)
        for text in _texts(reader, "system", left_out)
        if not _is_billing_line(text, left_out)
    ]
    said = list(reader.objects("messages"))
    for one in said:
        messages += _read_message(one, left_out)
    if not any(message.role is not Role.SYSTEM for message in messages):
        raise reader.wrong("messages", "a list of at least one message that says something")
    return tuple(messages)


def _is_billing_line(text: str, left_out: LeftOut) -> bool:
    if not text.startswith(f"{BILLING_LINE}:"):
        return False
    left_out.add(BILLING_LINE)
    return True


def _read_message(reader: Reader, left_out: LeftOut) -> Iterator[Message]:
    role = reader.word("role", ("user", "assistant", "system"))
    if role is None:
        raise reader.wrong("role", "user or assistant")
    if role == "system":
        yield from (Message.of(Role.SYSTEM, text) for text in _texts(reader, "content", left_out))
        return
    parts = list(_parts(reader, role, left_out))
    for is_result, row in groupby(parts, lambda part: isinstance(part, ToolResultPart)):
        yield Message(Role.TOOL if is_result else Role(role), tuple(row))


def _texts(reader: Reader, key: str, left_out: LeftOut) -> Iterator[str]:
    """Text, or blocks of nothing but text; empty ones are left out."""
    for block in _blocks(reader, key):
        if isinstance(block, str):
            text: str | None = block
        else:
            if block.text("type") != "text":
                raise block.wrong("type", "text")
            text = _text(block, left_out)
        if text:
            yield text


def _blocks(reader: Reader, key: str) -> Iterator[Reader | str]:
    value = reader.table.get(key)
    if value is None:
        return
    if isinstance(value, str):
        yield value
    elif isinstance(value, list):
        yield from reader.objects(key)
    else:
        raise reader.wrong(key, "text or a list of blocks")


def _parts(reader: Reader, role: str, left_out: LeftOut) -> Iterator[Part]:
    for block in _blocks(reader, "content"):
        if isinstance(block, str):
            part: Part | None = TextPart(block) if block else None
        else:
            part = _part(block, role, left_out)
        if part is not None:
            yield part


def _part(block: Reader, role: str, left_out: LeftOut) -> Part | None:
    """One block; None for a text without a word, which Anthropic refuses and nobody needs."""
    kind = block.needed_text("type")
    _note_marks(block, left_out)
    if role == "user":
        shown = _shown(block, kind, left_out)
        if shown is not None:
            return shown if not isinstance(shown, TextPart) or shown.text else None
        if kind == "tool_result":
            return _result(block, left_out)
    elif kind == "text":
        text = _text(block, left_out)
        return TextPart(text) if text else None
    elif kind == "tool_use":
        return _call(block)
    elif kind in ("thinking", "redacted_thinking"):
        return _thinking(block, redacted=kind == "redacted_thinking")
    raise _unknown(block, kind, role)


def _unknown(block: Reader, kind: str, role: str) -> UnreadableError:
    if kind in ("text", "image", "document", "search_result", "tool_result", "tool_use", "thinking"):
        return refused(block, "type", f"no block of type {kind} can stand in a message of the {role}'s")
    if kind == "container_upload":
        return refused(block, "type", _FILES)
    return refused(block, "type", f"{kind}: {_NOT_RUN_HERE}")


def _note_marks(block: Reader, left_out: LeftOut) -> None:
    if block.has(CACHE_MARK):
        left_out.add(CACHE_MARK)
    citations = block.table.get("citations")
    if isinstance(citations, dict) and citations.get("enabled"):
        left_out.add("citations")


def _text(block: Reader, left_out: LeftOut) -> str:
    _note_marks(block, left_out)
    text = block.text("text")
    if text is None:
        raise block.wrong("text", "text")
    return text


def _shown(block: Reader, kind: str, left_out: LeftOut) -> TextPart | ImagePart | None:
    """What a user or a tool shows: text, an image, a document as its text; None for blocks of other kinds."""
    match kind:
        case "text":
            return TextPart(_text(block, left_out))
        case "image":
            return _image(block)
        case "document":
            return TextPart(_document(block, left_out))
        case "search_result":
            heads = (block.text("title"), block.text("source"))
            return TextPart(_joined(*heads, *_texts(block, "content", left_out)))
        case _:
            return None


def _joined(*texts: str | None) -> str:
    return "\n".join(text for text in texts if text)


def _image(block: Reader) -> ImagePart:
    source = _source(block)
    match source.text("type"):
        case "base64":
            media_type = source.needed_text("media_type")
            if not media_type.startswith("image/"):
                raise source.wrong("media_type", "that of an image")
            return ImagePart(f"data:{media_type};base64,{source.needed_text('data')}")
        case "url":
            url = source.needed_text("url")
            if not url.lower().startswith(("http://", "https://")):
                raise source.wrong("url", "an address that begins with http")
            return ImagePart(url)
        case "file":
            raise refused(source, "type", _FILES)
        case _:
            raise source.wrong("type", "base64 or url")


def _source(block: Reader) -> Reader:
    source = block.object("source")
    if source is None:
        raise block.wrong("source", "an object")
    return source


def _document(block: Reader, left_out: LeftOut) -> str:
    """The text of a document, under its title and what is said of it."""
    source = _source(block)
    match source.text("type"):
        case "text":
            texts = [source.needed_text("data")]
        case "content":
            texts = list(_texts(source, "content", left_out))
        case "file":
            raise refused(source, "type", _FILES)
        case _:
            raise refused(source, "type", _ONLY_TEXT)
    return _joined(block.text("title"), block.text("context"), *texts)


def _result(block: Reader, left_out: LeftOut) -> ToolResultPart:
    texts: list[str] = []
    images: list[ImagePart] = []
    for piece in _blocks(block, "content"):
        if isinstance(piece, str):
            texts.append(piece)
            continue
        kind = piece.needed_text("type")
        _note_marks(piece, left_out)
        shown = _shown(piece, kind, left_out)
        if isinstance(shown, ImagePart):
            images.append(shown)
        elif shown is not None:
            texts.append(shown.text)
        elif kind == "tool_reference":
            # Every tool is told to whoever answers, so that the name alone says which was found.
            texts.append(piece.needed_text("tool_name"))
        else:
            raise refused(piece, "type", f"{kind}: {_NOT_RUN_HERE}")
    return ToolResultPart(
        block.needed_text("tool_use_id"),
        "\n".join(texts),
        bool(block.flag("is_error")),
        tuple(images),
    )


def _call(block: Reader) -> ToolCallPart:
    given = block.object("input")
    arguments = "{}" if given is None else packed(given.table, block.at("input"))
    return ToolCallPart(block.needed_text("id"), block.needed_text("name"), arguments)


def _thinking(block: Reader, *, redacted: bool) -> ThinkingPart:
    signature = block.text("data" if redacted else "signature") or ""
    return unseal(signature, "" if redacted else block.text("thinking") or "", redacted=redacted)
