"""References to keys, the accounts that variables make, and the ring that opens a reference late."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

from trunkline.domain.routes import KeyRef, KeySource
from trunkline.domain.secret import Secret
from trunkline.domain.text import redact

_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_REFERENCE = re.compile(r"(?:(env|vault|keyring):([A-Za-z0-9_][A-Za-z0-9_.-]*)|\$\{([A-Za-z0-9_]+)\}|none)")
_ISSUED = re.compile(
    r"""(?x)
    (?<![A-Za-z0-9])(?:
      (?:sk|pk|rk|gsk|csk|tgp|nvapi|hf|ghp|glpat)[-_][A-Za-z0-9_-]{16,}
    | xai[-_][A-Za-z0-9]{20,}
    | AIza[A-Za-z0-9_-]{16,}
    | tl-[A-Za-z0-9_-]{40,}
    | [0-9a-f]{24,}\.[A-Za-z0-9]{8,}
    | (?i:bearer)[ ]+\S{8,}
    )"""
)
NumberedVariables = Mapping[str, list[tuple[int, str]]]
PLAIN_KEY_EXPECTED = "a reference to a key, never the key itself"
REFERENCE_EXPECTED = 'a key reference: "env:NAME" (or "${NAME}"), "vault:NAME", "keyring:NAME" or "none"'


def looks_like_key(text: str) -> bool:
    """Whether `text` holds something that has the form of an issued credential."""
    return any(any(c.isdigit() for c in found[0]) for found in _ISSUED.finditer(text))


def parse_key_ref(text: str) -> KeyRef | None:
    """Read `env:NAME`, `${NAME}`, `vault:NAME`, `keyring:NAME` or `none`; None for anything else, a plain key
    above all."""
    text = text.strip()
    found = _REFERENCE.fullmatch(text)
    if found is None:
        return None
    source, name, bare = found.groups()
    name = name or bare or ""
    if name and (looks_like_key(name) or redact(name) != name):
        return None
    if source in ("vault", "keyring"):
        return KeyRef(KeySource(source), name)
    if name and not _NAME.fullmatch(name):
        return None
    return KeyRef(KeySource.ENV, name) if name else KeyRef(KeySource.NONE)


class KeyRing:
    """Opens key references, at the moment of a call. Never prints what it holds."""

    __slots__ = ("_environ",)

    def __init__(self, environ: Mapping[str, str]) -> None:
        self._environ = environ

    def secret(self, ref: KeyRef) -> Secret | None:
        """The key that `ref` names; None where there is none (no such variable, or a source that is not there)."""
        if ref.source is not KeySource.ENV:
            return None
        value = self._environ.get(ref.name, "").strip()
        return Secret(value) if value else None

    def has(self, ref: KeyRef) -> bool:
        """Whether a call with `ref` could be made: there is a key, or none is wanted."""
        return ref.source is KeySource.NONE or self.secret(ref) is not None

    def __repr__(self) -> str:
        return "KeyRing(•••)"


def pool_of_variables(
    stems: Sequence[str], keys: KeyRing, variables: NumberedVariables, *, first: str, pool: str
) -> list[tuple[str, KeyRef]]:
    """Accounts that set variables make: `NAME` is called `first`, `NAME_n` `<pool>-n`. Several variables with one
    value are one account."""
    found: list[tuple[str, KeyRef]] = []
    seen: set[Secret] = set()
    for stem in stems:
        candidates = [(first, stem), *((f"{pool}-{n}", name) for n, name in variables.get(stem, ()))]
        for account, name in candidates:
            ref = KeyRef(KeySource.ENV, name)
            secret = keys.secret(ref)
            if secret is None or secret in seen:
                continue
            seen.add(secret)
            found.append((account, ref))
    return found


def numbered_variables(environ: Mapping[str, str]) -> NumberedVariables:
    """All variables that end in `_<number>`, by stem, in order of number."""
    found: dict[str, list[tuple[int, str]]] = {}
    for name in environ:
        stem, underscore, number = name.rpartition("_")
        if underscore and number.isascii() and number.isdigit():
            found.setdefault(stem, []).append((int(number), name))
    for numbered in found.values():
        numbered.sort()
    return found
