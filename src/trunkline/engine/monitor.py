"""An engine for a deck that only watches: everything is read from the store that other processes write."""

from __future__ import annotations

import logging
import threading
from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import TypeVar

from trunkline.domain.chats import ConversationSettings, ConversationSummary, KeptConversation
from trunkline.domain.checks import CheckResult
from trunkline.domain.clock import Clock, SystemClock
from trunkline.domain.crisis import CrisisSummary
from trunkline.domain.errors import TrunklineError
from trunkline.domain.events import Alert, AlertLevel, BusBody, ConfigChanged, Event, Failed
from trunkline.domain.ids import IdSource
from trunkline.domain.latency_history import LatencyHistory
from trunkline.domain.learned import Received, Verdict
from trunkline.domain.messages import ChatRequest
from trunkline.domain.receipts import Receipt
from trunkline.domain.snapshot import Snapshot
from trunkline.domain.trials import PreferencesTrial
from trunkline.engine.api import EngineDied, EngineReady, HostNews, Preview
from trunkline.engine.own_faults import watching_receipt
from trunkline.engine.settings import EngineSettings
from trunkline.engine.watch import StoreWatch
from trunkline.store import chat_queries, crises, queries
from trunkline.store.latency import latency
from trunkline.store.queries import Query
from trunkline.store.upkeep import POLL_MS

_log = logging.getLogger(__name__)
_Result = TypeVar("_Result")

LOOK_MS = 1_000.0


def watch_once(settings: EngineSettings, clock: Clock | None = None) -> Snapshot:
    """What there is to see now; where there is no store, that and the configuration. Raises ConfigError."""
    watch = StoreWatch(settings, clock or SystemClock())
    try:
        return watch.look()
    finally:
        watch.close()


