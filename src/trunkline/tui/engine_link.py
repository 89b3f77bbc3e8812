"""The deck's end of the engine: builds it on a thread after the first paint, and always closes it."""

from __future__ import annotations

import threading
from collections.abc import Callable

from trunkline.domain.errors import TrunklineError
from trunkline.engine.api import EngineDied, HostedEngine, HostNews


class EngineLink:
    """Holds a hosted engine that may not be there yet. `engine` is None until it is built and after `close`."""

    def __init__(self, make_engine: Callable[[], HostedEngine]) -> None:
        self._make_engine = make_engine
        self._lock = threading.Lock()
        self._engine: HostedEngine | None = None
        self._closed = False
        self._builder: threading.Thread | None = None

    @property
    def engine(self) -> HostedEngine | None:
        """The engine, once it is there."""
        return self._engine

    def open(self, listener: Callable[[HostNews], None]) -> None:
        """Build and start the engine on a thread; a failure arrives as `EngineDied`."""
        self._builder = threading.Thread(
            target=self._build, args=(listener,), name="engine-builder", daemon=True
        )
        self._builder.start()

    def _build(self, listener: Callable[[HostNews], None]) -> None:
        try:
            engine = self._make_engine()
            with self._lock:
                if self._closed:
                    engine.close()
                    return
                self._engine = engine
            engine.start(listener)
        except TrunklineError as error:
            listener(EngineDied(str(error)))
        except Exception as error:
            listener(EngineDied(f"the engine could not start: {type(error).__name__}: {error}"))

    def close(self, timeout_s: float = 3.0) -> None:
        """End the engine; one that is still being built ends as soon as it is there. Waits at most about
        `timeout_s`."""
        with self._lock:
            already_closed, self._closed = self._closed, True
            engine, self._engine = self._engine, None
        if already_closed:
            return
        if engine is not None:
            engine.close(timeout_s)
        elif self._builder is not None:
            self._builder.join(timeout_s)
