"""Which tools a request offers, and how they are to be used."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from trunkline.domain.messages import ToolChoice, ToolSpec, ToolUse
from trunkline.gateway.dialect import UnreadableError
from trunkline.gateway.left_out import LeftOut, refused
from trunkline.gateway.openai.fields import read_function
from trunkline.gateway.reading import Reader

NameOf = Callable[[Reader], str]
"""The name that a tool is offered under, of a table that means it."""

_ONLY_FUNCTIONS = (
    "only tools of type function can be offered: whoever answers calls them, and the client runs them"
)


def nested_function(table: Reader) -> Reader:
    """Where chat completions has the name of a tool; some clients say it there as for responses."""
    function = table.object("function")
    if function is not None:
        return function
    if table.has("name"):
        return table
    raise table.wrong("function", "an object")


def read_tools(reader: Reader, left_out: LeftOut) -> tuple[tuple[ToolSpec, ...], ToolChoice | None]:
    """The tools of `tools`, and what is wanted of them: see `chosen`."""
    return chosen(reader, tuple(_tools(reader, left_out)), _nested_name)


def chosen(
    reader: Reader, tools: tuple[ToolSpec, ...], name_of: NameOf
) -> tuple[tuple[ToolSpec, ...], ToolChoice | None]:
    """Those of `tools` that may be called, and what `tool_choice` and `parallel_tool_calls` want of them; a choice is
    None where nothing is said of it, and where there are no tools."""
    parallel = reader.flag("parallel_tool_calls")
    use, name, allowed = _choice(reader, name_of)
    if not tools:
        if use in (ToolUse.REQUIRED, ToolUse.NAMED):
            raise refused(reader, "tool_choice", "a tool can be asked for only where tools are offered")
        return (), None
    for one in (*allowed, *(() if name is None else (name,))):
        if all(tool.name != one for tool in tools):
            raise refused(reader, "tool_choice", f"there is no tool named {one!r}")
    if allowed:
        tools = tuple(tool for tool in tools if tool.name in allowed)
    if use is None and parallel is None:
        return tools, None
    return tools, ToolChoice(use or ToolUse.AUTO, name, parallel)


def _nested_name(table: Reader) -> str:
    return nested_function(table).needed_text("name")


def _tools(reader: Reader, left_out: LeftOut) -> Iterable[ToolSpec]:
    for tool in reader.objects("tools"):
        kind = tool.text("type")
        if kind != "function":
            raise UnreadableError(f"{tool.at('type')} is {kind!r}: {_ONLY_FUNCTIONS}", tool.at("type"))
        yield read_function(nested_function(tool), left_out)


def _choice(reader: Reader, name_of: NameOf) -> tuple[ToolUse | None, str | None, tuple[str, ...]]:
    """The use that is wanted, the tool where it is one, and the tools that are allowed where not all are."""
    value = reader.table.get("tool_choice")
    if value is None:
        return None, None, ()
    if isinstance(value, str):
        return _use(reader, "tool_choice", ("auto", "none", "required")), None, ()
    choice = Reader.of(value, reader.at("tool_choice"))
    kind = choice.word("type", ("function", "custom", "allowed_tools"))
    if kind in ("function", "custom"):
        return ToolUse.NAMED, name_of(choice), ()
    if kind is None:
        raise choice.wrong("type", "function or allowed_tools")
    listed = choice.object("allowed_tools") or choice
    names = tuple(name_of(tool) for tool in listed.objects("tools"))
    if not names:
        raise listed.wrong("tools", "a list of at least one tool")
    return _use(listed, "mode", ("auto", "required")), None, names


def _use(reader: Reader, key: str, words: tuple[str, ...]) -> ToolUse:
    return ToolUse(reader.word(key, words) or ToolUse.AUTO)