class Monitor:
    """A `HostedEngine` on a thread of its own that writes nothing. It looks every `look_ms` and delivers a snapshot
    when there is something new to see, and glances every `glance_ms` at what others begin and finish, which it tells at
    once. It works without any other process and without a store, and waits for both. Every order is refused with an
    alert."""

    def __init__(
        self,
        settings: EngineSettings,
        clock: Clock | None = None,
        *,
        look_ms: float = LOOK_MS,
        glance_ms: float = POLL_MS,
    ) -> None:
        self._settings = settings
        self._look_ms = look_ms
        self._glance_ms = glance_ms
        self._clock = clock or SystemClock()
        self._ids = IdSource(self._clock)
        self._listener: Callable[[HostNews], None] = _ignore
        self._thread: threading.Thread | None = None
        self._wanted = threading.Event()
        self._jobs: deque[Callable[[StoreWatch], None]] = deque()
        self._ended = False
        self._last: Snapshot | None = None

    # -- what can be asked ---------------------------------------------------------------------------------------

    def start(self, listener: Callable[[HostNews], None]) -> None:
        """See `HostedEngine.start`."""
        self._listener = listener
        self._thread = threading.Thread(target=self._run, name="trunkline-monitor", daemon=True)
        self._thread.start()

    def find_receipt(self, request_id: str, deliver: Callable[[Receipt | None], None]) -> None:
        """See `HostedEngine.find_receipt`."""
        self._answer(queries.receipt(request_id), deliver)

    def latency(self, since_ms: int, bucket_ms: int, deliver: Callable[[LatencyHistory], None]) -> None:
        """See `HostedEngine.latency`."""
        self._answer(latency(since_ms, self._clock.wall_ms() + 1, max(1, bucket_ms)), deliver)

    def conversations(
        self, search: str, limit: int, deliver: Callable[[tuple[ConversationSummary, ...]], None]
    ) -> None:
        """See `HostedEngine.conversations`."""
        self._answer(chat_queries.conversations(search, limit), deliver)

    def conversation(self, conversation_id: str, deliver: Callable[[KeptConversation | None], None]) -> None:
        """See `HostedEngine.conversation`."""
        self._answer(chat_queries.conversation(conversation_id), deliver)

    def close(self, timeout_s: float = 3.0) -> None:
        """See `HostedEngine.close`."""
        self._ended = True
        self._wanted.set()
        if self._thread is not None:
            self._thread.join(timeout_s)

    # -- what is refused -----------------------------------------------------------------------------------------

    def submit(self, request: ChatRequest, deliver: Callable[[tuple[Event, ...]], None]) -> str:
        """Refused: the request fails at once and says why."""
        request_id = request.request_id or self._ids.new()
        now_ms = self._clock.wall_ms()
        why = self._refuse("requests are sent")
        ending = Failed(watching_receipt(replace(request, request_id=request_id), now_ms, why))
        self._on_thread(lambda _: deliver((Event(request_id, 0, now_ms, ending),)))
        return request_id

    def cancel(self, request_id: str) -> None:
        """Refused."""
        self._refuse("requests are stopped")

    def preview(self, request: ChatRequest, deliver: Callable[[Preview], None]) -> None:
        """Nothing can be sent, so there is nothing to say of where it would go."""

    def check(self, selector: str | None, deliver: Callable[[tuple[CheckResult, ...]], None]) -> None:
        """Refused."""
        self._refuse("accounts are checked")

    def switch(self, route: str | None, *, expires_at_ms: int | None = None) -> None:
        """Refused."""
        self._refuse("routes are pinned")

    def set_account(self, account: str, *, enabled: bool) -> None:
        """Refused."""
        self._refuse("accounts are taken out and put back")

    def override(self, route: str | None) -> None:
        """Refused."""
        self._refuse("a route is forced")

    def free(self, target: str) -> None:
        """Refused."""
        self._refuse("accounts are marked as available")

    def promote(self, request_id: str) -> None:
        """Refused."""
        self._refuse("waiting requests are let go")

    def move(self, request_id: str, places: int) -> None:
        """Refused."""
        self._refuse("waiting requests are moved")

    def drop(self, request_id: str) -> None:
        """Refused."""
        self._refuse("waiting requests are cancelled")

    def crises(self, limit: int, deliver: Callable[[tuple[CrisisSummary, ...]], None]) -> None:
        """See `HostedEngine.crises`."""
        self._answer(crises.crises(limit), deliver)

    def rename_conversation(self, conversation_id: str, title: str) -> None:
        """Refused."""
        self._refuse("conversations are renamed")

    def set_conversation(self, conversation_id: str, settings: ConversationSettings) -> None:
        """Refused."""
        self._refuse("conversations are set")

    def delete_conversation(self, conversation_id: str) -> None:
        """Refused."""
        self._refuse("conversations are deleted")

    def restore_conversation(self, conversation_id: str) -> None:
        """Refused."""
        self._refuse("conversations are restored")

    def drop_turns(self, conversation_id: str, turn_ids: tuple[str, ...], *, dropped: bool = True) -> None:
        """Refused."""
        self._refuse("turns are rewritten")

    def try_preferences(self, texts: Mapping[Path, str], deliver: Callable[[PreferencesTrial], None]) -> None:
        """Refused; the trial says so."""
        why = self._refuse("preferences are changed")
        self._on_thread(lambda _: deliver(PreferencesTrial(0, (), why)))

    def set_mode(self, mode: str) -> None:
        """Refused."""
        self._refuse("the mode is changed")

    def feedback(self, request_id: str, verdict: Verdict | None, deliver: Callable[[Received], None]) -> None:
        """Refused."""
        self._refuse("answers are judged")

    def reset(self) -> None:
        """Refused."""
        self._refuse("orders are taken back")

    def pause(self) -> None:
        """Refused."""
        self._refuse("requests are held")

    def resume(self) -> None:
        """Refused."""
        self._refuse("requests are let go")

    def _refuse(self, what: str) -> str:
        why = f"this deck only watches: {what} in `trunkline`, not in `trunkline monitor`"
        self._on_thread(lambda _: self._tell_all(Alert(AlertLevel.WARNING, f"refused:{what}", why)))
        return why

    def _answer(self, query: Query[_Result], deliver: Callable[[_Result], None]) -> None:
        self._on_thread(lambda watch: deliver(watch.ask(query)))

    def _on_thread(self, job: Callable[[StoreWatch], None]) -> None:
        if not self._ended:
            self._jobs.append(job)
            self._wanted.set()

    # -- on the monitor's thread ---------------------------------------------------------------------------------

    def _run(self) -> None:
        try:
            watch = StoreWatch(self._settings, self._clock)
            try:
                self._tell(EngineReady())
                self._follow(watch)
            finally:
                watch.close()
        except TrunklineError as error:
            self._tell(EngineDied(str(error)))
        except Exception as error:
            _log.exception("the monitor ended by a failure of its own")
            self._tell(EngineDied(f"the monitor failed: {type(error).__name__}; the log file says where"))
        finally:
            self._ended = True

    def _follow(self, watch: StoreWatch) -> None:
        look_again_ms = self._clock.mono_ms()
        watch.glance()  # what there is already belongs into the first picture
        while not self._ended:
            if (seen := watch.glance()) is not None:
                self._tell_all(seen)
            now_ms = self._clock.mono_ms()
            if now_ms >= look_again_ms:
                look_again_ms = now_ms + self._look_ms
                self._show(watch.look())
            while self._jobs and not self._ended:
                self._do(self._jobs.popleft(), watch)
            rest_ms = min(look_again_ms - self._clock.mono_ms(), self._glance_ms)
            self._wanted.wait(max(0.0, rest_ms / 1000))
            self._wanted.clear()

    def _show(self, snapshot: Snapshot) -> None:
        """Deliver what is new, and say what has gone wrong since the last look."""
        last, self._last = self._last, snapshot
        if last is not None and replace(snapshot, at_ms=last.at_ms) == last:
            return
        self._tell(snapshot)
        before = (None, None) if last is None else (last.store_error, last.config_error)
        if snapshot.store_error is not None and snapshot.store_error != before[0]:
            self._tell_all(Alert(AlertLevel.WARNING, "store", f"nothing to watch: {snapshot.store_error}"))
        if snapshot.config_error != before[1]:
            self._tell_all(ConfigChanged(snapshot.generation, snapshot.config_error))

    def _do(self, job: Callable[[StoreWatch], None], watch: StoreWatch) -> None:
        try:
            job(watch)
        except TrunklineError as error:
            self._tell_all(Alert(AlertLevel.WARNING, f"refused:{error}", str(error)))
        except Exception as error:
            _log.exception("what a face asked for failed")
            name = type(error).__name__
            text = f"that failed: {name}; the log file says where"
            self._tell_all(Alert(AlertLevel.WARNING, f"failed:{name}", text))

    def _tell_all(self, body: BusBody) -> None:
        self._tell(Event("", 0, self._clock.wall_ms(), body))

    def _tell(self, news: HostNews) -> None:
        try:
            self._listener(news)
        except Exception:
            _log.exception("the listener failed on %s", type(news).__name__)


def _ignore(_: HostNews) -> None:
    return
