"""What went wrong on the way, as Faults in our own words. Types of httpx and aiohttp end here."""

from __future__ import annotations

import ssl
import zlib
from collections.abc import Mapping
from dataclasses import replace
from urllib.parse import urlsplit

import aiohttp
import httpx

from trunkline.domain.faults import Fault, FaultCode, FaultKind, FaultScope
from trunkline.domain.preferences import CallLimits
from trunkline.domain.text import provider_sentence, redact
from trunkline.providers.transport.watch import Limit


def network(
    code: str,
    scope: FaultScope,
    message: str,
    *,
    http_status: int | None = None,
    request_sent: bool = True,
    provider_text: str = "",
) -> Fault:
    """A fault of the way to a provider rather than of the provider."""
    return Fault(
        FaultKind.NETWORK,
        scope,
        code,
        message,
        provider_text=provider_text,
        http_status=http_status,
        evidence="transport",
        request_sent=request_sent,
    )


def timed_out(limit: Limit, limits: CallLimits, host: str, *, sent: bool) -> Fault:
    """`limit` ran out."""
    if limit is Limit.TOTAL:
        message = f"{host} did not finish its answer within {_span(limits.total_ms)}"
        return network(FaultCode.TOTAL_TIMEOUT, FaultScope.MODEL, message, request_sent=sent)
    if limit is Limit.CONNECT:
        message = f"no connection to {host} within {_span(limits.connect_ms)}"
        return network(FaultCode.CONNECT, FaultScope.PROVIDER, message, request_sent=sent)
    if limit is Limit.FIRST_TOKEN:
        message = f"no first token from {host} within {_span(limits.first_token_ms)}"
        return network(FaultCode.FIRST_TOKEN_TIMEOUT, FaultScope.MODEL, message)
    message = f"{host} sent nothing new for {_span(limits.stall_ms)}"
    return network(FaultCode.STALL, FaultScope.MODEL, message)


def broken(error: Exception, host: str, *, sent: bool, answered: bool, key: str) -> Fault:
    """What `error` means: `sent` says whether a byte of the request left, `answered` whether the reply's head was
    read. httpx-aiohttp calls nearly everything a ConnectTimeout, so the cause decides."""
    cause = error.__cause__ if isinstance(error, httpx.HTTPError) and error.__cause__ else error
    if not sent:
        return _not_connected(cause, host, key)
    if isinstance(cause, zlib.error):
        return _malformed(f"the answer from {host} is compressed in a way that cannot be read")
    if isinstance(cause, aiohttp.ClientConnectionError | aiohttp.ClientPayloadError | OSError | RuntimeError):
        if answered:
            message = f"the connection to {host} broke off in the middle of its answer"
            return network(FaultCode.CUT, FaultScope.MODEL, message)
        message = f"{host} closed the connection without an answer"
        return network(FaultCode.RESET, FaultScope.MODEL, message)
    if not answered:
        return _malformed(f"{host} answered with something that is not HTTP")
    return _malformed(f"the answer from {host} cannot be read ({type(cause).__name__})")


def redirected(status: int, headers: Mapping[str, str], host: str, key: str) -> Fault:
    """`host` says that what is asked for is elsewhere; nobody goes there with a key."""
    try:
        target = urlsplit(headers.get("location", "")).hostname or host
    except ValueError:
        target = "nowhere"
    where = "another address of its own" if target == host else target
    message = f"{host} redirects to {where}; the key was not sent there"
    return network(
        FaultCode.REDIRECT, FaultScope.PROVIDER, provider_sentence(message, key), http_status=status
    )


def unusable_key(owner: str) -> Fault:
    """A key that no HTTP header can carry; `owner` is whose it is."""
    return Fault(
        FaultKind.AUTH,
        FaultScope.ACCOUNT,
        "unusable_key",
        f"the key of {owner} is empty or holds characters that no key has; check how it was stored",
        evidence="transport",
        request_sent=False,
    )


def without_key(fault: Fault, key: str) -> Fault:
    """`fault` with the key taken out of every text."""
    if not key or not any(
        key in text for text in (fault.message, fault.provider_text, fault.evidence, fault.code)
    ):
        return fault
    return replace(
        fault,
        code=redact(fault.code, key),
        message=redact(fault.message, key),
        provider_text=provider_sentence(fault.provider_text, key),
        evidence=redact(fault.evidence, key),
    )


def _not_connected(cause: BaseException, host: str, key: str) -> Fault:
    code, message = FaultCode.CONNECT, f"no connection to {host}"
    if isinstance(cause, aiohttp.ClientConnectorDNSError):
        code, message = FaultCode.DNS, f"the name {host} cannot be resolved"
    elif isinstance(cause, aiohttp.ClientSSLError | ssl.SSLError | aiohttp.ServerFingerprintMismatch):
        code, message = FaultCode.TLS, f"no secure connection to {host}"
    elif isinstance(cause, aiohttp.ClientProxyConnectionError | aiohttp.ClientHttpProxyError):
        message = f"no connection to {host} through the proxy that the environment names"
    if isinstance(cause, aiohttp.ClientConnectorError):
        said = str(cause.os_error)
    elif isinstance(cause, aiohttp.ClientResponseError):
        said = f"{cause.status} {cause.message}"  # its own text holds the proxy's address, password included
    else:
        said = str(cause)
    return network(
        code,
        FaultScope.PROVIDER,
        message,
        request_sent=False,
        provider_text=provider_sentence(said, key, longest=200),
    )


def _malformed(message: str) -> Fault:
    return network(FaultCode.MALFORMED, FaultScope.MODEL, message)


def _span(duration_ms: int) -> str:
    return f"{duration_ms} ms" if duration_ms < 1000 else f"{duration_ms / 1000:g} s"
