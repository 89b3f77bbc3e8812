"""The way into the first start's screen, and out of it."""

from __future__ import annotations

import os
from collections.abc import Callable

from trunkline.tui.entry import prepare_environment
from trunkline.tui.options import DeckOptions
from trunkline.tui.screens.first_run.facts import Choice, FirstRunFacts, Outcome


def run_first_run(
    facts: FirstRunFacts, *, options: DeckOptions, look_again: Callable[[], FirstRunFacts] | None = None
) -> Outcome:
    """Show what was found and have a mode chosen, until the person opens something or leaves. `look_again` gathers the
    facts anew; it is called on a thread and may take its time."""
    prepare_environment(os.environ, options.low_bandwidth)
    from trunkline.tui.failure import say_failure
    from trunkline.tui.screens.first_run.app import FirstRunApp
    from trunkline.tui.screens.first_run.stray_text import forget_typed_ahead
    from trunkline.tui.terminal_watch import TerminalWatch

    app = FirstRunApp(facts, options, look_again)
    watch = TerminalWatch(app.ways_out.terminal_lost, lambda: None)
    watch.start()
    forget_typed_ahead()
    outcome = app.run()
    watch.stop()
    if app.failure is not None:
        say_failure(app.failure, options.log_file)
    if app.return_code:
        return Outcome(Choice.LEAVE, exit_code=app.return_code)
    return outcome or Outcome(Choice.LEAVE)
