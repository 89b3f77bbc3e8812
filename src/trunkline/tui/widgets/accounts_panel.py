"""Panel 1: providers, accounts and what is left of them."""

from __future__ import annotations

from datetime import tzinfo

from textual.app import ComposeResult
from textual.containers import Vertical
from textual.widgets import Static

from trunkline.domain.snapshot import AccountView, Snapshot
from trunkline.tui.account_rows import COLUMNS, account_detail, account_rows
from trunkline.tui.account_standing import find_account, toggle_refusal
from trunkline.tui.key_specs import Scope
from trunkline.tui.keys import bindings
from trunkline.tui.messages import (
    AccountFreed,
    AccountToggled,
    AccountWanted,
    CheckWanted,
    RowHighlighted,
    RowOpened,
)
from trunkline.tui.widgets.row_list import RowList

EMPTY = (
    "No accounts yet.\n"
    "Set a key such as OPENAI_API_KEY and start again,\n"
    "add one in the preferences (key ,), or try `trunkline demo`."
)
EMPTY_WATCHING = "No accounts are known yet.\nThey come once `trunkline` has run on this machine."
NOTHING_HERE = "there is no account here yet"
DETAIL_LINES = 3


class AccountsPanel(Vertical):
    """A list of accounts, and below it the account under the cursor in full."""

    BINDINGS = bindings(Scope.ACCOUNTS)

    def __init__(self, zone: tzinfo | None) -> None:
        super().__init__(id="accounts-panel", classes="panel")
        self.border_title = "1 Providers"
        self._zone = zone
        self._snapshot: Snapshot | None = None
        self._now_ms = 0
        self._folded: set[str] = set()
        self._detail_text = ""

    def compose(self) -> ComposeResult:
        yield RowList(COLUMNS, empty="Engine starting …", id="accounts", follow_first=False)
        yield Static("", markup=False, id="account-detail")

    @property
    def listing(self) -> RowList:
        """The accounts."""
        return self.query_one("#accounts", RowList)

    def show(self, snapshot: Snapshot, now_ms: int) -> None:
        """Show a snapshot as it reads at `now_ms`."""
        self._snapshot, self._now_ms = snapshot, now_ms
        self.listing.set_empty(EMPTY_WATCHING if snapshot.read_only else EMPTY)
        self.listing.show_rows(account_rows(snapshot, now_ms, zone=self._zone, folded=self._folded))
        self._show_detail()

    def _show_detail(self) -> None:
        if self._snapshot is None:
            return
        lines = account_detail(self._snapshot, self.listing.cursor_key, self._now_ms, zone=self._zone)
        text = "\n".join(lines[:DETAIL_LINES])
        if text != self._detail_text:
            self._detail_text = text
            self.query_one("#account-detail", Static).update(text, layout=False)

    def _account(self) -> AccountView | None:
        """The account under the cursor; None on a provider's row."""
        key = self.listing.cursor_key
        if self._snapshot is None or key is None:
            return None
        found = find_account(self._snapshot, key)
        return None if found is None else found[1]

    def _say(self, text: str) -> None:
        self.app.notify(text, severity="warning", timeout=5, markup=False)

    def on_row_highlighted(self, message: RowHighlighted) -> None:
        message.stop()
        self._show_detail()

    def on_row_opened(self, message: RowOpened) -> None:
        message.stop()
        self.post_message(AccountWanted(message.key))

    def action_fold(self) -> None:
        """Fold or unfold the pool under the cursor; the cursor goes to the pool."""
        key = self.listing.cursor_key
        if self._snapshot is None or key is None:
            self._say(NOTHING_HERE)
            return
        pool = key.partition("/")[0]
        at = next((i for i, row in enumerate(self.listing.rows) if row.key == pool), None)
        if at is None:
            self._say(f"{key} is its provider's only account: there is nothing to fold")
            return
        self.listing.move_cursor(at)
        self._folded ^= {pool}
        self.show(self._snapshot, self._now_ms)

    def action_check(self) -> None:
        """Ask what is under the cursor whether it answers."""
        key = self.listing.cursor_key
        if key is None:
            self._say(NOTHING_HERE)
        else:
            self.post_message(CheckWanted(key))

    def action_free(self) -> None:
        """What is under the cursor is available again, by the person's word."""
        key = self.listing.cursor_key
        if key is None:
            self._say(NOTHING_HERE)
        else:
            self.post_message(AccountFreed(key))

    def action_toggle_account(self) -> None:
        """Take the account under the cursor out, or put it back."""
        key, account = self.listing.cursor_key, self._account()
        if key is None:
            self._say(NOTHING_HERE)
            return
        refusal = toggle_refusal(account)
        if refusal is not None or account is None:
            self._say(refusal or "")
            return
        self.post_message(AccountToggled(key, enabled=account.set_aside))
