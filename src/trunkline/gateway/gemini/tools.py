"""Which functions a request offers, and how they are to be used."""

from __future__ import annotations

from collections.abc import Iterator

from trunkline.domain.messages import ToolChoice, ToolSpec, ToolUse
from trunkline.gateway.gemini.schema import json_schema
from trunkline.gateway.gemini.tables import table_in, tables_in
from trunkline.gateway.left_out import LeftOut, packed, refused
from trunkline.gateway.reading import Reader

_KNOWN = ("name", "description", "parameters", "parametersJsonSchema")
_NO_PARAMETERS = '{"type":"object","properties":{}}'
_DISPENSABLE = ("googleSearch", "googleSearchRetrieval", "urlContext", "googleMaps")
"""What Google itself looks up for an answer, and is done without beside functions: the work goes on. Who offers
nothing else wants just that."""

_GOOGLES_OWN = "is a tool that Google runs itself: only functions that the client runs can be offered here"
_USES = {
    "AUTO": ToolUse.AUTO,
    "VALIDATED": ToolUse.AUTO,
    "ANY": ToolUse.REQUIRED,
    "NONE": ToolUse.NONE,
    "MODE_UNSPECIFIED": ToolUse.AUTO,
}


def read_tools(body: Reader, left_out: LeftOut) -> tuple[tuple[ToolSpec, ...], ToolChoice | None]:
    """The functions of `tools`, no others than `toolConfig` allows, and what it wants of them: None where it says
    nothing, and where there are none. Raises UnreadableError for tools that Google runs and nobody can do without."""
    tools = tuple(_functions(body, left_out))
    config = table_in(body, "toolConfig")
    calling = None if config is None else table_in(config, "functionCallingConfig")
    if calling is None:
        return tools, None
    mode = (calling.text("mode") or "AUTO").upper()
    if mode not in _USES:
        raise calling.wrong("mode", "AUTO, ANY, NONE or VALIDATED")
    use = _USES[mode]
    if not tools:
        if use is ToolUse.REQUIRED:
            raise refused(calling, "mode", "a function can be asked for only where functions are offered")
        return (), None
    allowed = calling.texts("allowedFunctionNames")
    if not allowed or use is ToolUse.NONE:
        return tools, ToolChoice(use)
    missing = next((name for name in allowed if all(tool.name != name for tool in tools)), None)
    if missing is not None:
        raise refused(calling, "allowedFunctionNames", f"there is no function named {missing!r}")
    tools = tuple(tool for tool in tools if tool.name in allowed)
    if use is ToolUse.REQUIRED and len(tools) == 1:
        return tools, ToolChoice(ToolUse.NAMED, tools[0].name)
    return tools, ToolChoice(use)


def _functions(body: Reader, left_out: LeftOut) -> Iterator[ToolSpec]:
    tools = tuple(tables_in(body, "tools"))
    offers_functions = any(tool.table.get("functionDeclarations") for tool in tools)
    for tool in tools:
        for own in (name for name in tool.table if name != "functionDeclarations" and tool.has(name)):
            if own not in _DISPENSABLE or not offers_functions:
                raise refused(tool, own, f"{own} {_GOOGLES_OWN}")
            left_out.add(f"tools.{own}")
        for declared in tables_in(tool, "functionDeclarations"):
            left_out.add_unknown(declared, _KNOWN, "tools.")
            name = declared.needed_text("name")
            yield ToolSpec(name, declared.text("description") or "", _parameters(declared))


def _parameters(declared: Reader) -> str:
    plain = declared.object("parametersJsonSchema")
    if plain is not None:
        return packed(plain.table, declared.at("parametersJsonSchema"))
    parameters = declared.object("parameters")
    if parameters is None:
        return _NO_PARAMETERS
    at = declared.at("parameters")
    return packed(json_schema(parameters.table, at), at)
