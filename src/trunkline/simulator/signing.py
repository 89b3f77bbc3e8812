"""Signatures over reasoning and calls: each provider takes its own back unchanged, and no other."""

from __future__ import annotations

import base64
import hashlib

import orjson


def sign(provider: str, content: str) -> str:
    """The signature of `provider` over `content`."""
    digest = hashlib.blake2b(f"{provider}\0{content}".encode("utf-8", "replace"), digest_size=48).digest()
    return base64.b64encode(digest).decode()


def is_signed(provider: str, content: str, signature: object) -> bool:
    """Whether `signature` is that provider's over that content."""
    return signature == sign(provider, content)


def call_content(name: str, arguments: object) -> str:
    """What of a call is signed, whatever the order of its arguments."""
    return f"{name}\0{orjson.dumps(arguments, option=orjson.OPT_SORT_KEYS).decode()}"
