"""What a request says, in words that all protocols share: turns, calls, results; and what must hold between them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from trunkline.simulator.answers import find_anchor, tokens_of
from trunkline.simulator.play import Asked, Call, ToolResult
from trunkline.simulator.wishes import told_by_system, wants_thought

_TOKENS_PER_IMAGE = 85
_TOKENS_PER_TURN = 4
_OF_A_RESULT = "[image of the result of the call "


def names(text: str) -> frozenset[str]:
    """The words of a text, as a set of field names."""
    return frozenset(text.split())


@dataclass(frozen=True, slots=True)
class Turn:
    """One turn: `role` is system, user, assistant or tool. `thought` is reasoning that was sent back with it."""

    role: str
    text: str = ""
    images: int = 0
    calls: tuple[Call, ...] = ()
    results: tuple[ToolResult, ...] = ()
    thought: str | None = None

    @property
    def tokens(self) -> int:
        """About what it costs as input."""
        said = "".join((*(call.arguments for call in self.calls), *(result.text for result in self.results)))
        images = self.images + sum(result.images for result in self.results)
        return tokens_of(self.text + said) + images * _TOKENS_PER_IMAGE + _TOKENS_PER_TURN


@dataclass(frozen=True, slots=True)
class Unpaired:
    """A result without its call (`is_result`), or a call that is not answered at once; `turn` is its place."""

    call_id: str
    turn: int
    is_result: bool


def unpaired(turns: Sequence[Turn]) -> Unpaired | None:
    """The first call or result that stands alone: results follow their calls directly, each exactly once."""
    waiting: dict[str, int] = {}
    for index, turn in enumerate(turns):
        for result in turn.results:
            if result.call_id not in waiting:
                return Unpaired(result.call_id, index, is_result=True)
            del waiting[result.call_id]
        if waiting and turn.role != "tool":
            call_id, at = next(iter(waiting.items()))
            return Unpaired(call_id, at, is_result=False)
        waiting |= {call.call_id: index for call in turn.calls}
    if waiting:
        call_id, at = next(iter(waiting.items()))
        return Unpaired(call_id, at, is_result=False)
    return None


def current(turns: Sequence[Turn]) -> Sequence[Turn]:
    """The turns since the user last spoke, that turn left out."""
    spoke = [index for index, turn in enumerate(turns) if turn.role == "user" and not turn.results]
    return turns[spoke[-1] + 1 :] if spoke else turns


def _with_images_of_results(turns: Sequence[Turn]) -> Sequence[Turn]:
    """The turns with what a user shows of a result, where the protocol has no place for it there, as the result's."""
    told: list[Turn] = []
    for turn in turns:
        before = told[-1] if told else None
        if (
            before is not None
            and before.results
            and turn.role == "user"
            and turn.text.startswith(_OF_A_RESULT)
        ):
            last = replace(before.results[-1], images=before.results[-1].images + turn.images)
            told[-1] = replace(before, results=(*before.results[:-1], last))
        else:
            told.append(turn)
    return told


def gist(
    turns: Sequence[Turn],
    *,
    model: str,
    stream: bool,
    thinks: bool | None,
    tools_tokens: int = 0,
    **more: Any,
) -> Asked:
    """What is asked by `turns`; `more` are the fields of `Asked` that only the protocol knows. `thinks` is what the
    request's parameters say of it; None leaves it to the prompt. `tools_tokens` is what the tools cost as input."""
    input_tokens = sum(turn.tokens for turn in turns) + tools_tokens
    turns = _with_images_of_results(turns)
    told = [turn.text for turn in turns if turn.role == "system"]
    if turns[-1].role == "user" and find_anchor(turns[-1].text) is not None:
        told.append(turns[-1].text)
    demanded = told_by_system("\n".join(told), more.get("tools", ())) if told else {}
    cacheable = tuple(turn.text for turn in turns[:-1])
    begun, anchor = None, find_anchor(turns[-1].text) if turns[-1].role == "user" else None
    if anchor is not None and len(turns) > 1 and turns[-2].role == "assistant":
        begun, turns = turns[-2].text, turns[:-2]
    elif turns[-1].role == "assistant" and not turns[-1].calls:
        begun, turns = turns[-1].text, turns[:-1]
    asker = next((turn for turn in reversed(turns) if turn.role == "user" and not turn.results), None)
    wish = asker.text if asker is not None else ""
    since = current(turns)
    trailing = turns[-1].results if turns and turns[-1].role == "user" else _trailing(turns)
    return Asked(
        model=model,
        stream=stream,
        prompt="\n".join(turn.text for turn in turns if turn.role != "system"),
        input_tokens=input_tokens,
        begun=begun,
        anchor=anchor,
        wish=wish,
        thinks=wants_thought(wish) if thinks is None else thinks,
        images=asker.images if asker is not None else 0,
        results=trailing,
        steps=sum(1 for turn in since if turn.calls),
        **(
            {"cacheable": cacheable}
            | more
            | {name: value for name, value in demanded.items() if not more.get(name)}
        ),
    )


def _trailing(turns: Sequence[Turn]) -> tuple[ToolResult, ...]:
    """The results of the tool turns that end the conversation."""
    found: list[ToolResult] = []
    for turn in reversed(turns):
        if turn.role != "tool":
            break
        found[:0] = turn.results
    return tuple(found)
