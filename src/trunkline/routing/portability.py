"""What breaks when another model goes on with a conversation (DESIGN §4.4): what is mended, what is left behind, and
what forbids it. Pure; it says beforehand what `providers.portable` and the encoders do."""

from __future__ import annotations

from collections.abc import Collection
from typing import NamedTuple

from trunkline.domain.carried import Carried, Thinking
from trunkline.domain.routes import (
    Capability,
    Catalogue,
    ModelSpec,
    Prefill,
    ProviderSpec,
    ReasoningEcho,
    ToolIds,
)

_OF_ANY_MODEL = (ReasoningEcho.CONTENT, ReasoningEcho.TAGS)
_STRICTNESS = (ToolIds.ANY, ToolIds.WORD, ToolIds.NINE)
_NO_CAPABILITIES = {
    Capability.TOOLS: "tools",
    Capability.IMAGES: "images",
    Capability.IMAGE_URLS: "images by address",
    Capability.JSON: "a JSON format",
    Capability.THINKING: "thinking",
}


class Portability(NamedTuple):
    """In words: `mended` is sent in another form, without loss; `left_behind` is not sent; `refused` forbids it."""

    mended: tuple[str, ...] = ()
    left_behind: tuple[str, ...] = ()
    refused: tuple[str, ...] = ()


WHOLE = Portability()


class Load(NamedTuple):
    """What is to be carried: what messages hold beside words (None: nothing), the capabilities that they need, and the
    tokens that the window must hold, with room for the answer."""

    carried: Carried | None = None
    needs: Collection[Capability] = ()
    need_tokens: int = 0


def portability(
    load: Load, catalogue: Catalogue, left: tuple[str, str], target: tuple[str, str]
) -> Portability:
    """Of a conversation that a model (provider, id) goes on with in place of the one that it has `left`. A model that
    the catalogue no longer knows has left nothing that could be missed."""
    if left == target:
        return WHOLE
    provider, model = catalogue.provider(target[0]), catalogue.model(*target)
    if provider is None or model is None:
        return Portability(refused=("a model that there is",))
    before, owner = catalogue.model(*left), catalogue.provider(left[0])
    return Portability(
        mended=_mended(load, provider, owner),
        left_behind=()
        if before is None or owner is None
        else _left_behind(load, (owner, before), (provider, model)),
        refused=_refused(load, model, before),
    )


def _refused(load: Load, model: ModelSpec, before: ModelSpec | None) -> tuple[str, ...]:
    """What would make the answer another than was asked for."""
    found = [
        name
        for need, name in _NO_CAPABILITIES.items()
        if need in load.needs and need not in model.capabilities
    ]
    if load.need_tokens > model.context_tokens:
        found.append(f"{load.need_tokens:,} tokens in a window of {model.context_tokens:,}")
    begun = load.carried is not None and load.carried.begun
    if begun and model.prefill is Prefill.NONE and before is not None and before.prefill is not Prefill.NONE:
        found.append("an answer that is already begun")
    return tuple(found)


def _mended(load: Load, provider: ProviderSpec, owner: ProviderSpec | None) -> tuple[str, ...]:
    carried, quirks = load.carried or Carried(), provider.quirks
    before = None if owner is None else owner.quirks
    found = []
    if carried.tool_calls and (owner is None or owner.id != provider.id):
        stricter = before is None or _STRICTNESS.index(quirks.tool_ids) > _STRICTNESS.index(before.tool_ids)
        if stricter and quirks.tool_ids is not ToolIds.ANY:
            found.append(f"ids of {_count(carried.tool_calls, 'tool call')}")
        if quirks.echo_reasoning is ReasoningEcho.CONTENT:
            found.append("reasoning that must come with tool calls")
    single = quirks.single_system_message and not (before is not None and before.single_system_message)
    if carried.system_messages > 1 and single:
        found.append(f"{carried.system_messages} system messages made one")
    if Capability.JSON in load.needs and not quirks.json_mode and (before is None or before.json_mode):
        found.append("JSON asked for in words")
    elif carried.schema and not provider.takes_schema and (owner is None or owner.takes_schema):
        found.append("the answer's schema told in words")
    if carried.forced_call and not _forces(provider) and (owner is None or _forces(owner)):
        found.append("a forced tool call asked for in words")
    return tuple(found)


def _forces(provider: ProviderSpec) -> bool:
    return "required" in provider.accepts.tool_choice


def _left_behind(
    load: Load, left: tuple[ProviderSpec, ModelSpec], target: tuple[ProviderSpec, ModelSpec]
) -> tuple[str, ...]:
    """What the one was told and the other is not."""
    carried = load.carried or Carried()
    found = []
    lost = [one for one in carried.thinking if _reads(*left, one) and not _reads(*target, one)]
    for signed, name in ((True, "signed thinking"), (False, "thinking")):
        turns = sum(one.turns for one in lost if one.signed is signed)
        if turns:
            found.append(f"{name} of {_count(turns, 'turn')}")
    signatures = dict(carried.signed_calls).get(left[0].id, 0) if left[0].id != target[0].id else 0
    if signatures:
        found.append(f"signatures of {_count(signatures, 'tool call')}")
    return tuple(found)


def _reads(provider: ProviderSpec, model: ModelSpec, thinking: Thinking) -> bool:
    """Whether a model is told of that reasoning: its own, or that of its provider's other models where those may."""
    any_model = provider.quirks.echo_reasoning in _OF_ANY_MODEL
    return thinking.provider == provider.id and (any_model or thinking.model in (None, model.id))


def _count(n: int, of: str) -> str:
    return f"{n} {of}" if n == 1 else f"{n} {of}s"
