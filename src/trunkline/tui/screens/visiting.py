"""A screen over which others open: what its panels and those screens want is passed on to its visits."""

from __future__ import annotations

from textual.screen import Screen

from trunkline.tui.messages import (
    AccountFreed,
    AccountToggled,
    AccountWanted,
    ChecksArrived,
    CheckWanted,
    CrisesArrived,
    GatewayTold,
    PinWanted,
    ReceiptFound,
    ReceiptWanted,
    RouteWanted,
)
from trunkline.tui.screens.visits import EVERY_SCOPE, Visits


class VisitingScreen(Screen[None], inherit_bindings=False):
    """Whoever derives from it makes `visits`."""

    visits: Visits

    # -- screens that a key opens ---------------------------------------------------------------------------

    def action_conversations(self) -> None:
        """The conversations that are kept."""
        self.visits.show_conversations()

    def action_queue(self) -> None:
        """What waits, why and until when."""
        self.visits.show_queue()

    def action_crises(self) -> None:
        """The crisis under way, and those before."""
        self.visits.show_crises()

    def action_preferences(self) -> None:
        """Every setting."""
        self.visits.show_preferences()

    def action_gateway(self) -> None:
        """The gateway for agents."""
        self.visits.gateway.show()

    # -- what is wanted, and what came of it ------------------------------------------------------------------

    def on_pin_wanted(self, message: PinWanted) -> None:
        message.stop()
        self.visits.choose_route(EVERY_SCOPE, "Pin", message.selector)

    def on_route_wanted(self, message: RouteWanted) -> None:
        message.stop()
        self.visits.choose_elsewhere(message.turn_id)

    def on_receipt_wanted(self, message: ReceiptWanted) -> None:
        message.stop()
        self.visits.find_receipt(message)

    def on_receipt_found(self, message: ReceiptFound) -> None:
        message.stop()
        self.visits.show_receipt(message)

    def on_account_wanted(self, message: AccountWanted) -> None:
        message.stop()
        self.visits.show_account(message.key)

    def on_account_toggled(self, message: AccountToggled) -> None:
        message.stop()
        self.visits.toggle_account(message)

    def on_account_freed(self, message: AccountFreed) -> None:
        message.stop()
        self.visits.free(message.target)

    def on_check_wanted(self, message: CheckWanted) -> None:
        message.stop()
        self.visits.check(message)

    def on_checks_arrived(self, message: ChecksArrived) -> None:
        message.stop()
        self.visits.show_checks(message)

    def on_gateway_told(self, message: GatewayTold) -> None:
        message.stop()
        self.visits.gateway.take(message.state)

    def on_crises_arrived(self, message: CrisesArrived) -> None:
        message.stop()
        self.visits.show_past_crises(message)
