"""A key that cannot be printed, pickled or serialised by accident."""

from __future__ import annotations

import hashlib
from typing import NoReturn


class Secret:
    """Holds a credential. `reveal` is called in one place only: where the transport builds the headers of a
    call to the provider's own host."""

    __slots__ = ("_value",)

    def __init__(self, value: str) -> None:
        self._value = value

    def reveal(self) -> str:
        """The credential itself."""
        return self._value

    def mark(self) -> str:
        """Sixteen hex digits, the same for the same credential, from which it cannot be had back: to notice that a
        key was changed."""
        return hashlib.blake2b(self._value.encode(), digest_size=8, person=b"trunkline-key").hexdigest()

    def __repr__(self) -> str:
        return "Secret(•••)"

    def __str__(self) -> str:
        return "•••"

    def __format__(self, format_spec: str) -> str:
        return "•••"

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Secret) and other._value == self._value

    def __hash__(self) -> int:
        return hash((Secret, self._value))

    def __reduce__(self) -> NoReturn:
        raise TypeError("a Secret cannot be pickled or copied into another process")
