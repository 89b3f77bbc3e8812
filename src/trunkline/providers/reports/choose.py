"""Which account endpoints a provider has."""

from __future__ import annotations

from trunkline.domain.routes import Billing, SelfReport
from trunkline.providers.reports.endpoint import AccountEndpoint


def endpoints_of(
    kind: SelfReport, billing: Billing = Billing.CREDITS
) -> tuple[tuple[AccountEndpoint, ...], ...]:
    """The account endpoints of a provider with that `Quirks.self_report`, for an account that is paid for so; all of
    them are to be asked. Each is given as the ways to ask it, the best first: the next one is for when this one was
    refused."""
    if kind is SelfReport.ZAI:
        from trunkline.providers.reports import zai

        return ((zai.BY_BARE_KEY, zai.BY_BEARER),)
    if kind is SelfReport.MOONSHOT and billing is not Billing.SUBSCRIPTION:  # the plan's host has no balance
        from trunkline.providers.reports import moonshot

        return ((moonshot.BALANCE,),)
    if kind is SelfReport.MINIMAX:
        from trunkline.providers.reports import minimax

        return ((minimax.TOKEN_PLAN, minimax.CODING_PLAN),)
    if kind is SelfReport.OPENROUTER:
        from trunkline.providers.reports import openrouter

        return ((openrouter.KEY,), (openrouter.CREDITS,))
    if kind is SelfReport.DEEPSEEK:
        from trunkline.providers.reports import deepseek

        return ((deepseek.BALANCE,),)
    return ()
