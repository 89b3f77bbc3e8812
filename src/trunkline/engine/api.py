"""The engine's public face. TUI, command line and gateway use nothing else."""

from __future__ import annotations

from collections.abc import AsyncGenerator, AsyncIterator, Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from trunkline.domain.chats import ConversationSettings, ConversationSummary, KeptConversation
from trunkline.domain.checks import CheckResult
from trunkline.domain.crisis import CrisisSummary
from trunkline.domain.decisions import Decision, NoRoute
from trunkline.domain.events import Event
from trunkline.domain.latency_history import LatencyHistory
from trunkline.domain.learned import Received, Verdict
from trunkline.domain.messages import ChatRequest
from trunkline.domain.receipts import Receipt
from trunkline.domain.snapshot import Snapshot
from trunkline.domain.tasks import Task
from trunkline.domain.trials import PreferencesTrial

if TYPE_CHECKING:
    from trunkline.engine.holds import Hold
    from trunkline.routing.token_budget import OverBudget

CHECK_TIMEOUT_MS = 8_000


@dataclass(frozen=True, slots=True)
class Preview:
    """What a request would be taken for and who would answer; no call was made. `window_tokens` is the context window
    of the chosen model. `held` is what would keep it waiting first, by orders or by a crisis: who answers may be
    another by then. `over_budget`: it would be refused for its length unless somebody says that it may be so long."""

    task: Task
    decision: Decision | NoRoute
    window_tokens: int | None = None
    held: Hold | None = None
    over_budget: OverBudget | None = None


@dataclass(frozen=True, slots=True)
class Answer:
    """A request that is over: the text as far as it came, and the receipt that says whether it is whole."""

    text: str
    receipt: Receipt


class RequestHandle(Protocol):
    """A request under way."""

    @property
    def request_id(self) -> str: ...

    def events(self) -> AsyncIterator[Event]:
        """Its events from the first one on, to the ending. Several may read; leaving only detaches."""
        ...

    async def answer(self) -> Answer:
        """Wait for the end."""
        ...

    def cancel(self) -> None:
        """Stop it; the connection is closed within 100 ms and the partial text is kept."""
        ...


class EngineFace(Protocol):
    """What every face may ask of the engine, on the engine's own event loop."""

    def submit(self, request: ChatRequest) -> RequestHandle:
        """Start a request; it runs to its end whether anybody reads its events or not."""
        ...

    def stream(self, request: ChatRequest) -> AsyncGenerator[Event, None]:
        """`submit`, and cancel when the generator is closed."""
        ...

    async def complete(self, request: ChatRequest) -> Answer:
        """`submit`, and wait for the end; cancelled with its caller."""
        ...

    async def preview(self, request: ChatRequest) -> Preview:
        """What would be decided now; no call, nothing booked."""
        ...

    async def check(
        self,
        selector: str | None = None,
        *,
        timeout_ms: int = CHECK_TIMEOUT_MS,
        on_result: Callable[[CheckResult], None] | None = None,
    ) -> tuple[CheckResult, ...]:
        """Ask the accounts of a provider, one account (`provider/account`) or all that are enabled (None) whether they
        answer, with calls that cost nothing, at most `timeout_ms` each; the engine learns what they say. `on_result`
        hears of each as it is done. Raises ConfigError when `selector` names nothing known."""
        ...

    def snapshot(self) -> Snapshot:
        """The engine as it stands."""
        ...

    def subscribe(self, *, capacity: int = 256) -> AsyncIterator[Event]:
        """Bus events and request endings from now on. At most `capacity` wait; older ones are dropped, so that a
        slow listener never slows a request."""
        ...

    def switch(self, route: str | None, *, expires_at_ms: int | None = None) -> None:
        """Pin everything to a route, account, provider or model, until `expires_at_ms` (None: until taken back); None
        takes the pin back. Raises ConfigError when `route` names nothing known, or no enabled account with a key serves
        it."""
        ...

    def set_account(self, account: str, *, enabled: bool) -> None:
        """Take `provider/account` out for every process until it is put back, or put it back. Raises ConfigError when
        there is none of that name, or when the configuration itself disables it."""
        ...

    def set_mode(self, mode: str) -> None:
        """Use another mode. Raises ConfigError when there is none of that name."""
        ...

    def override(self, route: str | None) -> None:
        """Emergency: force a route, account, provider or model for everything and hold back what is not critical; None
        takes that back. Raises ConfigError as `switch` does."""
        ...

    def free(self, target: str) -> None:
        """A person says that a provider, `provider/account` or route is available again: close its breaker, those above
        it and those under it at once, in every process, and believe no figure that has it used up. Raises ConfigError
        when it names nothing known."""
        ...

    def promote(self, request_id: str) -> None:
        """Let a waiting request go before all others, and try it at once."""
        ...

    def move(self, request_id: str, places: int) -> None:
        """Have a waiting request go that many places earlier (negative) or later."""
        ...

    def drop(self, request_id: str) -> None:
        """Cancel a waiting request, whichever process has it."""
        ...

    async def crises(self, limit: int) -> tuple[CrisisSummary, ...]:
        """The last crises, newest first, the one under way included."""
        ...

    async def feedback(self, request_id: str, verdict: Verdict | None) -> Received:
        """A person finds an answer good (`UP`), bad (`DOWN`), or takes back what was said of it (None). `request_id`
        may be the beginning of one. Gives what is known then of how it was received. Raises UnknownRequestError where
        no such request was answered, and StoreError."""
        ...

    def reset(self) -> None:
        """Back to automatic: no pin, the configured mode, not paused, every breaker closed."""
        ...

    def pause(self) -> None:
        """Start no request that is not critical."""
        ...

    def resume(self) -> None:
        """Start requests again."""
        ...


