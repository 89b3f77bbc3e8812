"""How commands come by an engine."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager

from trunkline.config.places import find_places
from trunkline.engine.engine import Engine
from trunkline.engine.settings import EngineSettings
from trunkline.engine.vocabularies import tiktoken_vocabulary

# Set to `off`, nothing is fetched to count with, and every prompt's tokens are estimated.
_VOCABULARIES = "TRUNKLINE_VOCABULARIES"


def settings_of(process_name: str) -> EngineSettings:
    """The engine settings of this user's own configuration."""
    load = None if os.environ.get(_VOCABULARIES) == "off" else tiktoken_vocabulary
    return EngineSettings(find_places(os.environ), os.environ, process_name, load_vocabulary=load)


@contextmanager
def idle_engine(process_name: str) -> Iterator[Engine]:
    """An engine for a command that makes no call. Raises ConfigError and StoreError."""
    engine = Engine.open(settings_of(process_name))
    try:
        yield engine
    finally:
        engine.close_now()
