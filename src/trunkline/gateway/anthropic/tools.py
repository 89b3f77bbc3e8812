"""Which tools a request offers, and how they are to be used."""

from __future__ import annotations

from trunkline.domain.messages import ToolChoice, ToolSpec, ToolUse
from trunkline.gateway.anthropic.content import CACHE_MARK
from trunkline.gateway.dialect import UnreadableError
from trunkline.gateway.left_out import LeftOut, packed, refused
from trunkline.gateway.reading import Reader

_KNOWN = ("type", "name", "description", "input_schema", CACHE_MARK)
_ANTHROPICS_OWN = (
    "is a tool of Anthropic's own, which other models do not know: only custom tools, with an input_schema, can be"
    " offered here"
)
_DISPENSABLE = ("web_search_", "web_fetch_", "tool_search_tool_", "advisor_")
"""How the kinds of tools begin that Anthropic itself runs and that agents offer beside their own: the work goes on
without, and every tool that could be searched for is told. Who offers nothing else wants just that."""

_RUN_ELSEWHERE = "is a tool that Anthropic itself runs, and cannot be used from here"
_USES = {"auto": ToolUse.AUTO, "any": ToolUse.REQUIRED, "tool": ToolUse.NAMED, "none": ToolUse.NONE}


def read_tools(reader: Reader, left_out: LeftOut) -> tuple[ToolSpec, ...]:
    """The tools that the client runs. Raises UnreadableError for those that only Anthropic runs and nobody can do
    without, or only its models know how to call."""
    tools: list[ToolSpec] = []
    not_run: UnreadableError | None = None
    for tool in reader.objects("tools"):
        kind = tool.text("type")
        if tool.has(CACHE_MARK):
            left_out.add(CACHE_MARK)
        if kind is not None and kind.startswith(_DISPENSABLE):
            not_run = not_run or refused(tool, "type", f"{kind} {_RUN_ELSEWHERE}")
            left_out.add(f"tools.{kind}")
        elif kind not in (None, "custom"):
            raise refused(tool, "type", f"{kind} {_ANTHROPICS_OWN}")
        else:
            tools.append(_custom(tool, left_out))
    if not_run is not None and not tools:
        raise not_run
    return tuple(tools)


def _custom(tool: Reader, left_out: LeftOut) -> ToolSpec:
    schema = tool.object("input_schema")
    if schema is None:
        raise tool.wrong("input_schema", "an object")
    left_out.add_unknown(tool, _KNOWN, "tools.")
    packed_schema = packed(schema.table, tool.at("input_schema"))
    return ToolSpec(tool.needed_text("name"), tool.text("description") or "", packed_schema)


def read_choice(reader: Reader, tools: tuple[ToolSpec, ...]) -> ToolChoice | None:
    """What `tool_choice` wants of them; None where it says nothing, and where there are none."""
    choice = reader.object("tool_choice")
    if choice is None:
        return None
    word = choice.word("type", tuple(_USES))
    if word is None:
        raise choice.wrong("type", f"one of {', '.join(_USES)}")
    use = _USES[word]
    name = choice.needed_text("name") if use is ToolUse.NAMED else None
    if name is not None and all(tool.name != name for tool in tools):
        raise refused(choice, "name", "there is no tool of this name")
    if not tools:
        if use is ToolUse.REQUIRED:
            raise refused(reader, "tool_choice", "a tool can be asked for only where tools are offered")
        return None
    alone = choice.flag("disable_parallel_tool_use")
    return ToolChoice(use, name, None if alone is None else not alone)
