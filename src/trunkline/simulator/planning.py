"""From a request to the play of its reply: faults, limits, the window, then the answer."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace

import orjson

from trunkline.domain.limits import Metric
from trunkline.simulator.allowance import Booking, Shortage
from trunkline.simulator.answers import CHARS_PER_TOKEN, answer_text, continuation, prompt_key, tokens_of
from trunkline.simulator.description import FaultRule
from trunkline.simulator.faults import KINDS, refuse_as
from trunkline.simulator.fitting import fitting
from trunkline.simulator.play import Answer, Asked, Call, Exchange, Play, Usage
from trunkline.simulator.styles import HEADER_STYLES, Wrong
from trunkline.simulator.wishes import counted_images, numbered, quoted, wants_refusal, wished_calls

_LEAST_REST_CHARS = 160
_THINKING_CHARS = 120
_FIXED_TEXT = "token "


def plan(exchange: Exchange, struck: Sequence[FaultRule]) -> tuple[Play, Booking | None]:
    """The reply to a request and what it holds of the limits. A request that a fault refuses uses nothing."""
    play = _answer(exchange)
    for rule in struck:
        KINDS[rule.kind].edit(play, exchange, rule.params)
    if play.refused:
        return play, None
    asked = exchange.asked
    if asked.input_tokens > exchange.model.context_tokens and not asked.embeds:
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
    fixed = model.fixed_chunks and not exchange.asked.embeds
    play = _fixed(exchange) if fixed else exchange.protocol.play(exchange, answer_of(exchange))
    play.first_ms = model.first_token_ms.draw(exchange.rng) / exchange.speed
    tokens_per_s = model.tokens_per_s.draw(exchange.rng) * exchange.speed
    if tokens_per_s > 0:
        tokens_per_chunk = play.output_tokens / max(1, len(play.chunks))
        play.interval_ms = tokens_per_chunk / tokens_per_s * 1000
        if not play.stream:
            play.first_ms += play.interval_ms
    return play


def _fixed(exchange: Exchange) -> Play:
    """The same N chunks every time, encoded once."""
    asked, model = exchange.asked, exchange.model
    key = (
        exchange.provider.id,
        model.id,
        model.fixed_chunks,
        asked.stream,
        asked.include_usage,
        asked.as_array,
    )
    kept = exchange.kept.get(key)
    if kept is None:
        pieces = (_FIXED_TEXT,) * model.fixed_chunks
        usage = Usage(asked.input_tokens, model.fixed_chunks)
        kept = exchange.protocol.play(exchange, Answer("".join(pieces), "stop", usage, pieces=pieces))
        exchange.kept[key] = kept
    return replace(kept, headers={})


def answer_of(exchange: Exchange) -> Answer:
    """What is said: the refusal or the calls that the prompt wishes for, else a text. Reasoning comes first and counts
    against the limit of tokens, so that a small limit leaves nothing for the answer."""
    asked, model = exchange.asked, exchange.model
    wanted = model.output_tokens.draw(exchange.rng)
    most_chars = (
        min(model.max_output_tokens, asked.max_output_tokens or model.max_output_tokens) * CHARS_PER_TOKEN
    )
    if wants_refusal(asked.wish):
        return _measured(exchange, "", "refused")
    thinking = _thinking(exchange)[:most_chars]
    most_chars -= len(thinking)
    wished = _calls(asked)
    if wished and most_chars > 0:
        calls = numbered(wished, exchange.number, exchange.protocol.call_prefix)
        return _measured(exchange, "", "tool_calls", thinking, calls)
    text = _text(exchange, wanted)
    finish = "stop" if len(text) <= most_chars else "length"
    return _measured(exchange, text[:most_chars], finish, thinking)


def _calls(asked: Asked) -> list[tuple[str, str]]:
    """The calls (name, arguments) that are wished for, else the one that is demanded."""
    wished = wished_calls(asked.wish, asked.tools, asked.steps) if asked.tools else []
    if asked.must_call:
        first = asked.must_call[0]
        arguments = orjson.dumps(fitting(asked.schemas.get(first, {"type": "object"}))).decode()
        wished = [one for one in wished if one[0] in asked.must_call] or [(first, arguments)]
    return wished[:1] if asked.one_call else wished


def _thinking(exchange: Exchange) -> str:
    asked, thinks = exchange.asked, exchange.model.thinks
    if thinks == "always" or (thinks == "asked" and asked.thinks):
        return answer_text(f"thinking of {asked.wish}", _THINKING_CHARS)
    return ""


def _measured(
    exchange: Exchange, text: str, finish: str, thinking: str = "", calls: tuple[Call, ...] = ()
) -> Answer:
    reasoning = tokens_of(thinking)
    called = sum(tokens_of(call.name + call.arguments) for call in calls)
    usage = Usage(
        input_tokens=exchange.asked.input_tokens,
        output_tokens=tokens_of(text) + reasoning + called,
        cached=exchange.cached,
        written=exchange.written,
        reasoning=reasoning,
    )
    return Answer(text, finish, usage, thinking, calls)


def _text(exchange: Exchange, wanted_tokens: float) -> str:
    asked, model = exchange.asked, exchange.model
    if asked.answer_schema is not None:
        text = orjson.dumps(fitting(asked.answer_schema)).decode()
    elif asked.json_answer:
        text = orjson.dumps({"answer": "simulated", "prompt_tokens": asked.input_tokens}).decode()
    elif model.answers:
        text = model.answers[prompt_key(asked.prompt) % len(model.answers)]
    else:
        begun = len(asked.begun) + _LEAST_REST_CHARS if asked.begun is not None and model.continues else 0
        text = answer_text(asked.prompt, max(round(wanted_tokens * CHARS_PER_TOKEN), begun))
    is_json = asked.json_answer or asked.answer_schema is not None
    if asked.results and not is_json:
        text = quoted(asked.results) + text
    if asked.images and not is_json:
        text = f"I was shown {counted_images(asked.images)}. {text}"
    if asked.begun is not None and model.continues:
        text = continuation(text, asked.begun, asked.anchor)
    return text
