"""What a person can do about an account that does not answer, in one sentence."""

from __future__ import annotations

from dataclasses import dataclass
from urllib.parse import urlsplit

from trunkline.domain.faults import Fault, FaultCode, FaultKind
from trunkline.domain.routes import AccountSpec, Billing, EndpointSpec, KeySource, LocalServer, ProviderSpec


@dataclass(frozen=True, slots=True)
class Elsewhere:
    """What the other addresses of a provider said to a key: those `tried`, those of them that take it.
    `plan_told`: its account endpoint tells of a plan's allowance. `refused_as_plan`: calls with it were refused as
    those of a plan's key at the general address are."""

    tried: tuple[EndpointSpec, ...] = ()
    works: tuple[EndpointSpec, ...] = ()
    plan_told: bool = False
    refused_as_plan: bool = False


def keyless_hint(provider: ProviderSpec, account: AccountSpec | None) -> str:
    """How to give a key to an account, or to a provider that has no account."""
    if account is not None and account.key.source is not KeySource.ENV:
        return f"nothing is kept at {account.key}"
    names = (account.key.name,) if account is not None else provider.key_env
    if names:
        return f"set {' or '.join(names)} to a key of {provider.id}"
    if provider.quirks.local_server is not LocalServer.NONE:
        return f"start the server at {provider.base_url}, and run this again"
    return f"give {provider.id} an account in providers.toml"


def hint_for(
    fault: Fault | None,
    provider: ProviderSpec,
    account: AccountSpec,
    elsewhere: Elsewhere,
    *,
    timeout_ms: int,
) -> str:
    """What to do about `fault`; with none, what else is worth saying; empty where there is nothing to do."""
    if hint := _endpoint_hint(fault, provider, account, elsewhere):
        return hint
    if fault is None:
        return ""
    host = urlsplit(account.base_url or provider.base_url).hostname or provider.id
    if fault.kind is FaultKind.AUTH:
        also = f", and so do {_names(elsewhere.tried)}" if elsewhere.tried else ""
        return f"{host} rejects the key at {account.key}{also}: put a valid one there"
    if fault.kind is FaultKind.BILLING:
        return f"add credit to this account at {host}, or leave it: it is looked at again by itself"
    if fault.code == FaultCode.PORTAL:
        return f"look at the base URL of {provider.id} and at this network: {host} is not what answered"
    if fault.code == FaultCode.TOTAL_TIMEOUT:
        return f"nothing within {timeout_ms / 1000:g} s; --timeout gives it longer"
    if fault.code in (FaultCode.CONNECT, FaultCode.DNS, FaultCode.TLS):
        if provider.quirks.local_server is not LocalServer.NONE:
            return f"start the server at {provider.base_url}"
        return f"{host} cannot be reached from here: look at the network, a proxy, the base URL"
    return ""


def plan_endpoints(provider: ProviderSpec, account: AccountSpec) -> tuple[EndpointSpec, ...]:
    """The endpoints for plans at the host that the account uses, where it does not use one."""
    base_url, subscribed = account.base_url or provider.base_url, account.billing is Billing.SUBSCRIPTION
    if subscribed and account.endpoint is not None:
        return ()
    host = urlsplit(base_url).netloc
    return tuple(
        endpoint
        for endpoint in provider.endpoints
        if endpoint.billing is Billing.SUBSCRIPTION
        and endpoint.id != account.endpoint
        and not (subscribed and endpoint.base_url == base_url)
        and urlsplit(endpoint.base_url).netloc == host
    )


def _endpoint_hint(
    fault: Fault | None, provider: ProviderSpec, account: AccountSpec, elsewhere: Elsewhere
) -> str:
    refused_key = fault is not None and fault.kind is FaultKind.AUTH
    if elsewhere.works and refused_key:
        return (
            f"this key works at {_where(elsewhere.works[0], provider)}: {_put(elsewhere.works[0], account)}"
        )
    plans = [
        one for one in plan_endpoints(provider, account) if not elsewhere.tried or one in elsewhere.works
    ]
    if plans and (elsewhere.refused_as_plan or (fault is not None and fault.kind is FaultKind.BILLING)):
        return f"if this is a plan's key, it works at {_where(plans[0], provider)}: {_put(plans[0], account)}"
    if plans and elsewhere.plan_told and account.base_url is None:
        return f"this key has a plan, which counts at {_where(plans[0], provider)}: {_put(plans[0], account)}"
    return ""


def _where(endpoint: EndpointSpec, provider: ProviderSpec) -> str:
    return f"endpoint {endpoint.id}" if endpoint.id else f"the general address of {provider.id}"


def _put(endpoint: EndpointSpec, account: AccountSpec) -> str:
    if not endpoint.id:
        return f'take endpoint = "{account.endpoint}" out of its account'
    also = f", or the key into {endpoint.key_env[0]}" if endpoint.key_env else ""
    return f'put endpoint = "{endpoint.id}" into its account{also}'


def _names(endpoints: tuple[EndpointSpec, ...]) -> str:
    return ", ".join(endpoint.id or "the general address" for endpoint in endpoints)
