"""Items of a responses request that are calls of tools, and what came of them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from trunkline.gateway.left_out import packed
from trunkline.gateway.openai.messages import read_arguments
from trunkline.gateway.reading import Reader
from trunkline.gateway.responses.own_tools import SEARCH_NAME, flat_name, free_text_arguments

_COMMON = ("type", "id", "call_id", "status", "name", "namespace")
CALL_FIELDS: Mapping[str, tuple[str, ...]] = {
    "function_call": (*_COMMON, "arguments"),
    "custom_tool_call": (*_COMMON, "input"),
    "tool_search_call": (*_COMMON, "arguments", "execution"),
}
RESULT_FIELDS: Mapping[str, tuple[str, ...]] = {
    "function_call_output": (*_COMMON, "output"),
    "custom_tool_call_output": (*_COMMON, "output"),
    "tool_search_output": (*_COMMON, "tools", "execution"),
}
_NOTHING_FOUND = "No tool was found."
_FOUND = "These tools can be called from now on: "


def read_call(item: Reader) -> tuple[str, str, str]:
    """The id of a call, the flat name of its tool, and its arguments as JSON text."""
    call_id = item.needed_text("call_id")
    match item.text("type"):
        case "custom_tool_call":
            return call_id, _name(item), free_text_arguments(item.text("input") or "")
        case "tool_search_call":
            found = item.object("arguments")
            return call_id, SEARCH_NAME, "{}" if found is None else packed(found.table, item.at("arguments"))
        case _:
            return call_id, _name(item), read_arguments(item)


def _name(item: Reader) -> str:
    return flat_name(item.text("namespace"), item.needed_text("name"))


def search_told(item: Reader) -> str:
    """What a search for tools found, in words: the tools themselves are told like all others."""
    names = list(_found(item, None))
    return _FOUND + ", ".join(names) if names else _NOTHING_FOUND


def _found(holder: Reader, namespace: str | None) -> Iterator[str]:
    for tool in holder.objects("tools"):
        name = tool.needed_text("name")
        if tool.has("tools"):
            yield from _found(tool, name)
        else:
            yield flat_name(namespace, name)
