"""Where an engine finds its files, and whom it is run by."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from trunkline.config.places import Places


@dataclass(frozen=True, slots=True)
class EngineSettings:
    """Where an engine finds its files, and whom it is run by. `base_providers_text` replaces the shipped catalogue (the
    demo's does). `long_lived`: the process stays, as the deck does; it polls account endpoints and looks after what others
    left, which a command that is over in a moment does not."""

    places: Places
    environ: Mapping[str, str]
    process_name: str
    base_providers_text: str | None = None
    long_lived: bool = False
