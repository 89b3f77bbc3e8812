"""One closed union of things that happen. An `Event` stamps a body with request, sequence and wall time."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from trunkline.domain.decisions import Decision, NoRoute
from trunkline.domain.faults import Fault
from trunkline.domain.limits import LimitReading
from trunkline.domain.money import Usage
from trunkline.domain.queue import HeldFor
from trunkline.domain.receipts import FinishReason, Receipt
from trunkline.domain.routes import Route
from trunkline.domain.snapshot import LogEntry, RunningCall
from trunkline.domain.state import Block
from trunkline.domain.tasks import Task, Tier

# -- protocol: what a provider's reply says, one upstream call ----------------------------------------------------


@dataclass(frozen=True, slots=True)
class Started:
    """The reply has begun. `served_model` is what the provider says it runs, None where it does not say."""

    served_model: str | None = None
    readings: tuple[LimitReading, ...] = ()


@dataclass(frozen=True, slots=True)
class TextDelta:
    """More of the answer."""

    text: str


@dataclass(frozen=True, slots=True)
class ThinkingDelta:
    """More of the model's reasoning; never part of the answer. `signature` closes a piece of reasoning and belongs
    to all of it since the last one; where `redacted`, it is the reasoning, unreadable."""

    text: str
    signature: str | None = None
    redacted: bool = False


@dataclass(frozen=True, slots=True)
class ToolCallDelta:
    """One whole tool call; decoders gather fragments, so that none is ever half-emitted. `signature` goes back to
    the same provider with the call."""

    index: int
    call_id: str
    name: str
    arguments: str
    signature: str | None = None


@dataclass(frozen=True, slots=True)
class Embedded:
    """The vectors of a request for embeddings, in the order of its texts: each as little-endian 32-bit floats, which
    take a tenth of the room of Python's."""

    vectors: tuple[bytes, ...]


@dataclass(frozen=True, slots=True)
class UsageSeen:
    """The provider's own count; the last one wins."""

    usage: Usage


@dataclass(frozen=True, slots=True)
class Finished:
    """The provider says the answer is whole (or stopped for `reason`). Nothing follows."""

    reason: FinishReason


WireEvent = Started | TextDelta | ThinkingDelta | ToolCallDelta | Embedded | UsageSeen | Finished | Fault

# -- request: what the engine does with it ------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Queued:
    """Accepted; `lane` is the priority it waits in."""

    lane: str


@dataclass(frozen=True, slots=True)
class Decided:
    """The engine knows what is asked and who should answer first."""

    task: Task
    decision: Decision | NoRoute


@dataclass(frozen=True, slots=True)
class AttemptStarted:
    """An upstream call begins; numbered from 1. `left_out` are the wishes of the request that this provider or model
    cannot be told, in the request's own words."""

    number: int
    route: Route
    left_out: tuple[str, ...] = ()


class RerouteCause(StrEnum):
    """Why the next route was taken."""

    REFUSED = "refused"
    FAULT = "fault"
    SHORT = "short"
    CUT = "cut"


@dataclass(frozen=True, slots=True)
class Rerouted:
    """The request goes down another route. `after_ms` is from the refusal's last byte to this moment. `tier` is what
    its task is taken for from now on, where that was raised."""

    from_route: Route
    to_route: Route
    cause: RerouteCause
    fault: Fault | None
    after_ms: float
    tier: Tier | None = None


@dataclass(frozen=True, slots=True)
class Waiting:
    """Waiting for a stated reset before trying `route` again."""

    until_ms: int
    route: Route
    fault: Fault | None = None


@dataclass(frozen=True, slots=True)
class Parked:
    """Nobody can serve now; it waits until then (None: nobody can say). `kept`: in the store, so that it outlives this
    process."""

    until_ms: int | None
    no_route: NoRoute
    kept: bool = False


@dataclass(frozen=True, slots=True)
class Held:
    """Not let go yet for another reason than that nobody can serve; `until_ms` None: nobody can say. `kept`: in the
    store, so that it outlives this process."""

    held_for: HeldFor
    why: str
    until_ms: int | None = None
    kept: bool = False


class SeamKind(StrEnum):
    """How a cut answer was carried on."""

    PREFILL = "prefill"
    ANCHOR = "anchor"


@dataclass(frozen=True, slots=True)
class Seam:
    """From character `at_char` of the answer on, another route is writing."""

    kind: SeamKind
    at_char: int
    route: Route


@dataclass(frozen=True, slots=True)
class Restarted:
    """The answer begins anew; what was shown so far no longer counts."""

    route: Route


@dataclass(frozen=True, slots=True)
class Answered:
    """Over: a whole answer."""

    receipt: Receipt


@dataclass(frozen=True, slots=True)
class Failed:
    """Over: no whole answer; the receipt's fault says why."""

    receipt: Receipt


@dataclass(frozen=True, slots=True)
class Cancelled:
    """Over: stopped by the asker; partial text was kept. Where `kept`, it is over for this process only: it waits in
    the store and goes on by itself, and nothing of it is recorded yet."""

    receipt: Receipt
    kept: bool = False


Ending = Answered | Failed | Cancelled

# -- bus: what concerns everybody ---------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class SnapshotChanged:
    """Something that panels show has changed; ask for the snapshot."""


@dataclass(frozen=True, slots=True)
class TrafficSeen:
    """Other processes have begun or finished something: requests of theirs that are over, the last one to end first,
    and the calls that are under way in any process. The next snapshot tells of them too."""

    ended: tuple[LogEntry, ...]
    running: tuple[RunningCall, ...]


@dataclass(frozen=True, slots=True)
class LimitLearned:
    """A provider told of a limit that was not known, or of another amount."""

    provider: str
    account: str
    reading: LimitReading


@dataclass(frozen=True, slots=True)
class BreakerChanged:
    """Something was blocked (`block` set) or is free again (`block` None)."""

    target: str
    block: Block | None


@dataclass(frozen=True, slots=True)
class ConfigChanged:
    """Another configuration is in force, or one was refused (`error` says why) and the last good one stays."""

    generation: str
    error: str | None = None


class AlertLevel(StrEnum):
    """How loud."""

    NOTICE = "notice"
    WARNING = "warning"
    CRITICAL = "critical"


@dataclass(frozen=True, slots=True)
class Alert:
    """Something a person should know; `cause` is the same for repeats of one thing."""

    level: AlertLevel
    cause: str
    text: str


RequestBody = (
    Started
    | TextDelta
    | ThinkingDelta
    | ToolCallDelta
    | Embedded
    | UsageSeen
    | Finished
    | Fault
    | Queued
    | Decided
    | AttemptStarted
    | Rerouted
    | Waiting
    | Parked
    | Held
    | Seam
    | Restarted
    | Answered
    | Failed
    | Cancelled
)
BusBody = SnapshotChanged | TrafficSeen | LimitLearned | BreakerChanged | ConfigChanged | Alert
Body = RequestBody | BusBody


@dataclass(frozen=True, slots=True)
class Event:
    """A body with the request it belongs to (empty for the bus), its place in that request's sequence, and wall
    time."""

    request_id: str
    seq: int
    at_ms: int
    body: Body
