"""Where a request comes from, by its headers: a web page must not be able to use the gateway of whoever reads it.

A page reaches a server on its reader's machine by that server's address, and then its browser names the page in
`Origin`; or by a name of its own that it has point to 127.0.0.1 (DNS rebinding), and then that name is in `Host`.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from functools import lru_cache
from ipaddress import IPv4Address, IPv6Address, ip_address

from trunkline.gateway.dialect import Problem, ProblemKind

_CORS_AGE_S = 600
_HEADER_NAMES = re.compile(r"[A-Za-z0-9_-]+(\s*,\s*[A-Za-z0-9_-]+)*")


@lru_cache(maxsize=256)
def is_loopback(address: str) -> bool:
    """Whether an address (or `localhost`) is this machine's alone."""
    if address.lower().rstrip(".") == "localhost":
        return True
    found = _address(address)
    if isinstance(found, IPv6Address) and found.ipv4_mapped is not None:
        return found.ipv4_mapped.is_loopback
    return found is not None and found.is_loopback


def host_problem(headers: Mapping[str, str], allowed: Collection[str], *, listening: str) -> Problem | None:
    """Why a request may not call the gateway by the name in its `Host`; None where it may: by one of loopback, by one
    that is `allowed` (with its port, or without for any), and, where it listens for other machines, by any address,
    which nobody can have point elsewhere."""
    header = headers.get("host", "").strip().lower()
    name = _without_port(header)
    known = {one.lower() for one in allowed}
    if is_loopback(name) or header in known or name in known:
        return None
    if not is_loopback(listening) and _address(name) is not None:
        return None
    said = f"by the name {header[:100]!r}" if header else "without a Host header"
    return Problem(
        ProblemKind.FORBIDDEN,
        f"This gateway is not called {said}. A name that is meant belongs into gateway.allowed_hosts.",
        code="host_not_allowed",
    )


def page_problem(headers: Mapping[str, str], allowed: Collection[str]) -> Problem | None:
    """Why a web page may not use the gateway; None where none asks, or one that is `allowed`."""
    origin = headers.get("origin")
    if origin is not None:
        if origin.strip().lower() in allowed:
            return None
        page = f"pages of {origin[:100]!r}"
    elif headers.get("sec-fetch-site", "none").lower() in ("cross-site", "same-site"):
        page = "pages of other origins"
    else:
        return None
    return Problem(
        ProblemKind.FORBIDDEN,
        f"{page[:1].upper()}{page[1:]} may not use this gateway. One that is meant belongs into "
        "gateway.allowed_origins.",
        code="origin_not_allowed",
    )


def cors_headers(headers: Mapping[str, str], allowed: Collection[str]) -> dict[str, str]:
    """What an answer must say for a browser to show it to the page that asked; nothing where no page asked that is
    `allowed`."""
    origin = headers.get("origin", "").strip()
    if not origin or origin.lower() not in allowed:
        return {}
    return {
        "access-control-allow-origin": origin,
        "access-control-expose-headers": "*",
        "vary": "Origin",
    }


def preflight(method: str, headers: Mapping[str, str], allowed: Collection[str]) -> dict[str, str] | None:
    """The headers of the answer (status 204) to a browser that asks whether a page may ask; None where this is no such
    question, or of a page that may not."""
    if method != "OPTIONS" or "access-control-request-method" not in headers:
        return None
    found = cors_headers(headers, allowed)
    if not found:
        return None
    found |= {"access-control-allow-methods": "GET, POST", "access-control-max-age": str(_CORS_AGE_S)}
    wanted = headers.get("access-control-request-headers", "").strip()
    if _HEADER_NAMES.fullmatch(wanted):
        found["access-control-allow-headers"] = wanted  # SDKs send a dozen of their own
    if headers.get("access-control-request-private-network") == "true":
        found["access-control-allow-private-network"] = "true"
    return found


def _without_port(header: str) -> str:
    if header.startswith("["):
        name, bracket, port = header[1:].partition("]")
        plain = bracket and (not port or (port[0] == ":" and port[1:].isdigit()))
        return name if plain else header
    name, colon, port = header.rpartition(":")
    return name.rstrip(".") if colon and port.isdigit() and ":" not in name else header.rstrip(".")


def _address(text: str) -> IPv4Address | IPv6Address | None:
    try:
        return ip_address(text)
    except ValueError:
        return None
