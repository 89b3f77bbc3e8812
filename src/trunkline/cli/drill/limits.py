"""Faults of the catalogue: refusals for want of allowance, credit or a key, and for what is asked."""

from __future__ import annotations

from collections import Counter
from functools import partial

from trunkline.cli.drill.judging import Drill, Judge, is_of_the_limit
from trunkline.cli.drill.results import NotApplicableError
from trunkline.cli.drill.stage import Asked, Stage
from trunkline.domain.faults import FaultKind
from trunkline.domain.routes import Route

_HOUR_MS = 3_600_000
_SLACK_MS = 2_500
_REQUESTS = 5


async def _first_refused(stage: Stage, judge: Judge) -> Asked:
    """Ask once with the target closed: another account serves, or, where there is none, it is refused rightly."""
    target = stage.target
    elsewhere = await stage.alternative()
    asked = await stage.ask()
    stops = is_of_the_limit(asked) and not stage.preferences.rules.switch_on_limit
    if elsewhere is not None and not stops:
        judge.served_elsewhere(asked, target)
    elif not asked.served:
        judge.refused_rightly(asked)
        if not stops:
            judge.only_one(target)
    judge.wasted(asked, 1, least=1)
    return asked


async def _hinted(stage: Stage, judge: Judge, *, hint: str, wait_s: float) -> None:
    """A refusal with a wait that is believed."""
    target = await stage.find_target()
    await stage.arm("limited", at=target, hint=hint, wait_s=wait_s)
    first = await _first_refused(stage, judge)
    since_ms = first.receipt.started_at_ms
    least_ms, most_ms = wait_s * 1000 - 1_000, wait_s * 1000 + _SLACK_MS
    judge.blocked(target, since_ms=since_ms, least_ms=least_ms, most_ms=most_ms)
    judge.left_alone(await stage.ask(), target)


async def _short(stage: Stage, judge: Judge) -> None:
    target = await stage.find_target()
    decision = await stage.decision()
    stated_first = decision is not None and decision.ranking[0].order == 0
    elsewhere = await stage.alternative()
    # A refusal that names its model leaves the account's other models.
    anybody = elsewhere or await stage.alternative(target.id)
    await stage.arm("limited", at=target, hint="short", first=1)
    asked = await stage.ask()
    judge.served(asked)
    judge.wasted(asked, 1, least=1)
    if stated_first or anybody is None or (elsewhere is None and asked.receipt.route == target):
        judge.expect(asked.waited, "the stated wait should have been waited, and shown")
        if asked.served and asked.waited and stated_first:
            judge.served(asked, by=target)
    else:
        judge.served_elsewhere(asked, target)


async def _unbelievable(stage: Stage, judge: Judge, *, hint: str) -> None:
    """A refusal whose wait is absurd or missing: the breaker's own interval, a minute at most."""
    target = await stage.find_target()
    await stage.arm("limited", at=target, hint=hint, first=1)
    asked = await _first_refused_once(stage, judge)
    judge.blocked(target, since_ms=asked.receipt.started_at_ms, most_ms=60_000 + _SLACK_MS)


async def _first_refused_once(stage: Stage, judge: Judge) -> Asked:
    """Ask once where the target refuses only once: somebody else serves, or the same one again."""
    target = stage.target
    elsewhere = await stage.alternative()
    asked = await stage.ask()
    if elsewhere is not None and stage.preferences.rules.switch_on_limit:
        judge.served_elsewhere(asked, target)
    elif not asked.served:
        judge.refused_rightly(asked)
        if elsewhere is None:
            judge.only_one(target)
    judge.wasted(asked, 1, least=1)
    return asked


