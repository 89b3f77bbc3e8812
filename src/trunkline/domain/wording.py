"""What is said of a refusal to a person, wherever: in the words of how the account is paid for. Pure.

An allowance that is used up renews by itself: "quota limit hit, resets Tue 02:00 (in 3 h 12 m)". Only a balance is
"out of credit". The provider's own words are in `Block.provider_text` and `Fault.provider_text`.
"""

from __future__ import annotations

import re
from datetime import datetime, tzinfo

from trunkline.domain.faults import Fault, FaultCode
from trunkline.domain.learned import Verdict
from trunkline.domain.limits import WHOLE_SHARE, Window
from trunkline.domain.receipts import TierUpgrade
from trunkline.domain.state import Block

_DAY_MS = 86_400_000
# What messages say of the reset by themselves, in UTC, for logs and JSON.
_RESET = re.compile(r", (?:resets at \S+|no reset stated)$")
_UNSTATED = ", no reset stated"

_BECAUSE = {
    Verdict.EMPTY: "the answer was empty",
    Verdict.REFUSED: "the answer was refused",
    Verdict.REGENERATED: "it was asked again",
}
_SAID = {
    Verdict.UP: "found good",
    Verdict.DOWN: "found bad",
    Verdict.REGENERATED: "asked again",
    Verdict.ELSEWHERE: "asked again elsewhere",
    Verdict.EMPTY: "an answer was empty",
    Verdict.REFUSED: "an answer was refused",
    Verdict.MALFORMED: "an answer could not be read",
}


def moment(at_ms: int, now_ms: int, zone: tzinfo | None) -> str:
    """A moment to come on the clocks of `zone` (None: the machine's own): `14:31` today, `Tue 02:00` within the week,
    else `3 Dec 02:00`."""
    at, now = (datetime.fromtimestamp(ms / 1000, tz=zone) for ms in (at_ms, now_ms))
    clock = at.strftime("%H:%M")
    if at.date() == now.date():
        return clock
    return f"{at:%a} {clock}" if abs(at_ms - now_ms) < 6 * _DAY_MS else f"{at.day} {at:%b} {clock}"


def countdown(left_ms: int) -> str:
    """How long that is, in its two largest units: `41 s`, `28 m`, `3 h 12 m`, `2 d 4 h`; what is begun counts."""
    seconds = max(0, -(-left_ms // 1000))
    if seconds < 60:
        return f"{seconds} s"
    minutes = -(-seconds // 60)
    if minutes < 60:
        return f"{minutes} m"
    hours, minutes = divmod(minutes, 60)
    if hours < 48:
        return f"{hours} h {minutes} m" if minutes else f"{hours} h"
    days, hours = divmod(hours, 24)
    return f"{days} d {hours} h" if hours else f"{days} d"


def resets(at_ms: int, now_ms: int, zone: tzinfo | None) -> str:
    """When an allowance renews: `resets Tue 02:00 (in 3 h 12 m)`, under a minute `resets in 41 s`."""
    return _when("resets", at_ms, now_ms, zone)


def reason(block: Block) -> str:
    """Why something is refused, without until when: for a line that has a place of its own for that."""
    return _RESET.sub("", block.message)


def fault_reason(fault: Fault) -> str:
    """What went wrong, without until when: for a line that has a place of its own for that."""
    return _RESET.sub("", fault.message)


def fault_sentence(fault: Fault, now_ms: int, zone: tzinfo | None) -> str:
    """What went wrong and on which moment it ends, which is as true later as it is now: `quota limit hit, resets Tue
    02:00`."""
    said = fault_reason(fault)
    if said == fault.message or fault.usable_at_ms is None:
        return said
    return f"{said}, resets {moment(fault.usable_at_ms, now_ms, zone)}"


def refusal_sentence(block: Block, now_ms: int, zone: tzinfo | None) -> str:
    """Why something is refused and until when: `quota limit hit, resets Tue 02:00 (in 3 h 12 m)`, `out of credit,
    tried again 14:31 (in 28 m)`, `the provider rejects the key, until you act`."""
    said = reason(block)
    if block.code == FaultCode.NOT_LISTED:
        return f"{said}; the others go before it"
    if block.half_open or (block.until_ms is not None and block.until_ms <= now_ms):
        return f"{said}, the next request tries it"
    if block.until_ms is None:
        return f"{said}, until you act"
    is_told = block.kind.is_limit and not block.message.endswith(_UNSTATED)
    return f"{said}, {_when('resets' if is_told else 'tried again', block.until_ms, now_ms, zone)}"


def plan_window(window: Window) -> str:
    """A plan's allowance by how long it lasts, where nobody tells it in numbers: `plan's 5 h`, `plan's week`."""
    if window.unit is not None:
        return f"plan's {window.unit.value}"
    return "plan" if window.length_ms is None else f"plan's {countdown(window.length_ms)}"


def share_words(millionths: float) -> str:
    """A share counted in millionths, in percent: `42 %`, never rounded up to 100 or down to 0."""
    percent = 100 * millionths / WHOLE_SHARE
    if 0 < percent < 1:
        return "<1 %"
    return f"{min(99, round(percent)) if percent < 100 else 100} %"


def _when(verb: str, at_ms: int, now_ms: int, zone: tzinfo | None) -> str:
    left_ms = at_ms - now_ms
    if left_ms <= 0:
        return f"{verb} now"
    if left_ms < 60_000:
        return f"{verb} in {countdown(left_ms)}"
    return f"{verb} {moment(at_ms, now_ms, zone)} (in {countdown(left_ms)})"


def upgrade_sentence(upgrade: TierUpgrade) -> str:
    """What was put behind a request, and why: `one tier up (t2) because the answer was empty`."""
    why = _BECAUSE.get(upgrade.because, upgrade.because.value)
    raised = upgrade.to_tier is not upgrade.from_tier
    return f"{f'one tier up ({upgrade.to_tier})' if raised else 'the next best route'} because {why}"


def verdict_words(verdict: Verdict) -> str:
    """What was said of an answer."""
    return _SAID[verdict]
