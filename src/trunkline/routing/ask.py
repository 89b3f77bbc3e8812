"""What a decision is asked for: the unchanging half of its inputs, beside the compiled policy and the state."""

from __future__ import annotations

from dataclasses import dataclass

from trunkline.domain.routes import Route, Selector
from trunkline.domain.tasks import Task


@dataclass(frozen=True, slots=True)
class RoutingAsk:
    """One request's wish. `selector` pins this message; `prefer` is the asker's own ordered list and `avoid`
    routes it will not have, both as selectors. `failed` routes are not asked again for this request. `after` is
    the route that has just failed: another account of the same model comes next. `exhaustive` evaluates every
    route, for explaining, instead of stopping at the twelfth best. `asked_output_tokens` is the output limit that the
    request asks for, if it does; a crisis may hold its answer to less where it `may_shrink`. Until `may_wait_until_ms`
    (wall time; None: not at all) it may be kept for somebody good enough, where its tier wants that. Where `only` is
    not empty, nobody else may answer."""

    task: Task
    selector: Selector | None = None
    prefer: tuple[Selector, ...] = ()
    avoid: tuple[Selector, ...] = ()
    failed: frozenset[Route] = frozenset()
    after: Route | None = None
    budget_pico: int | None = None
    exhaustive: bool = False
    asked_output_tokens: int | None = None
    may_wait_until_ms: int | None = None
    may_shrink: bool = False
    only: tuple[Selector, ...] = ()
