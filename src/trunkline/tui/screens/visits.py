"""The screens that open over the deck, and what becomes of what was chosen there."""

from __future__ import annotations

from collections.abc import Callable
from datetime import tzinfo
from typing import TYPE_CHECKING

from trunkline.domain.checks import CheckResult
from trunkline.domain.clock import Clock
from trunkline.domain.crisis import CrisisSummary
from trunkline.domain.decisions import PinScope
from trunkline.domain.receipts import Receipt
from trunkline.domain.snapshot import Snapshot, Status
from trunkline.tui.engine_link import EngineLink
from trunkline.tui.messages import (
    AccountToggled,
    ChecksArrived,
    CheckWanted,
    ConversationWanted,
    CrisesArrived,
    PinWanted,
    ReceiptFound,
    ReceiptWanted,
    RetryWanted,
    SettingsSaved,
)
from trunkline.tui.options import DeckOptions
from trunkline.tui.orders import Orders
from trunkline.tui.screens.gateway_visit import GatewayVisit
from trunkline.tui.widgets.chat_panel import ChatPanel

if TYPE_CHECKING:
    from textual.screen import Screen

    from trunkline.tui.screens.account_detail import AccountDetail
    from trunkline.tui.screens.crises import CrisesScreen
    from trunkline.tui.screens.queue import QueueScreen
    from trunkline.tui.screens.route_picker import RouteChoice

MOST_CRISES = 20
EVERY_SCOPE = (PinScope.CONVERSATION, PinScope.MESSAGE, PinScope.EVERYTHING)


