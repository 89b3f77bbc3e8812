"""What account endpoints told last, of every account and by whichever process asked, and what follows from it."""

from __future__ import annotations

import logging
from dataclasses import replace
from typing import TYPE_CHECKING

from trunkline.domain.checks import AccountReport
from trunkline.domain.errors import StoreError
from trunkline.domain.faults import FaultKind
from trunkline.domain.routes import AccountSpec, Catalogue, KeyRef, ProviderSpec, SelfReport
from trunkline.domain.secret import Secret
from trunkline.domain.state import Block
from trunkline.quota.balances import spent_since, with_forecast
from trunkline.quota.breaker import account_target
from trunkline.quota.recheck import Says, disproves_now, moves, verdict
from trunkline.store import reports_kept
from trunkline.store.reports_kept import KeptReport, ReportRow

if TYPE_CHECKING:
    from typing import Protocol

    from trunkline.engine.core import EngineCore
    from trunkline.engine.free_calls import FreeCalls, Reported

    class _Keys(Protocol):
        def secret(self, ref: KeyRef) -> Secret | None: ...


_log = logging.getLogger(__name__)

Account = tuple[str, str]
_BARRED = (FaultKind.AUTH, FaultKind.ENTITLEMENT)
_NOT_THERE = (401, 403, 404)


class ReportShelf:
    """The reports that the store keeps, as they were read last. Rows that have not changed are not read again."""

    def __init__(self) -> None:
        self._rows: dict[Account, ReportRow] = {}
        self._kept: dict[Account, KeptReport] = {}

    def take_in(self, rows: tuple[ReportRow, ...], now_ms: int) -> tuple[KeptReport, ...]:
        """Those that are new or changed. A row that cannot be read is of another version, and left out."""
        changed = []
        for row in rows:
            account = (row.provider, row.account)
            if self._rows.get(account) == row:
                continue
            self._rows[account] = row
            try:
                kept = row.read()
            except ValueError:
                _log.warning("what %s/%s told cannot be read", *account)
                continue
            if self.put(kept, now_ms):
                changed.append(kept)
        return tuple(changed)

    def put(self, kept: KeptReport, now_ms: int) -> bool:
        """Shelve one, unless a later one is there; whether it was. One of the future is of before the clock was set
        back."""
        account = (kept.provider, kept.account)
        known = self._kept.get(account)
        if known is not None and known.asked_at_ms <= now_ms and _age_rank(known) >= _age_rank(kept):
            return False
        self._kept[account] = kept
        return True

    def of(self, provider: str, account: str) -> KeptReport | None:
        """What an account's endpoint told last, None where it was never asked."""
        return self._kept.get((provider, account))

    def told_by(self, catalogue: Catalogue, keys: _Keys) -> dict[Account, KeptReport]:
        """The reports of the accounts there are, those of another key left out; where a key is not to be found here,
        the one that asked is taken for it."""
        found = {}
        for account in (account for provider in catalogue.providers for account in provider.accounts):
            kept = self.of(account.provider, account.id)
            if kept is None or kept.report is None:
                continue
            secret = keys.secret(account.key)
            if secret is None or kept.key_mark in (None, secret.mark()):
                found[account.provider, account.id] = kept
        return found


