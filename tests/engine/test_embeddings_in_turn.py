"""Vectors of more texts than a provider takes at once: several calls that are one attempt."""

from __future__ import annotations

from pathlib import Path

from tests.support.engine_world import Serves, Told, open_world

from trunkline.domain.events import Embedded
from trunkline.domain.limits import Metric
from trunkline.domain.messages import ChatRequest, EmbeddingAsk
from trunkline.domain.receipts import AttemptOutcome
from trunkline.domain.tasks import Origin, OriginKind
from trunkline.providers.vectors import unpacked
from trunkline.simulator.protocols.embedding import vector_of

VEC = {"capabilities": ["embeddings"], "context": 2_000, "price": {"input": 1.0, "output": 0.0}}
TEXTS = tuple(f"text number {number}" for number in range(230))
PICO_PER_TOKEN = 1_000_000


def google(limit: int, *, known: bool = False) -> Serves:
    return Serves(
        "g",
        protocol="gemini",
        models={"vec": VEC},
        simulated={"models": {"vec": {"dimensions": 3, "context": 2_000}}},
        limits=[{"metric": "requests", "amount": limit, "window": "60s"}],
        known=known,
    )


def asking(texts: tuple[str, ...] = TEXTS) -> ChatRequest:
    ask = EmbeddingAsk(texts)
    return ChatRequest((), Origin(OriginKind.GATEWAY), route="g/vec", stream=False, paced=False, embeds=ask)


def requests_spent(told: Told) -> list[tuple[int, int]]:
    """What was taken of the limit of requests, and what is left of it."""
    return [(one.amount, one.left) for one in told.receipt.quota if one.metric == Metric.REQUESTS]


async def test_all_vectors_come_in_order_and_every_call_is_counted(tmp_path: Path) -> None:
    async with open_world(tmp_path, google(50, known=True)) as world:
        result = await world.run(asking())
        (embedded,) = result.of(Embedded)
        assert [unpacked(one) for one in embedded.vectors] == [
            vector_of("vec", text, 3).tolist() for text in TEXTS
        ]
        (attempt,) = result.receipt.attempts
        usage = result.receipt.usage
        assert usage.input_tokens is not None
        assert usage.estimated
        assert usage.input_tokens > len(TEXTS)
        assert attempt.cost_pico == usage.input_tokens * PICO_PER_TOKEN
        assert world.served("g") == 3
        assert requests_spent(result) == [(3, 47)]


async def test_one_call_is_one_where_the_provider_takes_them_all(tmp_path: Path) -> None:
    async with open_world(tmp_path, google(50, known=True)) as world:
        result = await world.run(asking(TEXTS[:100]))
        assert (world.served("g"), requests_spent(result)) == (1, [(1, 49)])


async def test_what_was_given_before_a_refusal_is_owed_and_the_refusal_is_told(tmp_path: Path) -> None:
    async with open_world(tmp_path, google(2)) as world:
        result = await world.run(asking())
        first = result.receipt.attempts[0]
        assert not result.receipt.complete
        assert not result.of(Embedded)
        assert (first.outcome, first.fault is not None and first.fault.kind.is_limit) == (
            AttemptOutcome.REFUSED,
            True,
        )
        assert first.usage is not None
        assert first.usage.input_tokens
        assert first.cost_pico == first.usage.input_tokens * PICO_PER_TOKEN
        whole = await world.engine.preview(asking())
        assert 0.8 < first.usage.input_tokens / (whole.task.input_tokens * 200 / 230) < 1.2
