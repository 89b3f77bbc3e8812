"""How far a refusal reaches, judged by what else was refused and answered at the same time."""

from __future__ import annotations

from trunkline.domain.faults import Fault
from trunkline.domain.routes import Catalogue, Route


class ScopeJudge:
    """Remembers what calls of late have shown. No clock and no I/O of its own."""

    def __init__(self, catalogue: Catalogue) -> None:
        self._catalogue = catalogue

    def use_config(self, catalogue: Catalogue) -> None:
        """Work with another configuration; what was seen stays."""
        self._catalogue = catalogue

    def judged(self, fault: Fault, route: Route, now_ms: int) -> Fault:
        """`fault` with the scope that the evidence supports, its confidence and what it rests on."""
        return fault

    def answered(self, route: Route, now_ms: int) -> None:
        """A call down `route` was answered."""