class AccountReports:
    """Asks on behalf of all processes, and has this one learn what any of them was told."""

    def __init__(self, core: EngineCore) -> None:
        self._core = core
        self.shelf = ReportShelf()

    def take_in(self, rows: tuple[ReportRow, ...]) -> None:
        """Take in what the store holds."""
        for kept in self.shelf.take_in(rows, self._core.clock.wall_ms()):
            self._look_at_blocks(kept, at_once=False)

    async def ask(
        self, provider: ProviderSpec, account: AccountSpec, *, unless_asked_since_ms: int, timeout_ms: int
    ) -> bool:
        """Ask the account's endpoints, unless some process has done so since that moment; whether this one did. Never
        raises for what goes wrong on the way."""
        core, generation = self._core, self._core.generation
        now_ms = core.clock.wall_ms()
        try:
            mine = await core.store.write(
                lambda connection: reports_kept.claim(
                    connection,
                    provider.id,
                    account.id,
                    unless_asked_since_ms=unless_asked_since_ms,
                    now_ms=now_ms,
                )
            )
        except StoreError as error:
            _log.warning("whose turn it is to ask cannot be found out: %s", error)
            return False
        if not mine:
            return False
        from trunkline.engine.free_calls import FreeCalls

        calls = FreeCalls(core, generation, provider, account, timeout_ms)
        self.told(calls, await calls.report())
        return True

    def told(self, calls: FreeCalls, reported: Reported, *, at_once: bool = False) -> None:
        """Keep what an account's endpoints told, and learn from it; `at_once` where a person asked: then it is believed
        whatever was known before."""
        if not reported.answered and not reported.faults:
            return
        provider, account = calls.route.provider, calls.route.account
        kept = self._kept(calls, reported, self.shelf.of(provider, account))
        if self.shelf.put(kept, self._core.clock.wall_ms()):
            self._core.store.post(lambda connection: reports_kept.keep(connection, kept))
        self._core.changed = True
        if not reported.answered:
            return
        self._core.tracker.correct(calls.route, reported.readings, self._core.clock.wall_ms())
        self._core.lessons.limits_read(calls.route, reported.readings)
        self._look_at_blocks(kept, at_once=at_once)
        if reported.vouched and not at_once:
            self._doubt_rejection(account_target(provider, account), kept.asked_at_ms)
        fault = kept.report.fault if kept.report is not None else None
        if fault is not None and not at_once and not self._is_blocked(provider, account, fault.kind):
            self._core.lessons.fault_seen(calls.route, fault)

    def _kept(self, calls: FreeCalls, reported: Reported, known: KeptReport | None) -> KeptReport:
        asked = KeptReport(
            calls.route.provider,
            calls.route.account,
            calls.began_at_ms,
            key_mark=calls.key_mark,
        )
        if reported.answered:
            return _with_report(asked, reported.report, known)
        barred = all(one.kind in _BARRED or one.http_status in _NOT_THERE for one in reported.faults)
        if known is None or known.key_mark not in (None, calls.key_mark):
            return replace(asked, failures=1, barred=barred)
        return replace(
            asked,
            report=known.report,
            reported_at_ms=known.reported_at_ms,
            failures=known.failures + 1,
            barred=barred,
            spending=known.spending,
        )

    def _doubt_rejection(self, target: str, asked_at_ms: int) -> None:
        """The account's key, blocked as rejected, was taken by an endpoint that would have rejected it: one request may
        try."""
        for block in self._core.tracker.blocks():
            rejected = block.target == target and block.kind is FaultKind.AUTH and not block.half_open
            if rejected and block.since_ms < asked_at_ms and disproves_now(block, asked_at_ms):
                self._core.lessons.checked(target, None, asked_at_ms)

    def _is_blocked(self, provider: str, account: str, kind: FaultKind) -> bool:
        target, now_ms = account_target(provider, account), self._core.clock.wall_ms()
        blocks = self._core.tracker.blocks()
        return any(one.target == target and one.kind is kind and one.holds_at(now_ms) for one in blocks)

    def _look_at_blocks(self, kept: KeptReport, *, at_once: bool) -> None:
        """Prolong, move or let go the account's blocks that the report speaks of, if it is of their time."""
        if kept.report is None or kept.reported_at_ms != kept.asked_at_ms:
            return
        own = account_target(kept.provider, kept.account)
        for block in self._core.tracker.blocks():
            if block.target != own and not block.target.startswith(f"{own}/"):
                continue
            if block.since_ms <= kept.asked_at_ms and not block.half_open:
                self._apply(block, kept.report, kept.asked_at_ms, at_once=at_once)

    def _apply(self, block: Block, report: AccountReport, asked_at_ms: int, *, at_once: bool) -> None:
        provider = self._core.generation.config.catalogue.provider(block.target.partition("/")[0])
        served = [model.id for model in provider.models] if provider is not None else []
        said = verdict(block, report, asked_at_ms, served)
        is_due = block.until_ms is not None and block.until_ms <= asked_at_ms
        now_ms = self._core.clock.wall_ms()
        if said.says is Says.USED_UP and said.until_ms is not None:
            if is_due or (block.kind is FaultKind.QUOTA_WINDOW and moves(block, said.until_ms)):
                self._core.lessons.checked(block.target, said.until_ms, asked_at_ms)
        elif is_due or (said.says is Says.FREE and (at_once or disproves_now(block, now_ms))):
            self._core.lessons.checked(block.target, None, asked_at_ms)


def _with_report(asked: KeptReport, report: AccountReport | None, known: KeptReport | None) -> KeptReport:
    """What `asked` told, with what it says of the spending after what was `known`."""
    at_ms, spending = asked.asked_at_ms, None
    if known is not None and known.key_mark not in (None, asked.key_mark):
        known = None
    if report is not None and report.balance is not None:
        before = None if known is None or known.report is None else known.report.balance
        before_ms = at_ms if known is None or known.reported_at_ms is None else known.reported_at_ms
        spending = spent_since(
            None if known is None else known.spending, before, before_ms, report.balance, at_ms
        )
        report = with_forecast(report, spending, at_ms)
    elif known is not None:
        spending = known.spending
    return replace(asked, report=report, reported_at_ms=at_ms, spending=spending)


def _age_rank(kept: KeptReport) -> tuple[int, int, int]:
    """Later ones rank higher; who has only begun to ask ranks below what came of it."""
    return kept.asked_at_ms, kept.reported_at_ms or 0, kept.failures


def is_told_of(provider: ProviderSpec, account: AccountSpec) -> bool:
    """Whether the account has an endpoint that tells of it, and may be asked."""
    if provider.quirks.self_report is SelfReport.NONE or not account.enabled or not account.has_key:
        return False
    from trunkline.providers.reports.choose import endpoints_of

    return bool(endpoints_of(provider.quirks.self_report, account.billing))
