"""Everything about a provider or an account, and what can be done with it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import tzinfo

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.content import Content
from textual.message import Message
from textual.screen import ModalScreen
from textual.widgets import Static

from trunkline.domain.checks import CheckResult
from trunkline.domain.clock import Clock
from trunkline.domain.snapshot import Snapshot
from trunkline.engine.api import CHECK_TIMEOUT_MS
from trunkline.tui import format as fmt
from trunkline.tui.account_facts import fact_lines
from trunkline.tui.account_standing import find_account, toggle_refusal
from trunkline.tui.key_specs import Scope
from trunkline.tui.keys import KEYS, bindings
from trunkline.tui.lines import Line
from trunkline.tui.messages import (
    AccountFreed,
    AccountToggled,
    CheckWanted,
    PinWanted,
    RowHighlighted,
    RowOpened,
)
from trunkline.tui.widgets.line_list import LineList

_USED = {"pin", "accounts.check", "accounts.free", "accounts.toggle", "detail.close", "detail.help"}
ASKING_FOR_MS = CHECK_TIMEOUT_MS + 2_000  # after that, no answer will come
_HINTS = ("pin", "accounts.check", "accounts.free", "accounts.toggle", "detail.close")


def _own_bindings() -> list[BindingType]:
    """Keys of the deck that mean the same here, and closing, which goes back from an account to its provider first."""
    found = [
        one
        for one in bindings(Scope.DECK, Scope.ACCOUNTS, Scope.DETAIL)
        if isinstance(one, Binding) and one.id in _USED
    ]
    return [replace(one, action="leave") if one.id == "detail.close" else one for one in found]


class AccountDetail(ModalScreen["PinWanted | None"]):
    """Gives the pin that is wanted, if one is. `snapshot_now` is asked at every `tick`; orders and checks go as
    messages to the screen that this was opened over. On a provider's screen the keys act on the account under the
    cursor."""

    CSS_PATH = "account_detail.tcss"
    AUTO_FOCUS = "#account-lines"
    BINDINGS = _own_bindings()

    def __init__(
        self, snapshot_now: Callable[[], Snapshot | None], key: str, clock: Clock, zone: tzinfo | None
    ) -> None:
        super().__init__()
        self._snapshot_now = snapshot_now
        self._key = key
        self._from_provider: str | None = None
        self._clock = clock
        self._zone = zone
        self._checks: dict[str, tuple[CheckResult, ...]] = {}
        self._asked_at_ms: dict[str, int] = {}

    def compose(self) -> ComposeResult:
        with Vertical(id="account-box"):
            yield LineList(self._make_lines, id="account-lines")
            yield Static(self._hints(), id="account-hints", markup=False)

    def on_mount(self) -> None:
        self._retitle()

    def _retitle(self) -> None:
        kind = "Account" if "/" in self._key else "Provider"
        self.query_one("#account-box").border_title = f"{kind} {fmt.one_line(self._key)}"

    @staticmethod
    def _hints() -> Content:
        named = {spec.id: spec for spec in KEYS}
        pieces: list[Content | str | tuple[str, str]] = []
        for spec in (named[spec_id] for spec_id in _HINTS):
            key = spec.label.split(" / ")[0]
            pieces += [" ", (key, "bold $text-accent"), " ", (spec.hint, "$text-muted"), " "]
        return Content.assemble(*pieces)

    # -- what it shows --------------------------------------------------------------------------------------

    @property
    def _listing(self) -> LineList:
        return self.query_one(LineList)

    def _make_lines(self, width: int) -> tuple[Line, ...]:
        snapshot = self._snapshot_now()
        if snapshot is None:
            return ()
        now_ms = self._clock.wall_ms()
        asked_at_ms = self._asked_at_ms.get(self._key)
        is_asking = asked_at_ms is not None and now_ms - asked_at_ms < ASKING_FOR_MS
        checks = () if is_asking else self._checks.get(self._key)
        return fact_lines(snapshot, self._key, now_ms, self._zone, width, checks)

    def tick(self) -> None:
        """Bring it up to this moment; what reads the same is not drawn again."""
        if not self.is_mounted:
            return
        listing = self._listing
        if self._make_lines(listing.scrollable_content_region.width) != listing.lines:
            listing.remake()

    def show_check(self, results: tuple[CheckResult, ...]) -> None:
        """Show what asking gave."""
        self._asked_at_ms.clear()
        of_provider: dict[str, list[CheckResult]] = {}
        for result in results:
            of_provider.setdefault(result.provider, []).append(result)
            self._checks[f"{result.provider}/{result.account}"] = (result,)
        self._checks |= {provider: tuple(found) for provider, found in of_provider.items()}
        self.tick()

    def _go_to(self, key: str) -> None:
        self._key = key
        self._retitle()
        self._listing.scroll_to(y=0, animate=False, immediate=True)
        self._listing.remake()

    def on_row_highlighted(self, message: RowHighlighted) -> None:
        message.stop()

    def on_row_opened(self, message: RowOpened) -> None:
        message.stop()
        self._from_provider = self._key
        self._go_to(message.key)

    # -- what can be done -----------------------------------------------------------------------------------

    def _target(self) -> str:
        """What the keys act on: the account under the cursor, else all that is shown."""
        current = self._listing.current
        return current.target if current is not None and current.target is not None else self._key

    def _order(self, message: Message) -> None:
        """To the screen below: messages of a screen reach only the application by themselves."""
        self.app.screen_stack[-2].post_message(message)

    def action_pin(self) -> None:
        """Choose how far a pin to it reaches."""
        self.dismiss(PinWanted(self._target()))

    def action_check(self) -> None:
        """Ask whether it answers."""
        snapshot, target = self._snapshot_now(), self._target()
        self._order(CheckWanted(target))
        if snapshot is not None and not snapshot.read_only:
            self._asked_at_ms |= dict.fromkeys((target, self._key), self._clock.wall_ms())
            self._listing.scroll_to(y=0, animate=False, immediate=True)
            self.tick()

    def action_free(self) -> None:
        """It is available again, by the person's word."""
        self._order(AccountFreed(self._target()))

    def action_toggle_account(self) -> None:
        """Take the account out, or put it back."""
        snapshot, target = self._snapshot_now(), self._target()
        found = None if snapshot is None else find_account(snapshot, target)
        account = None if found is None else found[1]
        refusal = toggle_refusal(account)
        if account is None or refusal is not None:
            self.notify(refusal or "", severity="warning", timeout=5, markup=False)
            return
        self._order(AccountToggled(target, enabled=account.set_aside))

    def action_leave(self) -> None:
        """One level back: to the provider that an account was opened from, else to the deck."""
        if self._from_provider is None:
            self.dismiss(None)
            return
        provider, self._from_provider = self._from_provider, None
        self._go_to(provider)
