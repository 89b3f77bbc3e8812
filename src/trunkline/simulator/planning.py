"""From a request to the play of its reply: faults, limits, the window, then the answer."""

from __future__ import annotations

import math
from collections.abc import Sequence

import orjson

from trunkline.domain.limits import Metric
from trunkline.simulator.allowance import Booking, Shortage
from trunkline.simulator.answers import CHARS_PER_TOKEN, answer_text, continuation, prompt_key
from trunkline.simulator.description import FaultRule
from trunkline.simulator.faults import KINDS, refuse_as
from trunkline.simulator.play import Exchange, Play
from trunkline.simulator.styles import HEADER_STYLES, Wrong

_LEAST_REST_CHARS = 160


def plan(exchange: Exchange, struck: Sequence[FaultRule]) -> tuple[Play, Booking | None]:
    """The reply to a request and what it holds of the limits. A request that a fault refuses uses nothing."""
    play = _answer(exchange)
    for rule in struck:
        KINDS[rule.kind].edit(play, exchange, rule.params)
    if play.refused:
        return play, None
    asked = exchange.asked
    if asked.input_tokens > exchange.model.context_tokens:
        amount = exchange.model.context_tokens
        refuse_as(play, exchange, exchange.complaint(Wrong.CONTEXT, amount=amount, asked=asked.input_tokens))
        return play, None
    admitted = exchange.allowances.admit(exchange.account, exchange.model.id, asked.input_tokens)
    booking = admitted if isinstance(admitted, Booking) else None
    if isinstance(admitted, Shortage):
        _refuse_for_limit(play, exchange, admitted)
    standings = exchange.allowances.standings(exchange.account, exchange.model.id)
    if standings:
        play.headers.update(HEADER_STYLES[exchange.provider.headers](standings))
    return play, booking


def _refuse_for_limit(play: Play, exchange: Exchange, shortage: Shortage) -> None:
    limit = shortage.limit
    if limit.metric is Metric.CONCURRENCY:
        wrong = Wrong.CONCURRENCY
    else:
        wrong = Wrong.RATE if limit.window.paces_only else Wrong.QUOTA
    facts = {
        "amount": limit.amount,
        "used": shortage.used,
        "asked": shortage.asked,
        "wait_ms": shortage.wait_ms,
    }
    refuse_as(play, exchange, exchange.complaint(wrong, metric=limit.metric, window=limit.window, **facts))
    if exchange.provider.retry_after and shortage.wait_ms is not None:
        play.headers["retry-after"] = str(max(1, math.ceil(shortage.wait_ms / 1000)))


def _answer(exchange: Exchange) -> Play:
    model = exchange.model
    if model.fixed_chunks:
        play = exchange.protocol.fixed(exchange)
    else:
        play = exchange.protocol.play(exchange, *_text(exchange))
    play.first_ms = model.first_token_ms.draw(exchange.rng) / exchange.speed
    tokens_per_s = model.tokens_per_s.draw(exchange.rng) * exchange.speed
    if tokens_per_s > 0:
        tokens_per_chunk = play.output_tokens / max(1, len(play.chunks))
        play.interval_ms = tokens_per_chunk / tokens_per_s * 1000
        if not play.stream:
            play.first_ms += play.interval_ms
    return play


def _text(exchange: Exchange) -> tuple[str, str]:
    """What is said, and whether it stopped by itself (`stop`) or at the limit of tokens (`length`)."""
    asked, model = exchange.asked, exchange.model
    wanted = model.output_tokens.draw(exchange.rng)
    most_tokens = min(model.max_output_tokens, asked.max_output_tokens or model.max_output_tokens)
    if asked.json_answer:
        text = orjson.dumps({"answer": "simulated", "prompt_tokens": asked.input_tokens}).decode()
    elif model.answers:
        text = model.answers[prompt_key(asked.prompt) % len(model.answers)]
    else:
        begun = len(asked.begun) + _LEAST_REST_CHARS if asked.begun is not None and model.continues else 0
        text = answer_text(asked.prompt, max(round(wanted * CHARS_PER_TOKEN), begun))
    if asked.begun is not None and model.continues:
        text = continuation(text, asked.begun, asked.anchor)
    most_chars = most_tokens * CHARS_PER_TOKEN
    return (text, "stop") if len(text) <= most_chars else (text[:most_chars], "length")
