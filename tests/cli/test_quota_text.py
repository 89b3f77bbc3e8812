"""What `trunkline quota` prints of refusals, of figures that cannot be, and of accounts that seem to share."""

from __future__ import annotations

from dataclasses import replace

import pytest
from tests.support.clock import START_MS
from tests.support.deck_world import snapshot

from trunkline.cli.quota_text import print_limits, print_notes
from trunkline.cli.shapes import quota_json, snapshot_json
from trunkline.cli.state_text import print_accounts
from trunkline.domain.faults import FaultKind, FaultScope
from trunkline.domain.limits import WHOLE_SHARE, FigureSource, LimitScope, LimitUse, Metric, Window
from trunkline.domain.snapshot import SharedAllowance, Snapshot
from trunkline.domain.state import Block

LIMIT = LimitUse(
    "k", Metric.REQUESTS, Window.parse("60s"), LimitScope.MODEL, "m", 20, 5, None, FigureSource.LEARNED, START_MS,
    confidence=0.4, flaw="remaining of '-4' left out",
)  # fmt: skip
REFUSED = Block(
    "zai/main", FaultScope.ACCOUNT, FaultKind.QUOTA_WINDOW, "1113", "quota limit hit, no reset stated", START_MS,
    START_MS + 30_000, provider_text="Insufficient balance \x1b[31mor no resource package", evidence="code 1113",
    confidence=0.8, flaw="retry-after of '-5' left out, which is in the past",
)  # fmt: skip


def world() -> Snapshot:
    """A snapshot whose first account is refused, flawed and suspected."""
    whole = replace(snapshot(), at_ms=START_MS)
    first = whole.providers[0]
    shared = (SharedAllowance("other", 0.75, "they were refused together"),)
    account = replace(first.accounts[0], id="main", limits=(LIMIT,), block=REFUSED, shares_with=shared)
    return replace(whole, providers=(replace(first, id="zai", accounts=(account,)),))


def test_a_conclusion_says_how_far_it_is_believed(capsys: pytest.CaptureFixture[str]) -> None:
    print_limits(world())
    assert "learned 40%" in capsys.readouterr().out


def test_a_person_reads_why_and_until_when_and_on_demand_what_was_said(
    capsys: pytest.CaptureFixture[str],
) -> None:
    print_notes(world(), verbose=False)
    short = capsys.readouterr().out.splitlines()
    assert short == [
        "zai/main: quota limit hit, tried again in 30 s",
        "zai/main: its hint: retry-after of '-5' left out, which is in the past",
        "zai/main: requests / 60s · m: remaining of '-4' left out",
        "zai/main: seems to share its allowance with other (75% sure): they were refused together",
    ]
    print_notes(world(), verbose=True)
    long = capsys.readouterr().out
    assert 'the provider said: "Insufficient balance' in long
    assert "taken for account (80% sure): code 1113" in long
    assert "\x1b" not in long


def test_a_share_of_a_plan_is_told_in_percent(capsys: pytest.CaptureFixture[str]) -> None:
    whole = world()
    provider = whole.providers[0]
    plan = replace(LIMIT, metric=Metric.SHARE, window=Window.parse("session:5h"), model=None, flaw="")
    plan = replace(plan, amount=WHOLE_SHARE, used=420_000, confidence=1.0)
    account = replace(provider.accounts[0], block=None, shares_with=(), limits=(plan,))
    shown = replace(whole, providers=(replace(provider, accounts=(account,)),))
    print_limits(shown)
    row = capsys.readouterr().out.splitlines()[1].split()
    assert " ".join(row[:8]) == "zai/main plan's 5 h 58 % 100 %"
    print_accounts(shown)
    assert "58% of the plan's 5 h" in capsys.readouterr().out
    (told,) = quota_json(shown)
    assert (told["used"], told["amount"], told["unit"]) == (420_000, 1_000_000, "share")


def test_what_refuses_one_model_is_told_beside_the_account(capsys: pytest.CaptureFixture[str]) -> None:
    whole = world()
    provider = whole.providers[0]
    of_model = replace(REFUSED, target="zai/main/org/m", scope=FaultScope.MODEL, flaw="")
    account = replace(provider.accounts[0], block=None, model_blocks=(of_model,), shares_with=())
    shown = replace(whole, providers=(replace(provider, accounts=(account,)),))
    print_notes(shown, verbose=False)
    assert "zai/main: org/m: quota limit hit, tried again in 30 s" in capsys.readouterr().out.splitlines()
    print_notes(shown, verbose=True)
    assert 'zai/main: org/m: the provider said: "Insufficient balance' in capsys.readouterr().out
    (told,) = snapshot_json(shown)["providers"][0]["accounts"]
    assert (told["block"], [one["target"] for one in told["model_blocks"]]) == (None, ["zai/main/org/m"])


def test_the_same_is_in_the_json() -> None:
    (row,) = quota_json(world())
    assert (row["confidence"], row["flaw"]) == (0.4, "remaining of '-4' left out")
    (account,) = snapshot_json(world())["providers"][0]["accounts"]
    for block in (row["block"], account["block"]):
        assert block["provider_text"].startswith("Insufficient balance")
        assert (block["scope"], block["confidence"], block["evidence"]) == ("account", 0.8, "code 1113")
        assert block["flaw"] == REFUSED.flaw
    assert account["shares_with"] == [
        {"account": "other", "confidence": 0.75, "evidence": "they were refused together"}
    ]