@dataclass(frozen=True, slots=True)
class EngineReady:
    """The hosted engine takes requests from now on."""


@dataclass(frozen=True, slots=True)
class EngineDied:
    """The hosted engine has ended by a failure of its own; `text` is fit to be shown."""

    text: str


HostNews = Snapshot | Event | EngineReady | EngineDied


class HostedEngine(Protocol):
    """An engine on a thread of its own, as the deck uses it. No method blocks. Everything delivered is immutable
    and comes on the engine's thread: the receiver posts it to its own loop."""

    def start(self, listener: Callable[[HostNews], None]) -> None:
        """Open the engine; `listener` gets `EngineReady` or `EngineDied`, then a snapshot whenever something
        changed (at most once a second), bus events, and endings of everybody's requests."""
        ...

    def submit(self, request: ChatRequest, deliver: Callable[[tuple[Event, ...]], None]) -> str:
        """Start a request and return its id; its events come in batches, at most ten a second, neighbouring text
        deltas joined."""
        ...

    def cancel(self, request_id: str) -> None:
        """Stop a request."""
        ...

    def preview(self, request: ChatRequest, deliver: Callable[[Preview], None]) -> None:
        """What would be decided now."""
        ...

    def find_receipt(self, request_id: str, deliver: Callable[[Receipt | None], None]) -> None:
        """The receipt of any request in the store."""
        ...

    def check(self, selector: str | None, deliver: Callable[[tuple[CheckResult, ...]], None]) -> None:
        """As `EngineFace.check`; a refusal comes as an `Alert`."""
        ...

    def switch(self, route: str | None, *, expires_at_ms: int | None = None) -> None:
        """As `EngineFace.switch`; a refusal comes as an `Alert`."""
        ...

    def set_account(self, account: str, *, enabled: bool) -> None:
        """As `EngineFace.set_account`; a refusal comes as an `Alert`."""
        ...

    def latency(self, since_ms: int, bucket_ms: int, deliver: Callable[[LatencyHistory], None]) -> None:
        """How long answers took since then, of every process."""
        ...

    def conversations(
        self, search: str, limit: int, deliver: Callable[[tuple[ConversationSummary, ...]], None]
    ) -> None:
        """The conversations whose title or messages hold every word of `search` (all where empty), most recently used
        first."""
        ...

    def conversation(self, conversation_id: str, deliver: Callable[[KeptConversation | None], None]) -> None:
        """A whole conversation; None where there is none of that id."""
        ...

    def rename_conversation(self, conversation_id: str, title: str) -> None:
        """Give it a title of the person's own; an empty one gives it back to its first message."""
        ...

    def set_conversation(self, conversation_id: str, settings: ConversationSettings) -> None:
        """Keep what a person set for it."""
        ...

    def delete_conversation(self, conversation_id: str) -> None:
        """Take it out of the list; its text is erased a day later, until then it can be restored."""
        ...

    def restore_conversation(self, conversation_id: str) -> None:
        """Bring back a deleted one."""
        ...

    def drop_turns(self, conversation_id: str, turn_ids: tuple[str, ...], *, dropped: bool = True) -> None:
        """These turns no longer count (their message was rewritten), or, with `dropped` False, count again."""
        ...

    def try_preferences(self, texts: Mapping[Path, str], deliver: Callable[[PreferencesTrial], None]) -> None:
        """Decide the last 50 requests again as if the user's files of those paths had these texts. Nothing is
        written."""
        ...

    def set_mode(self, mode: str) -> None:
        """As `EngineFace.set_mode`; a refusal comes as an `Alert`."""
        ...

    def override(self, route: str | None) -> None:
        """As `EngineFace.override`; a refusal comes as an `Alert`."""
        ...

    def free(self, target: str) -> None:
        """As `EngineFace.free`."""
        ...

    def promote(self, request_id: str) -> None:
        """As `EngineFace.promote`."""
        ...

    def move(self, request_id: str, places: int) -> None:
        """As `EngineFace.move`."""
        ...

    def drop(self, request_id: str) -> None:
        """As `EngineFace.drop`."""
        ...

    def crises(self, limit: int, deliver: Callable[[tuple[CrisisSummary, ...]], None]) -> None:
        """As `EngineFace.crises`."""
        ...

    def feedback(self, request_id: str, verdict: Verdict | None, deliver: Callable[[Received], None]) -> None:
        """As `EngineFace.feedback`; a refusal comes as an `Alert`."""
        ...

    def reset(self) -> None:
        """As `EngineFace.reset`."""
        ...

    def pause(self) -> None:
        """As `EngineFace.pause`."""
        ...

    def resume(self) -> None:
        """As `EngineFace.resume`."""
        ...

    def close(self, timeout_s: float = 3.0) -> None:
        """Cancel what runs, settle, and end the thread; waits at most that long."""
        ...
