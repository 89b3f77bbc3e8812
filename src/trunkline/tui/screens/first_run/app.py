"""The first start's screen, as a small application of its own that ends before the deck begins."""

from __future__ import annotations

from collections.abc import Callable
from typing import ClassVar

from textual import events, work
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import VerticalScroll
from textual.content import Content
from textual.widgets import OptionList, Static
from textual.widgets.option_list import Option

from trunkline.config.desk import Edit
from trunkline.domain.errors import ConfigError
from trunkline.tui import format as fmt
from trunkline.tui.failure import PlainlyFailingApp
from trunkline.tui.options import DeckOptions
from trunkline.tui.screens.first_run.facts import Choice, FirstRunFacts, Outcome
from trunkline.tui.screens.first_run.rows import Line, aligned, mode_width, rows
from trunkline.tui.screens.first_run.stray_text import StrayText
from trunkline.tui.themes import ThemeShelf, usable_theme
from trunkline.tui.ways_out import WaysOut

_COLOURS = {
    Line.HEADING: "bold $foreground",
    Line.FOUND: "$foreground",
    Line.ODD: "$text-warning",
    Line.MISSING: "$foreground 60%",
    Line.NOTE: "$text-warning",
}


class FirstRunApp(PlainlyFailingApp[Outcome], inherit_bindings=False):
    """Shows what was found; enter keeps the mode under the cursor, a text chooses nothing. A choice that cannot be kept
    says why, and the rest still works."""

    TITLE = "Trunkline"
    CSS_PATH = "first_run.tcss"
    ENABLE_COMMAND_PALETTE = False
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("o", "open_as_it_is", "Open with the mode as it is"),
        Binding("d", "demo", "Open the demo"),
        Binding("r", "look_again", "Look again"),
        Binding("q,escape,ctrl+q,ctrl+c", "leave", "Leave"),
        Binding("enter", "go", "Keep the mode under the cursor, or open the demo"),
        Binding("j", "mode(1)", "Next mode"),
        Binding("k", "mode(-1)", "Mode before"),
        Binding("pagedown,ctrl+d,space", "scroll_found(1)", "What was found, a page down"),
        Binding("pageup,ctrl+u", "scroll_found(-1)", "What was found, a page up"),
    ]

    def __init__(
        self,
        facts: FirstRunFacts,
        options: DeckOptions,
        look_again: Callable[[], FirstRunFacts] | None = None,
    ) -> None:
        super().__init__()
        self._facts = facts
        self._options = options
        self._gather = look_again
        self._stray = StrayText({*"odrqjk", "space"})
        self.ways_out = WaysOut(lambda code: self.exit(return_code=code))
        shelf = ThemeShelf(options.themes_folder)
        for theme in shelf.read():
            self.register_theme(theme)
        few_colours = self.console.color_system in (None, "standard")
        name, _ = usable_theme(options.theme, self.available_themes, few_colours=few_colours)
        if name is not None:
            self.theme = name

    def compose(self) -> ComposeResult:
        yield Static(id="first-title", markup=False)
        with VerticalScroll(id="first-found", can_focus=False):
            yield Static(id="first-lines")
        yield OptionList(id="first-modes", markup=False)
        yield Static(id="first-problem", markup=False)
        yield Static(id="first-hints", markup=False)

    def on_mount(self) -> None:
        self.ways_out.open()
        self._show()

    def _show(self) -> None:
        """Put the facts on the screen; the cursor stands on the mode in force."""
        facts = self._facts
        count = len(facts.accounts)
        can = f"{count} account{'' if count == 1 else 's'} can be asked" if count else "no account yet"
        self.query_one("#first-title", Static).update(Content(f"Trunkline · {can}"))
        pieces: list[Content] = []
        for row, text in aligned(rows(facts)):
            pieces.append(Content.styled(text, _COLOURS[row.kind]))
        self.query_one("#first-lines", Static).update(Content("\n").join(pieces))
        modes = self.query_one("#first-modes", OptionList)
        modes.border_title = "Begin with a mode · m changes it later"
        modes.border_subtitle = Content(fmt.one_line(f"kept in {facts.preferences_file}"))
        modes.display = facts.usable
        modes.disabled = not facts.usable  # else it would hold the focus unseen, and take enter for itself
        width = mode_width(mode.name for mode in facts.modes)
        modes.set_options(
            [
                Option(
                    Content.assemble(
                        (fmt.fit(fmt.one_line(mode.name), width + 2), "bold"), fmt.one_line(mode.about)
                    ),
                    id=mode.name,
                )
                for mode in facts.modes
            ]
        )
        modes.highlighted = next((i for i, mode in enumerate(facts.modes) if mode.name == facts.mode), 0)
        if facts.usable:
            modes.focus()
        self.query_one("#first-hints", Static).update(self._hints())

    def _hints(self) -> Content:
        """The keys, the most useful first: a narrow terminal cuts the last."""
        again = [("r", "look again")] if self._gather is not None else []
        hints = [("enter", "keep this mode"), ("d", "demo"), ("q", "leave"), ("o", "go on without"), *again]
        if not self._facts.usable:
            hints = [("enter", "open the demo, on simulated providers"), ("q", "leave"), *again]
        pieces = [((key, "$text-accent"), f" {word}  ") for key, word in (*hints, ("space", "more"))]
        return Content.assemble(*(part for piece in pieces for part in piece))

    async def on_event(self, event: events.Event) -> None:
        if isinstance(event, events.Key) and not event.is_forwarded and self._is_stray(event):
            return
        await super().on_event(event)

    def _is_stray(self, event: events.Key) -> bool:
        return self._stray.takes(event.key, is_printable=event.is_printable, at_s=event.time)

    # -- what a person does ---------------------------------------------------------------------------------

    def on_option_list_option_selected(self, event: OptionList.OptionSelected) -> None:
        event.stop()
        if event.option_id is not None:
            self._keep(event.option_id)

    @work(thread=True, exclusive=True, group="keep", exit_on_error=False)
    def _keep(self, mode: str) -> None:
        desk = self._options.desk
        try:
            if desk is not None:
                desk.save(desk.plan(desk.read(), [Edit("mode", mode)]))
        except ConfigError as error:
            self.call_from_thread(self._tell, f"{error} — o goes on with the mode as it is.")
            return
        self.call_from_thread(self.exit, Outcome(Choice.OPEN, mode=mode))

    def _tell(self, problem: str) -> None:
        line = self.query_one("#first-problem", Static)
        line.update(fmt.one_line(problem))
        line.display = bool(problem)

    def action_open_as_it_is(self) -> None:
        """Go on without a choice, if there is anybody to ask."""
        if self._facts.usable:
            self.exit(Outcome(Choice.OPEN))
        else:
            self._tell("Nobody can be asked yet; d opens the demo.")

    def action_go(self) -> None:
        """What enter does where the list of modes has not the focus."""
        at = self.query_one("#first-modes", OptionList).highlighted
        if not self._facts.usable:
            self.action_demo()
        elif at is not None:
            self._keep(self._facts.modes[at].name)

    def action_demo(self) -> None:
        """The control centre on simulated providers."""
        self.exit(Outcome(Choice.DEMO))

    def action_leave(self) -> None:
        """Back to the shell; nothing is kept."""
        self.exit(Outcome(Choice.LEAVE))

    def action_mode(self, step: int) -> None:
        """The cursor to the next mode or the one before."""
        modes = self.query_one("#first-modes", OptionList)
        if step > 0:
            modes.action_cursor_down()
        else:
            modes.action_cursor_up()

    def action_scroll_found(self, pages: int) -> None:
        """More of what was found."""
        found = self.query_one("#first-found", VerticalScroll)
        found.scroll_relative(y=pages * max(1, found.size.height - 1), animate=False)

    @work(thread=True, exclusive=True, group="look", exit_on_error=False)
    def action_look_again(self) -> None:
        """Gather the facts anew: a server may have been started meanwhile."""
        if self._gather is None:
            return
        self.call_from_thread(self._tell, "Looking …")
        try:
            facts = self._gather()
        except ConfigError as error:
            self.call_from_thread(self._tell, str(error))
            return
        self.call_from_thread(self._replace, facts)

    def _replace(self, facts: FirstRunFacts) -> None:
        self._facts = facts
        self._tell("")
        self._show()
