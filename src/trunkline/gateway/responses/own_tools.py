"""Tools as a client of responses knows them, and as every model can be told them: functions with one flat name.

Three kinds are more than a function: those that take free text instead of JSON (`custom`), the search for tools that
were not told yet (`tool_search`, where the client runs it), and those within a `namespace`. They are offered as
functions, and a call is told the client again as it knows the tool.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from enum import StrEnum

from trunkline.domain.messages import ToolSpec
from trunkline.gateway.left_out import LeftOut
from trunkline.gateway.openai.fields import read_parameters
from trunkline.gateway.reading import Reader
from trunkline.providers.values.jsontext import dumps, object_in

USUAL_NAMESPACE = "functions"
"""What OpenAI's models call the place of functions that have no namespace."""

SEARCH_NAME = "tool_search"
_FREE_TEXT = "input"
_FREE_TEXT_SCHEMA = (
    '{"type":"object","properties":{"input":{"type":"string"}},'
    '"required":["input"],"additionalProperties":false}'
)
_LONGEST_NAME = 64
_DIGEST_BYTES = 4


class ToolKind(StrEnum):
    """What a client calls the kind of a tool."""

    FUNCTION = "function"
    CUSTOM = "custom"
    SEARCH = "tool_search"


@dataclass(frozen=True, slots=True)
class OwnTool:
    """A tool as its client knows it."""

    kind: ToolKind
    name: str
    namespace: str | None = None


def flat_name(namespace: str | None, name: str) -> str:
    """The name under which a model is told a tool: always the same for the same tool, and no longer than providers
    take."""
    if not namespace or namespace == USUAL_NAMESPACE:
        return name
    between = "" if namespace.endswith("__") else "__"
    whole = f"{namespace}{between}{name}"
    if len(whole) <= _LONGEST_NAME:
        return whole
    digest = hashlib.blake2b(whole.encode("utf-8", "replace"), digest_size=_DIGEST_BYTES).hexdigest()
    return f"{whole[: _LONGEST_NAME - len(digest) - 1]}_{digest}"


def as_function(tool: Reader, own: OwnTool, left_out: LeftOut, *, about: str = "") -> ToolSpec:
    """The tool as a function; `about` is what is said of its namespace."""
    if tool.flag("strict"):
        left_out.add("tools.strict")
    said = [about, tool.text("description") or ""]
    if own.kind is ToolKind.CUSTOM:
        said += _free_text_said(tool, left_out)
        schema = _FREE_TEXT_SCHEMA
    else:
        schema = read_parameters(tool)
    return ToolSpec(flat_name(own.namespace, own.name), "\n\n".join(one for one in said if one), schema)


def free_text(arguments: str) -> str:
    """What is meant by a call of a tool that takes free text: its `input`, or all of what does not say it so."""
    table = object_in(arguments)
    if table is None:
        return arguments
    value = table.get(_FREE_TEXT)
    if value is None and len(table) == 1:
        value = next(iter(table.values()))
    return value if isinstance(value, str) else arguments


def free_text_arguments(text: str) -> str:
    """That text as the arguments of a function."""
    return dumps({_FREE_TEXT: text}).decode()


def _free_text_said(tool: Reader, left_out: LeftOut) -> list[str]:
    """How the text goes into a function; a grammar can only be told in words."""
    said = [f"The text goes into `{_FREE_TEXT}` as it is."]
    form = tool.object("format")
    if form is not None and form.text("type") == "grammar":
        left_out.add("tools.format")
        syntax, definition = form.text("syntax") or "", form.text("definition") or ""
        said.append(f"It follows this grammar ({syntax}):\n{definition}")
    return said
