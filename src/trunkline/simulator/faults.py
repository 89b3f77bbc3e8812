"""Everything that can go wrong, as a registry of named kinds that edit a play, and the rules of when they strike."""

from __future__ import annotations

import random
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from email.utils import format_datetime
from typing import Any

import orjson

from trunkline.domain.limits import Window
from trunkline.simulator.answers import prompt_key
from trunkline.simulator.description import FaultRule
from trunkline.simulator.play import Answer, End, Exchange, Play, Usage
from trunkline.simulator.styles import STYLES, Complaint, Refusal, Wrong

Params = Mapping[str, Any]
Edit = Callable[[Play, Exchange, Params], None]

_PORTAL = (
    b"<!doctype html><html><head><title>Sign in</title></head><body>Please accept the terms.</body></html>"
)


@dataclass(frozen=True, slots=True)
class FaultKind:
    """A way to go wrong. `params` are its parameters with their usual values, which also give their types."""

    edit: Edit
    params: Mapping[str, str | int | float | bool] = field(default_factory=dict)


KINDS: dict[str, FaultKind] = {}

# Parameters that take one of a few words.
PARAM_WORDS: Mapping[str, tuple[str, ...]] = {
    "hint": ("none", "short", "long", "dated", "negative", "junk"),
    "wrong": ("", *(wrong.value for wrong in Wrong)),
}


def kind(name: str, **params: str | float | bool) -> Callable[[Edit], Edit]:
    """Register a kind of fault under `name` with its parameters' usual values."""

    def register(edit: Edit) -> Edit:
        KINDS[name] = FaultKind(edit, params)
        return edit

    return register


def refuse(play: Play, refusal: Refusal) -> None:
    """Play a worded refusal."""
    play.refuse(refusal.status, orjson.dumps(refusal.body))
    play.headers.update(refusal.headers)


def refuse_as(play: Play, exchange: Exchange, complaint: Complaint) -> None:
    """Word a complaint in the provider's style and play it."""
    refuse(play, STYLES[exchange.provider.style](complaint))


# -- answers that refuse --------------------------------------------------------------------------------------------


@kind("http", status=503, body="", wrong="", content_type="application/json")
def _http(play: Play, exchange: Exchange, params: Params) -> None:
    """A status with a raw body, or with the body of the provider's style for `wrong` (a word of `styles.Wrong`)."""
    status = params["status"]
    if params["body"]:
        play.refuse(status, params["body"].encode(), params["content_type"])
        return
    wrong = Wrong(params["wrong"]) if params["wrong"] else _wrong_of(status)
    refusal = STYLES[exchange.provider.style](exchange.complaint(wrong))
    play.refuse(status, orjson.dumps(refusal.body))


def _wrong_of(status: int) -> Wrong:
    by_status = {401: Wrong.AUTH, 402: Wrong.BILLING, 403: Wrong.AUTH, 404: Wrong.NOT_FOUND, 429: Wrong.RATE}
    return by_status.get(status, Wrong.OVERLOADED if status in (503, 529) else Wrong.SERVER)


@kind("limited", hint="none", wrong="rate", wait_s=0.0)
def _limited(play: Play, exchange: Exchange, params: Params) -> None:
    """A 429 that is not true. `hint` is what `retry-after` says: short (1 s), long (3,600 s), dated, negative, junk,
    none, or the true `wait_s`; the body tells the same wait where it can be told. What is used up is a minute's
    allowance, for `quota` a day's."""
    hint = params["hint"]
    wait_s = params["wait_s"] or {"short": 1.0, "long": 3600.0, "dated": 2.0}.get(hint)
    wait_ms = None if wait_s is None else wait_s * 1000
    wrong = Wrong(params["wrong"])
    window = Window.parse("day" if wrong is Wrong.QUOTA else "60s")
    refuse_as(play, exchange, exchange.complaint(wrong, window=window, amount=20, used=20, wait_ms=wait_ms))
    if hint == "dated":
        at = datetime.fromtimestamp((exchange.wall_ms + (wait_ms or 0)) / 1000, UTC)
        play.headers["retry-after"] = format_datetime(at, usegmt=True)
    elif hint == "negative":
        play.headers["retry-after"] = "-5"
    elif hint == "junk":
        play.headers["retry-after"] = "soon, we hope"
    elif wait_s is not None:
        play.headers["retry-after"] = f"{wait_s:g}"


