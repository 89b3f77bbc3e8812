from __future__ import annotations

import sqlite3
from dataclasses import replace
from pathlib import Path

import pytest
from tests.store.samples import OTHER, ROUTE, ask, claim, inputs, opened, receipt
from tests.support.clock import START_MS, FakeClock

from trunkline.domain.messages import Role
from trunkline.domain.money import MoneySum
from trunkline.domain.receipts import Attempt, AttemptOutcome, Outcome, Receipt
from trunkline.domain.state import RoutingState
from trunkline.domain.tasks import Origin, OriginKind
from trunkline.store import queries, upkeep
from trunkline.store.inputs import kept_inputs
from trunkline.store.records import StoredRequest
from trunkline.store.store import StoreReader
from trunkline.store.totals import percentile

AGENT = Origin(OriginKind.GATEWAY, "agent-7")


@pytest.mark.parametrize(
    "kept",
    [
        receipt(),
        receipt(rerouted=True, outcome=Outcome.FAILED, cost_pico=None, origin=AGENT),
        replace(receipt(), decision=None, attempts=(), route=None, outcome=Outcome.CANCELLED),
    ],
)
async def test_a_receipt_is_given_back_as_it_was(tmp_path: Path, kept: Receipt) -> None:
    async with opened(tmp_path / "t.db") as store:
        store.record(kept, request=StoredRequest("generation", prefer=("zai",)))
        await store.flush()
        assert await store.receipt(kept.request_id) == kept
        reader = StoreReader.open(store.path, FakeClock())
        assert reader.ask(queries.receipt(kept.request_id)) == kept
        reader.close()


async def test_a_receipt_is_found_by_a_prefix_that_only_it_has(tmp_path: Path) -> None:
    async with opened(tmp_path / "t.db") as store:
        for request_id in ("01AB", "01ABC", "01AD"):
            store.record(receipt(request_id))
        await store.flush()
        found = {
            text: getattr(await store.receipt(text), "request_id", None)
            for text in ("", "01", "01A", "01AB", "01ABC", "01AD", "01ADX", "%", "02")
        }
        assert found == {
            "": None,
            "01": None,
            "01A": None,
            "01AB": "01AB",
            "01ABC": "01ABC",
            "01AD": "01AD",
            "01ADX": None,
            "%": None,
            "02": None,
        }


async def test_the_log_is_newest_first_and_can_be_narrowed(tmp_path: Path) -> None:
    async with opened(tmp_path / "t.db") as store:
        store.record(receipt("1"))
        store.record(receipt("2", rerouted=True, origin=AGENT))
        store.record(receipt("3", outcome=Outcome.FAILED))
        store.record(replace(receipt("4", cost_pico=None), conversation_id="talk"))
        await store.flush()

        async def log(limit: int = 9, **wanted: object) -> list[str]:
            entries = await store.recent(limit, **wanted)  # type: ignore[arg-type]
            return [entry.request_id for entry in entries]

        assert await log() == ["4", "3", "2", "1"]
        assert await log(2) == ["4", "3"]
        assert await log(origin="agent-7") == ["2"]
        assert await log(account="main") == ["2"]
        assert await log(provider="google", outcome=Outcome.FAILED) == ["3"]
        assert await log(conversation_id="talk") == ["4"]
        entry = (await store.recent(1, origin="agent-7"))[0]
        assert entry.routes == (OTHER.id, ROUTE.id)
        assert entry.faults == ("rate_minute",)
        assert (entry.failover_ms, entry.cost_pico, entry.reason) == (0.5, 2_000, "cost")
        assert (await store.recent(1))[0].cost_pico is None


async def test_what_ended_since_is_asked_for_by_the_number_of_the_last_one_known(tmp_path: Path) -> None:
    async with opened(tmp_path / "t.db") as store, opened(tmp_path / "t.db") as other:
        assert await store.ask(queries.ended_after(0, 9)) == (0, ())
        store.record(receipt("1"))
        await store.flush()
        last, entries = await store.ask(queries.ended_after(0, 9))
        assert entries == await store.recent(9)
        for request_id in ("2", "3", "4"):
            (other if request_id == "3" else store).record(receipt(request_id))
            await store.flush()
            await other.flush()
        after = queries.ended_after(last, 2)
        last, entries = await store.ask(after)
        assert [entry.request_id for entry in entries] == ["4", "3"]
        _, theirs = await store.ask(queries.ended_after(0, 9, not_of=store.process_id))
        assert [entry.request_id for entry in theirs] == ["3"]
        both = queries.both(queries.ended_after(last, 9), after)
        assert await store.ask(both) == ((last, ()), (last, entries))


async def test_recording_twice_counts_once(tmp_path: Path) -> None:
    async with opened(tmp_path / "t.db") as store:
        store.record(receipt(rerouted=True))
        store.record(receipt(rerouted=True, cost_pico=9))
        await store.flush()
        totals = (await store.totals_since(0)).totals
        assert (totals.answered, totals.attempts, totals.cost) == (1, 2, MoneySum(2_007))
        connection = sqlite3.connect(store.path)
        found = connection.execute(
            "SELECT sum(requests), sum(attempts), sum(cost_pico) FROM rollup"
        ).fetchone()
        connection.close()
        assert found == (1, 2, 2_000)


