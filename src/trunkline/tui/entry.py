"""The way into the deck: environment before import, paint before engine, engine closed whatever happens."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, MutableMapping
from dataclasses import replace
from typing import TYPE_CHECKING

from trunkline.tui.options import DeckOptions

if TYPE_CHECKING:
    from trunkline.engine.api import HostedEngine

SWITCH_INTERVAL_S = 0.0005


def prepare_environment(environment: MutableMapping[str, str], low_bandwidth: bool | None) -> bool:
    """Set what Textual reads when it is imported; what the user has set stays. Says whether to be sparing."""
    sparing = "SSH_CONNECTION" in environment if low_bandwidth is None else low_bandwidth
    environment.setdefault("TEXTUAL_ANIMATIONS", "none")
    environment.setdefault("TEXTUAL_SMOOTH_SCROLL", "0")
    environment.setdefault("TEXTUAL_FPS", "10" if sparing else "24")
    return sparing


def settle_process() -> None:
    """After the first paint: what is there stays, so the collector need not walk it again; and the engine's
    thread gets its turn sooner than Python would give it."""
    from trunkline.engine.collector import settle_collector

    settle_collector()
    sys.setswitchinterval(SWITCH_INTERVAL_S)


def run_deck(make_engine: Callable[[], HostedEngine], *, options: DeckOptions) -> int:
    """Open the deck and stay until the person leaves; gives the exit code. `make_engine` is called on a thread
    after the first paint and may take its time. The engine is closed on every way out."""
    sparing = prepare_environment(os.environ, options.low_bandwidth)
    from trunkline.domain.clock import SystemClock
    from trunkline.domain.ids import IdSource
    from trunkline.tui.app import DeckApp
    from trunkline.tui.engine_link import EngineLink
    from trunkline.tui.failure import log_failures_of_threads, say_failure
    from trunkline.tui.plain_signs import has_only_ascii
    from trunkline.tui.terminal_keys import teach_alt_keys
    from trunkline.tui.terminal_watch import TerminalWatch

    teach_alt_keys()
    log_failures_of_threads()
    if options.ascii is None:
        encoding = (sys.__stderr__.encoding if sys.__stderr__ else None) or "utf-8"
        options = replace(options, ascii=has_only_ascii(os.environ, encoding))
    clock = SystemClock()
    link = EngineLink(make_engine)
    try:
        app = DeckApp(
            link, clock, IdSource(clock), options, low_bandwidth=sparing, on_first_paint=settle_process
        )
        watch = TerminalWatch(app.ways_out.terminal_lost, link.close)
        watch.start()
        app.run()
        watch.stop()
    finally:
        if options.gateway is not None:
            options.gateway.close()
        link.close()
    if app.failure is not None:
        say_failure(app.failure, options.log_file)
    return app.return_code or 0
