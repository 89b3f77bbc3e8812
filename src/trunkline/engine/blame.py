"""Which key a block is there for: with another key it means nothing."""

from __future__ import annotations

from typing import Protocol

from trunkline.domain.routes import Catalogue, KeyRef
from trunkline.domain.secret import Secret
from trunkline.domain.state import Block
from trunkline.quota.breaker import OF_THE_KEY


class _Keys(Protocol):
    def secret(self, ref: KeyRef) -> Secret | None: ...


def mark_of_blame(block: Block, catalogue: Catalogue, keys: _Keys) -> str | None:
    """The mark of the key that the block's account has now, if keys are to blame for blocks of that kind."""
    provider, _, rest = block.target.partition("/")
    if block.kind not in OF_THE_KEY or not rest:
        return None
    account = catalogue.account(provider, rest.partition("/")[0])
    secret = keys.secret(account.key) if account is not None else None
    return secret.mark() if secret is not None else None


def still_means(block: Block, catalogue: Catalogue, keys: _Keys) -> bool:
    """Whether a block that was kept says anything of the accounts as they are now."""
    return block.key_mark in (None, mark_of_blame(block, catalogue, keys))