async def test_roll_ups_give_each_route_its_own_per_hour(tmp_path: Path) -> None:
    async with opened(tmp_path / "t.db") as store:
        store.record(receipt("1", rerouted=True))
        store.record(receipt("2", cost_pico=None))
        store.record(receipt("3", outcome=Outcome.FAILED, started_at_ms=START_MS + 3_600_000))
        await store.flush()
        connection = sqlite3.connect(store.path)
        found = connection.execute(
            """SELECT hour_ms, account, requests, answered, failed, attempts, wasted, input_tokens, cost_pico,
            waste_pico, unknown_costs FROM rollup ORDER BY 1, 2"""
        ).fetchall()
        connection.close()
        assert found == [
            (START_MS, "google-1", 2, 2, 0, 2, 0, 200, 2_000, 0, 1),
            (START_MS, "main", 0, 0, 0, 1, 1, 0, 0, 7, 0),
            (START_MS + 3_600_000, "google-1", 1, 0, 1, 1, 1, 100, 2_000, 2_000, 0),
        ]


async def test_totals_per_provider_and_account(tmp_path: Path) -> None:
    async with opened(tmp_path / "t.db") as store:
        store.record(receipt("0", started_at_ms=START_MS - 1))
        store.record(receipt("1", rerouted=True))
        store.record(receipt("2", outcome=Outcome.FAILED))
        store.record(replace(receipt("3", outcome=Outcome.CANCELLED), attempts=(), cost_pico=None))
        await store.flush()
        stored = await store.totals_since(START_MS)
        totals = stored.totals
        assert (totals.answered, totals.failed, totals.cancelled, totals.rerouted) == (1, 1, 1, 1)
        assert (totals.attempts, totals.wasted_attempts) == (3, 2)
        assert totals.cost == MoneySum(4_007)
        google, zai = stored.accounts
        assert (google.provider, google.account) == ("google", "google-1")
        assert (google.counts.total, google.counts.success, google.counts.failed) == (2, 1, 1)
        assert google.counts.cost == MoneySum(4_000)
        assert google.counts.errors == (("rate_minute", 1),)
        assert (google.latency.p50_ms, google.latency.first_token_p50_ms) == (40.0, 10.0)
        assert (zai.counts.failed, zai.latency.p50_ms) == (1, None)
        assert [provider.provider for provider in stored.providers] == ["google", "zai"]


async def test_attempts_that_were_not_sent_count_nowhere(tmp_path: Path) -> None:
    async with opened(tmp_path / "t.db") as store:
        kept = receipt(rerouted=True)
        short = Attempt(1, OTHER, AttemptOutcome.SHORT, 1.0, 1.0)
        store.record(replace(kept, attempts=(short, kept.attempts[1]), waste_pico=0))
        await store.flush()
        assert (await store.recent(1))[0].routes == (ROUTE.id,)
        assert (await store.totals_since(0)).totals.attempts == 1
        assert [sample.route for sample in await store.recent_attempts(9)] == [ROUTE]


async def test_samples_come_oldest_first(tmp_path: Path) -> None:
    async with opened(tmp_path / "t.db") as store:
        for number in range(4):
            store.record(receipt(str(number), rerouted=number == 3))
        await store.flush()
        samples = await store.recent_attempts(3)
        assert [sample.outcome for sample in samples] == ["ok", "refused", "ok"]
        assert samples[1].fault_kind == "rate_minute"
        assert (samples[2].duration_ms, samples[2].first_token_ms, samples[2].output_tokens) == (
            40.0,
            10.0,
            20,
        )


async def test_whole_states_are_kept_for_the_last_ones_only(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(upkeep, "SNAPSHOTS_KEPT", 3)
    monkeypatch.setattr(upkeep, "CHAIN_ROWS", 0)
    monkeypatch.setattr("trunkline.store.inputs.CHAIN_ROWS", 1)
    async with opened(tmp_path / "t.db") as store:
        for number in range(6):
            store.record(receipt(f"r{number}"), inputs=inputs(RoutingState(number)))
        for _ in range(upkeep.BEATS_PER_TIDY):
            await store.beat()
        kept = [await store.ask(kept_inputs(f"r{number}")) for number in range(6)]
        assert [one and one.state.now_ms for one in kept] == [None, None, None, 3, 4, 5]
        assert (await store.receipt("r0")) == receipt("r0")


async def test_text_is_in_the_message_table_only(tmp_path: Path) -> None:
    canary = "canary-7f3a"
    async with opened(tmp_path / "t.db") as store:
        store.save_message("talk", "m1", Role.USER, f"{canary} please", "01J", at_ms=1)
        store.record(
            replace(receipt(), conversation_id="talk"),
            request=StoredRequest("generation", pinned_to="zai"),
            inputs=inputs(),
        )
        await store.ledger.reserve(ask("a", claim()))
        await store.flush()
    connection = sqlite3.connect(tmp_path / "t.db")
    names = [row[0] for row in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")]
    holding = {
        name
        for name in names
        for row in connection.execute(f"SELECT * FROM {name}")  # noqa: S608 - the file's own names
        if canary in repr(row)
    }
    connection.close()
    assert holding == {"message"}


@pytest.mark.parametrize(
    ("share", "expected"), [(0.5, 2.0), (0.95, 4.0), (0.25, 1.0), (0.0, 1.0), (1.0, 4.0)]
)
def test_a_percentile_is_one_of_the_figures(share: float, expected: float) -> None:
    assert percentile([1.0, 2.0, 3.0, 4.0], share) == expected
