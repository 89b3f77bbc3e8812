"""Everything that widgets, screens and the engine's thread tell one another."""

from __future__ import annotations

from dataclasses import dataclass

from textual.message import Message

from trunkline.domain.chats import KeptConversation
from trunkline.domain.checks import CheckResult
from trunkline.domain.crisis import CrisisSummary
from trunkline.domain.events import Event
from trunkline.domain.learned import Received
from trunkline.domain.receipts import Receipt
from trunkline.engine.api import HostNews, Preview
from trunkline.tui.attachments import Attachment
from trunkline.tui.gateway_switch import GatewayState
from trunkline.tui.pace import Pace


@dataclass
class NewsArrived(Message):
    """The hosted engine says something."""

    news: HostNews


@dataclass
class GatewayTold(Message):
    """The deck's gateway has come to another state."""

    state: GatewayState


@dataclass
class TurnEvents(Message):
    """A batch of events of one turn of the chat."""

    turn_id: str
    events: tuple[Event, ...]


@dataclass
class PreviewArrived(Message):
    """What would become of the text that was in the editor when preview number `serial` was asked for."""

    serial: int
    preview: Preview


@dataclass
class PromptSubmitted(Message):
    """The editor's text is to be sent, with these files. `over_budget_ok`: even over the token budget of its task."""

    text: str
    attachments: tuple[Attachment, ...] = ()
    over_budget_ok: bool = False


@dataclass
class CommandGiven(Message):
    """A slash command of the editor: `name` is one of `commands.COMMANDS`, `argument` what followed, stripped."""

    name: str
    argument: str


@dataclass
class PromptChanged(Message):
    """The editor's text is another one."""

    text: str


@dataclass
class RowHighlighted(Message):
    """The cursor of the list `list_id` stands on another row, or the row has changed."""

    list_id: str
    key: str | None


@dataclass
class RowOpened(Message):
    """A row of the list `list_id` was chosen."""

    list_id: str
    key: str


@dataclass
class LogTouched(Message):
    """The log book has something new that should be seen at once."""


@dataclass
class WaitingChanged(Message):
    """A question of the open conversation has begun to wait, or none waits there any more."""


@dataclass
class ReceiptWanted(Message):
    """The whole receipt of a request is to be shown. `turn_id` where it is of a turn of the open conversation."""

    request_id: str
    turn_id: str | None = None


@dataclass
class ReceiptFound(Message):
    """What the store had for a `ReceiptWanted`."""

    wanted: ReceiptWanted
    receipt: Receipt | None


@dataclass
class RetryWanted(Message):
    """A turn of the open conversation is to be asked again: down `route` (a selector) where given, and not down any of
    `avoid`."""

    turn_id: str
    route: str | None = None
    avoid: tuple[str, ...] = ()


@dataclass
class AnswerJudged(Message):
    """What is known of how an answer was received has changed."""

    received: Received


@dataclass
class PinWanted(Message):
    """A person wants to choose a route and how far that reaches; the picker begins with `selector`."""

    selector: str | None = None


@dataclass
class ConversationWanted(Message):
    """Another conversation is to be opened in the chat; None begins one."""

    conversation_id: str | None


@dataclass
class ConversationFound(Message):
    """What the store had for a `ConversationWanted`."""

    conversation: KeptConversation | None


@dataclass
class AccountToggled(Message):
    """`provider/account` is to be taken out, or put back."""

    account: str
    enabled: bool


@dataclass
class AccountFreed(Message):
    """A provider, `provider/account` or route is to be taken as available, by the person's word."""

    target: str


@dataclass
class RouteWanted(Message):
    """A route is to be chosen for a turn of the open conversation that waits."""

    turn_id: str


@dataclass
class CrisesArrived(Message):
    """The crises that the store knows, newest first."""

    crises: tuple[CrisisSummary, ...]


@dataclass
class CheckWanted(Message):
    """Ask an account, a provider, or everybody (None) whether it answers."""

    selector: str | None


@dataclass
class ChecksArrived(Message):
    """What asking accounts whether they answer gave."""

    results: tuple[CheckResult, ...]


@dataclass
class AccountWanted(Message):
    """The detail of a provider or an account (`provider` or `provider/account`) is to be shown."""

    key: str


@dataclass
class SettingsSaved(Message):
    """The user's files were written; `diff` is what changed, unified."""

    diff: str


@dataclass
class PreferencesSeen(Message):
    """The colours and keys that the user's files ask for."""

    theme: str | None
    keymap: tuple[tuple[str, str], ...]


@dataclass
class PaceChanged(Message):
    """Draw as often as this from now on."""

    pace: Pace
