"""Which tools a responses request offers: those of `tools`, and those that its items bring later."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from trunkline.domain.messages import ToolChoice, ToolSpec
from trunkline.gateway.dialect import UnreadableError
from trunkline.gateway.left_out import LeftOut
from trunkline.gateway.openai.tools import chosen
from trunkline.gateway.reading import Reader
from trunkline.gateway.responses.own_tools import SEARCH_NAME, OwnTool, ToolKind, as_function, flat_name

BRINGS_TOOLS = ("additional_tools", "tool_search_output")
"""Items of the input that hold tools: told beside the first message, or found by a search."""

_DISPENSABLE = ("web_search", "web_search_preview", "web_search_preview_2025_03_11", "image_generation")
"""What a provider itself runs and agents offer in every request beside their own tools: the work goes on without. A
client that offers nothing else wants just that, and is refused."""

_NOT_RUN_HERE = "whoever answers calls functions and tools of free text, and the client runs them"


def read_tools(
    reader: Reader, left_out: LeftOut
) -> tuple[tuple[ToolSpec, ...], ToolChoice | None, Mapping[str, OwnTool]]:
    """The tools as functions, what is wanted of them, and by the name of each how its client knows it. Raises
    UnreadableError for what only a provider runs and nobody can do without."""
    found = _Found(left_out)
    for tool in _told(reader):
        found.take(tool)
    specs, choice = chosen(reader, found.all_of_them(), found.name_meant)
    return specs, choice, found.own


def _told(reader: Reader) -> Iterator[Reader]:
    yield from reader.objects("tools")
    items = reader.table.get("input")
    if not isinstance(items, list):
        return
    for index, item in enumerate(items):
        if isinstance(item, dict) and item.get("type") in BRINGS_TOOLS:
            yield from Reader(item, f"input.{index}").objects("tools")


class _Found:
    """Gathers tools; one that is told again is the same."""

    def __init__(self, left_out: LeftOut) -> None:
        self._left_out = left_out
        self._specs: dict[str, ToolSpec] = {}
        self._not_run: UnreadableError | None = None
        self.own: dict[str, OwnTool] = {}

    def all_of_them(self) -> tuple[ToolSpec, ...]:
        """Every tool that can be offered. Raises UnreadableError where there are only others."""
        if self._not_run is not None and not self._specs:
            raise self._not_run
        return tuple(self._specs.values())

    def take(self, tool: Reader, namespace: str | None = None, about: str = "") -> bool:
        """One tool, or all of a namespace; whether something new was offered."""
        kind = tool.text("type")
        if kind == "namespace" and namespace is None:
            self._take_namespace(tool)
            return True
        if kind in _DISPENSABLE or (kind == ToolKind.SEARCH and tool.text("execution") != "client"):
            self._not_run = self._not_run or _refusal(tool, kind)
            self._left_out.add(f"tools.{kind}")
            return False
        if kind not in tuple(ToolKind):
            raise _refusal(tool, kind)
        name = SEARCH_NAME if kind == ToolKind.SEARCH else tool.needed_text("name")
        own = OwnTool(ToolKind(kind), name, namespace)
        flat = flat_name(namespace, name)
        if flat in self._specs:
            return False
        self._specs[flat] = as_function(tool, own, self._left_out, about=about)
        self.own[flat] = own
        return True

    def _take_namespace(self, group: Reader) -> None:
        """Its tools; what is said of it stands before the first."""
        name, about = group.needed_text("name"), group.text("description") or ""
        for tool in group.objects("tools"):
            if self.take(tool, name, about):
                about = ""

    def name_meant(self, table: Reader) -> str:
        """The name under which a tool that a choice means is offered; the choice need not say its namespace."""
        name = table.needed_text("name")
        flat = flat_name(table.text("namespace"), name)
        if flat in self.own:
            return flat
        return next((one for one, own in self.own.items() if own.name == name), flat)


def _refusal(tool: Reader, kind: str | None) -> UnreadableError:
    return UnreadableError(f"{tool.at('type')} is {kind!r}: {_NOT_RUN_HERE}", tool.at("type"))
