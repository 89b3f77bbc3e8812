"""Where an engine finds its files, and whom it is run by."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from trunkline.config.load import Loaded, load
from trunkline.config.places import Places
from trunkline.domain.found import FoundServer
from trunkline.engine.vocabularies import LoadVocabulary


@dataclass(frozen=True, slots=True)
class EngineSettings:
    """Where an engine finds its files, and whom it is run by. `base_providers_text` replaces the shipped catalogue (the
    demo's does); `given` is a whole configuration in place of all files (the drill's). `long_lived`: the process stays,
    as the deck does; it polls account endpoints and looks after what others left, which a command that is over in a
    moment does not. `rehearsal`: what goes wrong here is a drill, and a crisis is marked as one. `load_vocabulary` is
    how vocabularies are come by; without it every prompt's tokens are estimated."""

    places: Places
    environ: Mapping[str, str]
    process_name: str
    base_providers_text: str | None = None
    given: Loaded | None = field(default=None, repr=False)
    long_lived: bool = False
    rehearsal: bool = False
    load_vocabulary: LoadVocabulary | None = field(default=None, repr=False)

    def load(
        self,
        user_text: Mapping[Path, str] | None = None,
        found: Sequence[FoundServer] | None = None,
    ) -> Loaded:
        """The configuration as it is now; see `config.load` for `user_text` and `found`. Blocks on files. Raises
        ConfigError."""
        if self.given is not None:
            return self.given
        return load(
            self.places,
            self.environ,
            base_providers_text=self.base_providers_text,
            user_text=user_text,
            found=found,
        )