async def _persistent(stage: Stage, judge: Judge) -> None:
    """A whole provider answers nothing but 429, for a while."""
    target = await stage.find_target()
    elsewhere = await stage.alternative(target.provider)
    await stage.arm("limited", provider=target.provider, hint="none")
    for _ in range(_REQUESTS):
        asked = await stage.ask()
        if elsewhere is not None:
            judge.served_elsewhere(asked, target)
        else:
            judge.expect(not asked.served, "nobody could have served this truly")
    # Where a refusal names its model, the account's other models have limits of their own: what counts is the route.
    called = Counter(route for one in stage.asked for route in one.calls)
    if elsewhere is None:
        twice = any(len(set(one.calls)) < len(one.calls) for one in stage.asked)
        judge.expect(not twice, "no request should have tried a route twice")
        judge.only_one(target)
        return
    most = max((times for route, times in called.items() if route.provider == target.provider), default=0)
    judge.expect(most <= 2, f"a route of {target.provider} was called {most} times, it should be at most 2")


async def _day_quota(stage: Stage, judge: Judge) -> None:
    target = await stage.find_target()
    await stage.arm("limited", at=target, wrong="quota", wait_s=6 * 3600)
    first = await _first_refused(stage, judge)
    judge.blocked(
        target,
        since_ms=first.receipt.started_at_ms,
        least_ms=6 * _HOUR_MS - 60_000,
        most_ms=6 * _HOUR_MS + 60_000,
    )
    block = stage.block_over(target)
    judge.expect(
        block is None or block.kind is not FaultKind.BILLING, "a quota should not be called a balance"
    )
    judge.left_alone(await stage.ask(), target)


async def _billing(stage: Stage, judge: Judge) -> None:
    target = await stage.find_target()
    await stage.arm("limited", provider=target.provider, account=target.account, wrong="billing")
    await _first_refused(stage, judge)
    block = stage.block_over(target)
    judge.expect(block is not None, f"{target.provider}/{target.account} should have been blocked")
    judge.left_alone(await stage.ask(), target)


async def _key_revoked(stage: Stage, judge: Judge) -> None:
    target = await stage.find_target()
    await stage.arm("key_revoked", provider=target.provider, account=target.account)
    elsewhere = await stage.alternative()
    first = await stage.ask()
    if elsewhere is not None:
        judge.served_elsewhere(first, target)
    else:
        judge.refused_rightly(first, until_known=False)
        judge.only_one(target)
    judge.wasted(first, 1, least=1)
    judge.blocked(target, since_ms=first.receipt.started_at_ms)
    again = await stage.ask()
    same_account = [r for r in again.calls if (r.provider, r.account) == (target.provider, target.account)]
    judge.expect(not same_account, "the account should have been left alone until its key changes")


async def _organisation(stage: Stage, judge: Judge) -> None:
    """Two accounts draw on one allowance: they are refused together."""
    pools = _pools(stage)
    if not pools:
        raise NotApplicableError("no provider here has two accounts that could share an allowance")
    first_choice = await stage.find_target()
    provider = first_choice.provider if first_choice.provider in pools else next(iter(pools))
    target = await stage.find_target(prefer=(provider,))
    if target.provider != provider:
        raise NotApplicableError(f"the accounts of {provider} are not asked for such requests")
    accounts, known = pools[provider]
    elsewhere = await stage.alternative(provider)
    await stage.arm("limited", provider=provider, model=target.model, hint="long")
    asked = await stage.ask(prefer=(provider,))
    if elsewhere is not None:
        judge.served(asked)
    else:
        judge.refused_rightly(asked)
        judge.only_one(target)
    judge.wasted(asked, 1 if known else accounts, least=1)
    again = await stage.ask(prefer=(provider,))
    judge.expect(
        not set(again.calls) & {route for route in asked.calls if route.provider == provider},
        f"what {provider} refused should have been left alone until the reset",
    )


def _pools(stage: Stage) -> dict[str, tuple[int, bool]]:
    """Providers with several accounts: how many, and whether the configuration says that all are one organisation."""
    found = {}
    asked = {route.provider for route in stage.routes()}
    for provider in stage.catalogue.providers:
        accounts = [account for account in provider.accounts if account.enabled and account.has_key]
        if provider.id in asked and len(accounts) > 1:
            organisations = {account.organisation for account in accounts}
            found[provider.id] = (len(accounts), len(organisations) == 1 and None not in organisations)
    return found