class Visits:
    """Opens a screen and carries out what its visit gave. Screens are imported when they are first opened."""

    def __init__(
        self,
        host: Screen[None],
        link: EngineLink,
        clock: Clock,
        options: DeckOptions,
        orders: Orders,
        chat: ChatPanel,
        snapshot: Callable[[], Snapshot | None],
        say: Callable[[str], None],
    ) -> None:
        self._host = host
        self._link = link
        self._clock = clock
        self._options = options
        self._orders = orders
        self._chat = chat
        self._snapshot = snapshot
        self._say = say
        self._detail: AccountDetail | None = None
        self._queue: QueueScreen | None = None
        self._crises: CrisesScreen | None = None
        self.gateway = GatewayVisit(host, options.gateway, clock, options.zone, snapshot, say)

    @property
    def _zone(self) -> tzinfo | None:
        return self._options.zone

    def tick(self) -> None:
        """Bring what is open up to this moment."""
        for screen in (self._detail, self._queue, self._crises):
            if screen is not None and screen.is_attached:
                screen.tick()
        self.gateway.tick()

    # -- routes ---------------------------------------------------------------------------------------------

    def choose_route(self, scopes: tuple[PinScope, ...], title: str, initial: str | None = None) -> None:
        """Have a route chosen, and pin it as far as was chosen."""
        self._choose(scopes, title, initial, self._pin)

    def choose_override(self) -> None:
        """Have the route chosen that everything goes down in an emergency."""

        def override(choice: RouteChoice | None) -> None:
            if choice is not None and choice.selector is not None:
                self._orders.override(choice.selector)

        snapshot = self._snapshot()
        providers = () if snapshot is None else snapshot.providers
        soundest = max(providers, key=lambda one: (one.status is Status.HEALTHY, one.health), default=None)
        title = "EMERGENCY: everything down one route, what is not critical waits"
        initial = None if soundest is None else soundest.id
        self._choose((PinScope.EVERYTHING,), title, initial, override, only_routes=True)

    def choose_elsewhere(self, turn_id: str) -> None:
        """Have the route chosen that a question which waits is sent down instead."""

        def send(choice: RouteChoice | None) -> None:
            if choice is not None and choice.selector is not None:
                self._chat.waiting.send_elsewhere(turn_id, choice.selector)

        self._choose((PinScope.MESSAGE,), "Send the question that waits", None, send, only_routes=True)

    def _choose(
        self,
        scopes: tuple[PinScope, ...],
        title: str,
        initial: str | None,
        then: Callable[[RouteChoice | None], None],
        *,
        only_routes: bool = False,
    ) -> None:
        from trunkline.tui.screens.route_picker import RoutePicker

        snapshot, refusal = self._snapshot(), self._orders.refusal()
        if snapshot is None or refusal is not None:
            self._say(refusal or "no routes are known yet")
            return
        picker = RoutePicker(
            snapshot,
            title=title,
            initial=initial or snapshot.pin,
            scopes=scopes,
            now_ms=self._clock.wall_ms(),
            zone=self._zone,
            only_routes=only_routes,
        )
        self._host.app.push_screen(picker, then)

    def _pin(self, choice: RouteChoice | None) -> None:
        if choice is None:
            return
        match choice.scope:
            case PinScope.EVERYTHING:
                self._orders.switch(choice.selector, choice.expires_in_ms)
            case PinScope.CONVERSATION:
                self._chat.pin_conversation(choice.selector)
            case PinScope.MESSAGE:
                self._chat.pin_next(choice.selector)

    # -- receipts -------------------------------------------------------------------------------------------

    def find_receipt(self, wanted: ReceiptWanted) -> None:
        """Ask the store for a receipt; it comes back as `ReceiptFound`."""
        engine = self._link.engine
        if engine is None:
            self._say(self._orders.refusal() or "there is no engine to ask")
            return

        def deliver(receipt: Receipt | None) -> None:
            self._host.post_message(ReceiptFound(wanted, receipt))

        engine.find_receipt(wanted.request_id, deliver)

    def show_receipt(self, found: ReceiptFound) -> None:
        """The whole receipt of a request."""
        from trunkline.tui.screens.receipt import ReceiptScreen

        if found.receipt is None:
            self._say("no receipt of that request is kept; it may still be under way")
            return
        turn_id = found.wanted.turn_id or self._turn_of(found.receipt)
        screen = ReceiptScreen(found.receipt, self._clock, self._zone, turn_id=turn_id)
        self._host.app.push_screen(screen, self._follow_receipt)

    def _turn_of(self, receipt: Receipt) -> str | None:
        """The turn of the open conversation that the receipt is of, if it is of one."""
        turn_id = receipt.turn_id
        return turn_id if turn_id and self._chat.conversation.turn(turn_id) is not None else None

    def _follow_receipt(self, result: PinWanted | RetryWanted | None) -> None:
        refusal = self._orders.refusal()
        match result:
            case PinWanted():
                self.choose_route(EVERY_SCOPE, "Pin", result.selector)
            case RetryWanted() if refusal is not None:
                self._say(refusal)
            case RetryWanted():
                self._chat.post_message(result)

    # -- accounts -------------------------------------------------------------------------------------------

    def show_account(self, key: str) -> None:
        """Everything about a provider or an account."""
        from trunkline.tui.screens.account_detail import AccountDetail

        if self._snapshot() is None:
            self._say("nothing is known of accounts yet")
            return
        self._detail = AccountDetail(self._snapshot, key, self._clock, self._zone)
        self._host.app.push_screen(self._detail, self._follow_account)

    def _follow_account(self, result: PinWanted | None) -> None:
        self._detail = None
        if result is not None:
            self.choose_route(EVERY_SCOPE, "Pin", result.selector)

    def free(self, target: str) -> None:
        """Take a provider, an account or a route as available."""
        self._orders.free(target)

    def toggle_account(self, wanted: AccountToggled) -> None:
        """Take an account out, or put it back."""
        self._orders.set_account(wanted.account, enabled=wanted.enabled)

    def check(self, wanted: CheckWanted) -> None:
        """Ask whether it answers; the results come back as `ChecksArrived`."""
        engine, refusal = self._link.engine, self._orders.refusal()
        if engine is None or refusal is not None:
            self._say(refusal or "there is no engine to ask")
            return
        self._say(f"asking {wanted.selector or 'every account'} whether it answers …")

        def deliver(results: tuple[CheckResult, ...]) -> None:
            self._host.post_message(ChecksArrived(results))

        engine.check(wanted.selector, deliver)

    def show_checks(self, arrived: ChecksArrived) -> None:
        """Say what a check gave: in the open detail, else in a line each."""
        if self._detail is not None and self._detail.is_attached:
            self._detail.show_check(arrived.results)
            return
        from trunkline.tui.account_checks import check_sentence

        for result in arrived.results:
            self._say(check_sentence(result))

    # -- what waits, crises ---------------------------------------------------------------------------------

    def show_queue(self) -> None:
        """What waits."""
        from trunkline.tui.screens.queue import QueueScreen

        if self._snapshot() is None:
            self._say("nothing is known of the queue yet")
            return
        self._queue = QueueScreen(self._snapshot, self._orders, self._clock, self._zone)
        self._host.app.push_screen(self._queue)

    def show_crises(self) -> None:
        """The crisis under way, or the last one, and those before; the older ones come as `CrisesArrived`."""
        from trunkline.tui.screens.crises import CrisesScreen

        engine = self._link.engine
        if engine is None or self._snapshot() is None:
            self._say(self._orders.refusal() or "nothing is known of crises yet")
            return
        self._crises = CrisesScreen(self._snapshot, self._clock, self._zone)
        self._host.app.push_screen(self._crises)

        def deliver(crises: tuple[CrisisSummary, ...]) -> None:
            self._host.post_message(CrisesArrived(crises))

        engine.crises(MOST_CRISES, deliver)

    def show_past_crises(self, arrived: CrisesArrived) -> None:
        """Show the older ones, while their screen is open."""
        if self._crises is not None and self._crises.is_attached:
            self._crises.take(arrived.crises)

    # -- conversations, preferences -------------------------------------------------------------------------

    def show_conversations(self) -> None:
        """The conversations that are kept."""
        from trunkline.tui.screens.conversations import ConversationsScreen

        if self._link.engine is None or self._orders.dead is not None:
            self._say(self._orders.refusal() or "there is no engine to ask")
            return
        current = self._chat.conversation.id
        screen = ConversationsScreen(self._link, self._clock, self._zone, current)
        self._host.app.push_screen(screen, self._follow_conversation)

    def _follow_conversation(self, result: ConversationWanted | None) -> None:
        if result is not None:
            self._host.post_message(result)

    def show_preferences(self) -> None:
        """Every setting."""
        desk = self._options.desk
        if desk is None:
            snapshot = self._snapshot()
            if snapshot is not None and snapshot.read_only:
                self._say("this deck only watches; `trunkline` or `trunkline config set` change preferences")
            else:
                self._say("the demo has no files to change; `trunkline` opens the deck that has")
            return
        from trunkline.tui.screens.preferences import PreferencesScreen

        screen = PreferencesScreen(desk, self._link, self._clock, self._zone)
        self._host.app.push_screen(screen, self._follow_preferences)

    def _follow_preferences(self, result: SettingsSaved | None) -> None:
        if result is not None and result.diff:
            self._say("saved; the engine reads it within a second")
