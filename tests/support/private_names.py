"""Names that a library keeps to itself and our tests reach for anyway: each is asked for here, so that an upgrade which
drops one fails with its name and not as a suite that is slow or flickers."""

from __future__ import annotations

from types import CodeType, FunctionType


def still_used(owner: object, name: str, *users: FunctionType) -> str:
    """`name`, which `owner` must have and each of `users` must read. AssertionError: it is gone, or changing it would
    do nothing any more."""
    where = getattr(owner, "__qualname__", getattr(owner, "__name__", repr(owner)))
    assert hasattr(owner, name), f"{where}.{name} is gone: look at what tests/tui/conftest.py needs it for"
    for user in users:
        assert _reads(user.__code__, name), (
            f"{user.__qualname__} reads {name} no more: see tests/tui/conftest.py"
        )
    return name


def _reads(code: CodeType, name: str) -> bool:
    inner = (one for one in code.co_consts if isinstance(one, CodeType))
    return name in code.co_names or any(_reads(one, name) for one in inner)
