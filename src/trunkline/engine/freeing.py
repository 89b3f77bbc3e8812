"""A person says that a provider, an account or a route is available again: what keeps it from being called goes."""

from __future__ import annotations

from typing import TYPE_CHECKING

from trunkline.domain.errors import ConfigError
from trunkline.domain.routes import Selector
from trunkline.domain.state import Block
from trunkline.store import keep

if TYPE_CHECKING:
    from trunkline.engine.core import EngineCore


def free(core: EngineCore, target: str) -> None:
    """Close every block on `target`, above it and under it, and believe no figure that has it used up. Raises
    ConfigError when it names nothing known, and nothing that is blocked."""
    catalogue = core.generation.config.catalogue
    selector = catalogue.select(target)
    blocked = [block.target for block in core.tracker.blocks() if _is_meant(block, target, selector)]
    if selector is None and not blocked:
        raise ConfigError(
            file="free",
            key="target",
            value=target,
            expected="a provider, an account, a model or provider/account/model",
            remedy="`trunkline status` lists them",
        )
    core.lessons.heal(blocked)
    # Another process may have blocked what this one has not heard of yet.
    core.store.post(lambda connection: keep.clear_blocks_around(connection, target))
    if selector is not None:
        core.tracker.forgive(selector, core.clock.wall_ms())


def _is_meant(block: Block, target: str, selector: Selector | None) -> bool:
    """Whether a block keeps something of what is meant from being called. A block may be of what is no longer in the
    catalogue."""
    if block.target == target or block.target.startswith(f"{target}/"):
        return True
    if selector is None:
        return False
    parts = block.target.split("/", 2)
    meant = (selector.provider, selector.account, selector.model)
    return all(wanted in (None, part) for wanted, part in zip(meant, parts, strict=False))