@kind("context")
def _context(play: Play, exchange: Exchange, params: Params) -> None:
    """The prompt is said to be too long, whatever its length."""
    asked = exchange.asked.input_tokens
    refuse_as(play, exchange, exchange.complaint(Wrong.CONTEXT, amount=max(1, asked // 2), asked=asked))


@kind("content")
def _content(play: Play, exchange: Exchange, params: Params) -> None:
    """Refused for what is asked; where a provider does so in a whole reply of status 200, so here."""
    refusal = STYLES[exchange.provider.style](exchange.complaint(Wrong.CONTENT))
    if exchange.asked.stream and "promptFeedback" in refusal.body:
        refused = exchange.protocol.play(
            exchange, Answer("", "refused", Usage(exchange.asked.input_tokens, 0))
        )
        play.head, play.chunks, play.tail = refused.head, refused.chunks, refused.tail
        play.terminator, play.output_tokens, play.refused = refused.terminator, 0, True
        return
    refuse(play, refusal)


@kind("key_revoked")
def _key_revoked(play: Play, exchange: Exchange, params: Params) -> None:
    """The key is no longer taken."""
    refuse_as(play, exchange, exchange.complaint(Wrong.AUTH))


@kind("not_found")
def _not_found(play: Play, exchange: Exchange, params: Params) -> None:
    """The model is gone."""
    refuse_as(play, exchange, exchange.complaint(Wrong.NOT_FOUND))


@kind("html")
def _html(play: Play, exchange: Exchange, params: Params) -> None:
    """A captive portal's page, with status 200."""
    play.refuse(200, _PORTAL, "text/html; charset=utf-8")


@kind("empty")
def _empty(play: Play, exchange: Exchange, params: Params) -> None:
    """Status 200 and not one byte of body."""
    play.refuse(200, b"", "text/event-stream" if exchange.asked.stream else "application/json")


@kind("error_in_200", wrong="overloaded")
def _error_in_200(play: Play, exchange: Exchange, params: Params) -> None:
    """An error body under status 200."""
    refusal = STYLES[exchange.provider.style](exchange.complaint(Wrong(params["wrong"])))
    play.refuse(200, orjson.dumps(refusal.body))


@kind("redirect", location="http://127.0.0.2/")
def _redirect(play: Play, exchange: Exchange, params: Params) -> None:
    """Sent to another host, where no key may go."""
    play.refuse(307, b"")
    play.headers["location"] = params["location"]


@kind("drain")
def _drain(play: Play, exchange: Exchange, params: Params) -> None:
    """Somebody else with the same key uses up every limit; this request then meets the real refusal."""
    exchange.allowances.drain(exchange.account, exchange.model.id)


# -- connections that break -----------------------------------------------------------------------------------------


@kind("reset")
def _reset(play: Play, exchange: Exchange, params: Params) -> None:
    """The connection is reset before a byte of reply, as if nobody listened."""
    play.refused, play.silent, play.end, play.output_tokens = True, True, End.RESET, 0


@kind("stale")
def _stale(play: Play, exchange: Exchange, params: Params) -> None:
    """A connection that has served before is found closed; a new one works."""
    if exchange.reused:
        play.refused, play.silent, play.end, play.output_tokens = True, True, End.DROP, 0


@kind("reset_stream", after=3)
def _reset_stream(play: Play, exchange: Exchange, params: Params) -> None:
    """The connection is reset after `after` chunks."""
    play.stop_after(params["after"])
    play.end = End.RESET


@kind("drop", after=3)
def _drop(play: Play, exchange: Exchange, params: Params) -> None:
    """The connection is closed after `after` chunks, in the middle of the body."""
    play.stop_after(params["after"])
    play.end = End.DROP


@kind("cut", after=3)
def _cut(play: Play, exchange: Exchange, params: Params) -> None:
    """The body ends properly after `after` chunks, but neither finish reason nor terminator was sent."""
    play.stop_after(params["after"])
    play.declared_bytes = None


# -- time -----------------------------------------------------------------------------------------------------------


@kind("silence", head=False)
def _silence(play: Play, exchange: Exchange, params: Params) -> None:
    """Nothing comes, for ever; with `head` the status line and headers still do."""
    play.stop_after(0)
    play.head, play.end, play.silent, play.output_tokens = (), End.HANG, not params["head"], 0
    if not play.stream:
        play.chunks = ()


@kind("stall", after=3)
def _stall(play: Play, exchange: Exchange, params: Params) -> None:
    """After `after` chunks nothing more comes, for ever."""
    play.stop_after(params["after"])
    play.end = End.HANG


@kind("slow_first_token", ms=5000.0)
def _slow_first_token(play: Play, exchange: Exchange, params: Params) -> None:
    """The first token takes that much longer (story time)."""
    play.first_ms += params["ms"] / exchange.speed


@kind("crawl", after=3, tokens_per_s=4.0)
def _crawl(play: Play, exchange: Exchange, params: Params) -> None:
    """After `after` chunks the rest comes at that pace, a chunk at a time; a whole reply takes as long as that."""
    per_chunk = play.output_tokens / max(1, len(play.chunks))
    interval_ms = per_chunk / max(0.001, params["tokens_per_s"]) * 1000 / exchange.speed
    if play.stream:
        play.slow_after, play.slow_interval_ms = params["after"], interval_ms
    else:
        play.first_ms += interval_ms


# -- streams that are not right -------------------------------------------------------------------------------------


@kind("malformed_event", after=3)
def _malformed_event(play: Play, exchange: Exchange, params: Params) -> None:
    """One event that is no JSON after `after` chunks; the rest is sound. A whole reply is cut short instead."""
    if play.stream:
        chunks = list(play.chunks)
        chunks.insert(params["after"], exchange.protocol.malformed)
        play.chunks = chunks
    else:
        _cut(play, exchange, {"after": 0})


@kind("no_terminator")
def _no_terminator(play: Play, exchange: Exchange, params: Params) -> None:
    """The stream is whole but for its terminator."""
    play.terminator = b""


@kind("no_finish", after=3)
def _no_finish(play: Play, exchange: Exchange, params: Params) -> None:
    """After `after` chunks the terminator, without a finish reason."""
    terminator = play.terminator
    _cut(play, exchange, params)
    play.terminator = terminator


@kind("error_in_stream", after=3, wrong="overloaded")
def _error_in_stream(play: Play, exchange: Exchange, params: Params) -> None:
    """After `after` chunks an error inside the stream, then the end; a whole reply becomes an error under 200."""
    if not play.stream:
        _error_in_200(play, exchange, params)
        return
    refusal = STYLES[exchange.provider.style](exchange.complaint(Wrong(params["wrong"])))
    play.stop_after(params["after"])
    play.tail = (exchange.protocol.error_event(exchange, refusal.body),)


@kind("drip", bytes=7)
def _drip(play: Play, exchange: Exchange, params: Params) -> None:
    """The stream comes `bytes` bytes at a time, whatever they cut in two; nothing is lost."""
    if not play.stream:
        return
    body = b"".join((*play.head, *play.chunks, *play.tail)) + play.terminator
    size = max(1, params["bytes"])
    play.interval_ms *= len(play.chunks) * size / max(1, len(body))
    play.chunks = [body[at : at + size] for at in range(0, len(body), size)]
    play.head, play.tail, play.terminator = (), (), b""


@kind("empty_answer")
def _empty_answer(play: Play, exchange: Exchange, params: Params) -> None:
    """A reply that is whole in every respect and says nothing."""
    usage = Usage(exchange.asked.input_tokens, 0)
    empty = exchange.protocol.play(exchange, Answer("", "stop", usage))
    play.head, play.chunks, play.tail, play.output_tokens = empty.head, empty.chunks, empty.tail, 0


# -- when they strike -----------------------------------------------------------------------------------------------


@dataclass(slots=True)
class _Armed:
    rule: FaultRule
    on: bool = True
    matched: int = 0
    turn: int = 0


class FaultBook:
    """The rules in force, and how often each has matched."""

    def __init__(self, rules: tuple[FaultRule, ...], seed: int) -> None:
        self._seed = seed
        self._armed = {rule.name: _Armed(rule) for rule in rules}
        self.struck: dict[str, int] = {}

    def __bool__(self) -> bool:
        return bool(self._armed)

    def add(self, rule: FaultRule) -> None:
        """Put a rule in force, in place of one of the same name."""
        self._armed[rule.name] = _Armed(rule)

    def remove(self, name: str | None) -> bool:
        """Take one rule away, or all; whether there was such a one."""
        if name is None:
            self._armed.clear()
            return True
        return self._armed.pop(name, None) is not None

    def switch(self, name: str, on: bool) -> bool:
        """Turn a rule on or off; whether there is such a one."""
        armed = self._armed.get(name)
        if armed is None:
            return False
        armed.on = on
        return True

    def rules(self) -> list[dict[str, Any]]:
        """The rules in force, for the control endpoint."""
        return [
            {"name": name, "kind": armed.rule.kind, "on": armed.on, "matched": armed.matched}
            for name, armed in self._armed.items()
        ]

    def reset(self) -> None:
        """Count from nothing again."""
        self.struck.clear()
        for armed in self._armed.values():
            armed.matched = 0

    def strike(self, route: tuple[str, str, str], stream: bool, story_s: float, turn: int) -> list[FaultRule]:
        """The rules that strike a request of (provider, account, model) at that time of the story's `turn`-th
        round. Counts of `first` and `every` begin anew each round."""
        struck = []
        for armed in self._armed.values():
            if not armed.on or not _matches(armed.rule, route, stream, story_s):
                continue
            if armed.turn != turn:
                armed.turn, armed.matched = turn, 0
            armed.matched += 1
            if self._falls_on(armed):
                struck.append(armed.rule)
                self.struck[armed.rule.name] = self.struck.get(armed.rule.name, 0) + 1
        return struck

    def _falls_on(self, armed: _Armed) -> bool:
        rule = armed.rule
        if rule.first is not None and armed.matched > rule.first:
            return False
        if rule.every is not None and armed.matched % rule.every:
            return False
        if rule.probability is None:
            return True
        draw = random.Random(prompt_key(f"{self._seed} {rule.name} {armed.turn} {armed.matched}")).random()
        return draw < rule.probability


def _matches(rule: FaultRule, route: tuple[str, str, str], stream: bool, story_s: float) -> bool:
    return (
        story_s >= rule.at_s
        and (rule.until_s is None or story_s < rule.until_s)
        and rule.provider in (None, route[0])
        and rule.account in (None, route[1])
        and rule.model in (None, route[2])
        and rule.stream in (None, stream)
    )
