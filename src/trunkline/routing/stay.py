"""Stay with the route of a running conversation, or choose anew (DESIGN §4.4); `saving` has the economics."""

from __future__ import annotations

from trunkline.domain.state import ConversationState
from trunkline.domain.tasks import Task, Tier
from trunkline.routing.candidates import Scan
from trunkline.routing.options import Option
from trunkline.routing.policy import ModelRow
from trunkline.routing.portability import Load, Portability, portability

# Below this confidence another task type is taken for a guess, not for a change.
_SURE = 0.6
_TIERS = tuple(Tier)
# Why a conversation moves that returns to its home route.
HOME = "home"
# Why one moves that another route serves for less.
SAVING = "saving"
# Reasons that leave it free to stay, where a switch would lose too much.
BY_CHOICE = frozenset({"preserve_context_off", "small", "task_changed", "tier_changed"})


def reason_to_move(scan: Scan, conversation: ConversationState) -> str | None:
    """Why the conversation may be served by another route; None: it stays where it is, if it can."""
    if not scan.preferences.rules.preserve_context:
        return "preserve_context_off"
    if scan.only is not None or (scan.ask.prefer and not scan.crisis):
        return "asked"
    if scan.ask.after is not None:
        return "fault"
    if scan.crisis:
        return "crisis"
    if conversation.tokens < scan.thresholds.switch_below_tokens:
        return "small"
    return _changed(scan.task, conversation)


def _changed(task: Task, conversation: ConversationState) -> str | None:
    if task.type != conversation.task_type and (task.hinted or task.type_confidence >= _SURE):
        return "task_changed"
    before = next((tier for tier in _TIERS if tier.value == conversation.tier), task.tier)
    if abs(_TIERS.index(task.tier) - _TIERS.index(before)) > 1:
        return "tier_changed"
    return None


def own_options(scan: Scan, conversation: ConversationState) -> list[Option]:
    """Options of the conversation's model, if its very route may answer; else none."""
    route = conversation.route
    row = scan.policy.row_by_model.get((route.provider, route.model))
    if row is None or not scan.considered(row):
        return []
    options = scan.options(row)
    return options if any(option.route == route for option in options) else []


def home_option(scan: Scan, conversation: ConversationState, moved: str | None) -> Option | None:
    """The route to which the conversation returns now that neither crisis nor override keeps it away, if that, or its
    model on another account, may answer. Another reason to move (`moved`) comes first; that the conversation is small
    is none."""
    home = conversation.home
    if home is None or home == conversation.route or scan.state.crisis_steps or moved not in (None, "small"):
        return None
    row = scan.policy.row_by_model.get((home.provider, home.model))
    options = scan.options(row) if row is not None and scan.considered(row) else []
    return min(options, key=lambda option: (option.route != home, option.key), default=None)


def may_carry(scan: Scan, conversation: ConversationState, row: ModelRow) -> bool:
    """Whether a switch to that row would lose nothing that forbids it."""
    if scan.task.carried is None or not scan.task.carried.begun:
        return True  # of all that forbids a switch, the rest keeps a row from answering at all
    route = conversation.route
    return not carrying(scan, (route.provider, route.model), row).refused


def carrying(scan: Scan, left: tuple[str, str], row: ModelRow) -> Portability:
    """What a switch from one model (provider, id) to the row's does to what is carried."""
    load = Load(scan.task.carried, scan.task.needs, scan.need_tokens(row))
    return portability(load, scan.policy.config.catalogue, left, (row.provider, row.model))


def cache_is_warm(scan: Scan, conversation: ConversationState) -> bool:
    """Whether the account's prompt cache is taken to hold the conversation still."""
    return scan.state.now_ms < conversation.cache_warm_until_ms
