"""Choosing a route, account, provider or model, how far the choice reaches and how long it holds."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import tzinfo

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.content import Content
from textual.screen import ModalScreen
from textual.widgets import Input, OptionList, Static
from textual.widgets.option_list import Option

from trunkline.domain.decisions import PinScope
from trunkline.domain.snapshot import Snapshot
from trunkline.tui import format as fmt
from trunkline.tui import fuzzy
from trunkline.tui.cells import Tone, share_width
from trunkline.tui.key_specs import Scope
from trunkline.tui.keymap import keys_in_force
from trunkline.tui.keys import bindings
from trunkline.tui.route_choices import (
    COLUMNS,
    NAME_COLUMN,
    SCOPE_WORDS,
    Expiry,
    RouteOption,
    expires_in_ms,
    expiries,
    expiry_words,
    route_options,
)

MOST_SHOWN = 80
NOTHING = "Nothing is called that."

_TONES = {
    Tone.DIM: "$text-muted",
    Tone.GOOD: "$text-success",
    Tone.WARN: "$text-warning",
    Tone.BAD: "$text-error",
    Tone.ACCENT: "$text-accent",
}


@dataclass(frozen=True, slots=True)
class RouteChoice:
    """What a person chose. `selector` None is automatic: the pin of that scope is taken back. `expires_in_ms` counts
    from the moment of choosing; None: until taken back."""

    selector: str | None
    scope: PinScope
    expires_in_ms: int | None


def _own_bindings() -> list[BindingType]:
    """The picker's keys act before the text field sees them; enter is the field's own."""
    return [
        replace(one, priority=True)
        for one in bindings(Scope.PICKER)
        if isinstance(one, Binding) and one.action
    ]


class RoutePicker(ModalScreen["RouteChoice | None"]):
    """A list narrowed by typing. Every row says how it stands, so that the choice is informed; what cannot serve now
    can be chosen all the same. Gives None when nothing was chosen.

    `initial` is the selector to begin on, `scopes` how far the choice may reach, the first being the one offered.
    `only_routes`: automatic is no choice, and what is chosen holds until taken back."""

    CSS_PATH = "route_picker.tcss"
    VERTICAL_BREAKPOINTS = [(0, "-low"), (22, "-tall")]  # noqa: RUF012 - an instance variable in Textual
    BINDINGS = _own_bindings()

    def __init__(
        self,
        snapshot: Snapshot,
        *,
        title: str,
        initial: str | None,
        scopes: tuple[PinScope, ...],
        now_ms: int,
        zone: tzinfo | None,
        only_routes: bool = False,
    ) -> None:
        super().__init__()
        self._only_routes = only_routes
        self._title = title
        self._initial = initial
        self._scopes = scopes
        self._scope = scopes[0]
        self._now_ms = now_ms
        self._zone = zone
        offered = route_options(snapshot, now_ms, zone)
        self._options = tuple(one for one in offered if one.selector is not None or not only_routes)
        self._names = tuple(option.name for option in self._options)
        self._shown: tuple[RouteOption, ...] = ()
        self._positions: tuple[tuple[int, ...], ...] = ()
        self._widths: tuple[int, ...] = ()
        self._marked: int | None = None
        self._expiry = Expiry.UNTIL_TAKEN_BACK

    def compose(self) -> ComposeResult:
        with Vertical(id="picker-box") as box:
            box.border_title = fmt.one_line(self._title)
            box.border_subtitle = Content(self._ways_out())
            yield Input(placeholder="provider, account, model …", id="picker-input")
            yield Static("", id="picker-header", markup=False)
            yield OptionList(id="picker-list", markup=False)
            yield Static("", id="picker-foot", markup=False)

    def on_mount(self) -> None:
        self.query_one(Input).cursor_blink = False
        self.query_one(Input).focus()

    def on_resize(self) -> None:
        self.call_after_refresh(self._show, keep=self._highlighted() if self._shown else self._begin())

    def _begin(self) -> RouteOption | None:
        return next((option for option in self._options if option.selector == self._initial), None)

    # -- the list -------------------------------------------------------------------------------------------

    def _show(self, keep: RouteOption | None = None) -> None:
        """List what fits what is typed, best first; the cursor stays on `keep` where it is among them."""
        query = self.query_one(Input).value.strip()
        limit = MOST_SHOWN if query else len(self._names)
        matches = fuzzy.best(query, self._names, limit)
        self._shown = tuple(self._options[match.index] for match in matches)
        self._positions = tuple(match.positions for match in matches)
        listing = self.query_one(OptionList)
        self._widths = share_width(COLUMNS, max(20, listing.size.width - 1))  # the scrollbar's column
        self._marked = None
        listing.set_options(Option(self._line(at, toned=True)) for at in range(len(self._shown)))
        listing.highlighted = (self._shown.index(keep) if keep in self._shown else 0) if self._shown else None
        self._mark()
        self.query_one("#picker-header", Static).update(_header(self._widths))
        self._show_foot()

    def _mark(self) -> None:
        """The line under the cursor has the cursor's own colours, which those of states need not be readable on."""
        listing = self.query_one(OptionList)
        if listing.highlighted == self._marked:
            return
        for at, toned in ((self._marked, True), (listing.highlighted, False)):
            if at is not None and at < len(self._shown):
                listing.replace_option_prompt_at_index(at, self._line(at, toned=toned))
        self._marked = listing.highlighted

    def _line(self, at: int, *, toned: bool) -> Content:
        return _line(self._shown[at], self._positions[at], self._widths, toned=toned)

    def _highlighted(self) -> RouteOption | None:
        at = self.query_one(OptionList).highlighted
        return self._shown[at] if at is not None and at < len(self._shown) else None

    def _show_foot(self, remark: str = "") -> None:
        """How far and how long; below it `remark`, or why the choice could not serve now."""
        option = self._highlighted()
        foot = self.query_one("#picker-foot", Static)
        if option is None:
            foot.update(NOTHING)
            return
        if not remark and option.refusal:
            remark = f"{option.name} cannot serve now: {option.refusal}"
        foot.update(Content.assemble(*self._reach(option), "\n", (fmt.one_line(remark), "$text-warning")))

    def _reach(self, option: RouteOption) -> list[Content | str | tuple[str, str]]:
        """How far and how long, each with the key that changes it."""
        far = "for " + SCOPE_WORDS[self._scope]
        pieces: list[Content | str | tuple[str, str]] = []
        if len(self._scopes) > 1:
            pieces += [(f"{self._key('picker.scope')} ", "bold $text-accent")]
        pieces.append(far)
        if self._only_routes:
            pieces.append(", until taken back" if self._scope is PinScope.EVERYTHING else "")
        elif option.selector is not None and self._scope is PinScope.EVERYTHING:
            words = expiry_words(self._expiry_of(option), option, self._now_ms, self._zone)
            pieces += ["   ", (f"{self._key('picker.expiry')} ", "bold $text-accent"), words]
        elif option.selector is not None and self._scope is PinScope.CONVERSATION:
            pieces.append(", until taken back")
        return pieces

    def _key(self, spec_id: str) -> str:
        """The key in force as a person reads it."""
        return keys_in_force(self).named(spec_id).first_label

    def _ways_out(self) -> str:
        return f"enter takes it · {self._key('picker.close')} leaves · {self._key('picker.help')} help"

    def _expiry_of(self, option: RouteOption) -> Expiry:
        """The expiry asked for, where the option knows it."""
        return self._expiry if self._expiry in expiries(option, self._now_ms) else Expiry.UNTIL_TAKEN_BACK

    # -- what a person does ---------------------------------------------------------------------------------

    def on_input_changed(self, event: Input.Changed) -> None:
        event.stop()
        if self._shown or event.value:
            self._show()

    def on_input_submitted(self, event: Input.Submitted) -> None:
        event.stop()
        self._take(self._highlighted())

    def on_option_list_option_selected(self, event: OptionList.OptionSelected) -> None:
        event.stop()
        self._take(self._shown[event.option_index])

    def on_option_list_option_highlighted(self, event: OptionList.OptionHighlighted) -> None:
        event.stop()
        self._mark()
        self._show_foot()

    def _take(self, option: RouteOption | None) -> None:
        if option is None:
            self._show_foot()
            return
        length_ms = None
        if option.selector is not None and self._scope is PinScope.EVERYTHING:
            length_ms = expires_in_ms(self._expiry_of(option), option, self._now_ms, self._zone)
        self.dismiss(RouteChoice(option.selector, self._scope, length_ms))

    def action_move(self, step: int) -> None:
        """The next or the previous choice, while the text field keeps the focus."""
        listing = self.query_one(OptionList)
        if step > 0:
            listing.action_cursor_down()
        else:
            listing.action_cursor_up()

    def action_page(self, pages: int) -> None:
        """A page of choices up or down."""
        listing = self.query_one(OptionList)
        if pages > 0:
            listing.action_page_down()  # type: ignore[no-untyped-call] # Textual's, without types
        else:
            listing.action_page_up()  # type: ignore[no-untyped-call] # Textual's, without types

    def action_scope(self, step: int) -> None:
        """Another reach."""
        if len(self._scopes) == 1:
            self._show_foot(f"from here it is for {SCOPE_WORDS[self._scope]} only")
            return
        at = self._scopes.index(self._scope) + step
        self._scope = self._scopes[at % len(self._scopes)]
        self._show_foot()

    def action_expiry(self) -> None:
        """Another time after which the pin is gone by itself."""
        option = self._highlighted()
        if option is None:
            self._show_foot()
        elif self._only_routes:
            self._show_foot("this holds until it is taken back")
        elif option.selector is None:
            self._show_foot("automatic holds until you pin again")
        elif self._scope is not PinScope.EVERYTHING:
            self._show_foot("only a pin for everything ends by itself")
        else:
            offered = expiries(option, self._now_ms)
            self._expiry = offered[(offered.index(self._expiry_of(option)) + 1) % len(offered)]
            self._show_foot()

    def action_leave(self) -> None:
        """Choose nothing."""
        self.dismiss(None)


def _header(widths: tuple[int, ...]) -> str:
    titles = [
        fmt.fit(column.title, width, right=column.right)
        for column, width in zip(COLUMNS, widths, strict=True)
        if width
    ]
    return " ".join(titles)


def _line(
    option: RouteOption, positions: tuple[int, ...], widths: tuple[int, ...], *, toned: bool
) -> Content:
    """A row as one line of columns, with the letters that were found marked in its name."""
    pieces: list[Content] = []
    for at, (cell, column) in enumerate(zip(option.cells, COLUMNS, strict=False)):
        is_last = at == len(option.cells) - 1
        width = sum(widths[at:]) + sum(1 for rest in widths[at + 1 :] if rest) if is_last else widths[at]
        if not width:
            continue
        shown = cell.text if cell.text.isprintable() else fmt.one_line(cell.text)
        text = Content(fmt.fit(shown, width, right=column.right))
        if toned and cell.tone is not Tone.PLAIN:
            text = text.stylize(_TONES[cell.tone])
        if at == NAME_COLUMN:
            for position in positions:
                text = text.stylize(
                    "underline $text-accent" if toned else "underline", position, position + 1
                )
        pieces.append(text)
    return Content(" ").join(pieces)
