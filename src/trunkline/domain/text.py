"""Text from outside made fit for a screen, a log and the store.

Called once, where provider text is decoded or classified; everything behind that point may rely on it.
"""

from __future__ import annotations

import re

# C0 and C1 controls but tab and newline, DEL, the zero-width and bidirectional controls that can disguise text,
# and lone surrogates, which no UTF-8 file or terminal takes.
_CONTROL = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u180e\u200b\u200e\u200f\u2028-\u202e\u2060\u2066-\u2069\ufeff\ud800-\udfff]"
)
_ANSI_ESCAPE = re.compile("\x1b(?:\\[[0-?]*[ -/]*[@-~]|\\][^\x07\x1b]*(?:\x07|\x1b\\\\)?|[@-_])")

# Credentials as providers echo them in error texts, and the gateway's own tokens. Issued prefixes first, then whatever
# follows an auth word.
_CREDENTIAL = re.compile(
    r"""(?xi)
    \b(?:sk|pk|rk|gsk|xai|csk|key|tgp|nvapi|hf|ghp|glpat)[-_][A-Za-z0-9_\-*.]{6,}
    | \bAIza[0-9A-Za-z_\-]{10,}
    | \btl-[A-Za-z0-9_\-]{40,}
    | \b[0-9a-f]{24,}\.[A-Za-z0-9]{8,}
    | (?<=bearer[ ])[^\s"',;]{6,}
    | (?<=api[_\- ]key[=:])[^\s"',;&]{4,}
    | (?<=api[_\- ]key:[ ])[^\s"',;&]{4,}
    | (?<=provided:[ ])[^\s"',;&]{6,}
    | (?<=[?&]key=)[^\s"'&]{4,}
    """
)
_REDACTED = "•••"


def strip_controls(text: str) -> str:
    """`text` without terminal escapes or control characters; tabs and newlines stay."""
    if text.isascii() and text.isprintable():
        return text
    return _CONTROL.sub("", _ANSI_ESCAPE.sub("", text).replace("\r\n", "\n"))


def redact(text: str, *secrets: str) -> str:
    """`text` with every given secret, and everything that looks like a credential, replaced by bullets."""
    for secret in secrets:
        if len(secret) >= 4:
            text = text.replace(secret, _REDACTED)
    return _CREDENTIAL.sub(_REDACTED, text)


def provider_sentence(text: str, *secrets: str, longest: int = 400) -> str:
    """What a provider said, on one line, without controls or credentials, at most `longest` characters."""
    line = " ".join(redact(strip_controls(text), *secrets).split())
    return line if len(line) <= longest else line[: longest - 1] + "…"