async def _content(stage: Stage, judge: Judge) -> None:
    target = await stage.find_target()
    await stage.arm("content", at=target)
    asked = await stage.ask()
    if stage.preferences.rules.retry_refused_elsewhere and await stage.alternative(target.id) is not None:
        judge.served_elsewhere(asked, target)
        return
    fault = asked.receipt.fault
    judge.expect(not asked.served, "it should have been refused")
    judge.expect(
        fault is not None and fault.kind is FaultKind.CONTENT, "the provider's refusal should be the reason"
    )
    judge.expect(len(asked.calls) == 1, "it should have stopped after the one refusal")


async def _context(stage: Stage, judge: Judge) -> None:
    target = await stage.find_target()
    await stage.arm("context", at=target)
    asked = await stage.ask()
    window = stage.model(target).context_tokens
    later = asked.calls[1:]
    judge.expect(
        all(stage.model(route).context_tokens > window for route in later),
        "it should have gone on to larger windows only",
    )
    larger = await _larger_window(stage, window)
    if larger is not None:
        judge.served_elsewhere(asked, target)
        judge.wasted(asked, 1, least=1)
        return
    judge.refused_rightly(asked, until_known=False)
    judge.wasted(asked, 1, least=1)


async def _larger_window(stage: Stage, window_tokens: int) -> Route | None:
    """Who would answer of those with a larger window."""
    smaller = tuple(r.id for r in stage.routes() if stage.model(r).context_tokens <= window_tokens)
    return await stage.chosen(avoid=smaller)


_ON = "the next route after exactly one wasted call"
DRILLS = (
    Drill(
        "limit-short",
        "a 429 that says: again in a second, once",
        "waited where the route is your stated first choice or the only one, else the next route; one wasted call",
        _short,
    ),
    Drill(
        "limit-long",
        "a 429 that says: again in an hour",
        f"{_ON}; the limited one is left alone until then",
        partial(_hinted, hint="long", wait_s=3600),
    ),
    Drill(
        "limit-dated",
        "a 429 that names the moment, as an HTTP date",
        f"{_ON}; the limited one is left alone until then",
        partial(_hinted, hint="dated", wait_s=5),
    ),
    Drill(
        "limit-negative",
        "a 429 that says: again five seconds ago",
        f"{_ON}; the hint is not believed, the block lasts a minute at most",
        partial(_unbelievable, hint="negative"),
    ),
    Drill(
        "limit-junk",
        "a 429 whose hint is no time at all",
        f"{_ON}; the hint is not believed, the block lasts a minute at most",
        partial(_unbelievable, hint="junk"),
    ),
    Drill(
        "limit-unsaid",
        "a 429 without any hint",
        f"{_ON}; the block lasts a minute at most",
        partial(_unbelievable, hint="none"),
    ),
    Drill(
        "limit-persistent",
        f"a provider that answers 429 to everything, for {_REQUESTS} requests",
        "every request served by another provider; each of its routes tried twice at most",
        _persistent,
    ),
    Drill(
        "quota-day",
        "the allowance of the day is used up, back in six hours",
        f"{_ON}; blocked until the stated reset, and never called a balance",
        _day_quota,
    ),
    Drill(
        "billing",
        "an account is out of credit",
        f"{_ON}; the account is left alone",
        _billing,
    ),
    Drill(
        "key-revoked",
        "a key is no longer taken",
        f"{_ON}; the account is blocked until its key changes",
        _key_revoked,
    ),
    Drill(
        "organisation-limit",
        "accounts that share one allowance are refused together",
        "somebody else after at most one wasted call an account, one in all where the organisation is configured",
        _organisation,
    ),
    Drill(
        "content-refused",
        "a provider refuses what is asked",
        "refused with the provider's reason after one call, unless you have others asked",
        _content,
    ),
    Drill(
        "context-too-long",
        "a provider finds the prompt too long",
        "a larger window, never the same again; refused where nobody has one",
        _context,
    ),
)
