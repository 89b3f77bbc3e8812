"""Counting prompts for one engine: by which vocabulary and rule, off the event loop where it is much, and what reported
usage teaches of it."""

from __future__ import annotations

import asyncio
import time

from trunkline.analysis import CountingPlan, Rereads, TokenCounter, count_ahead, is_ready
from trunkline.domain.clock import Clock
from trunkline.domain.counting import CountingRule
from trunkline.domain.messages import ChatRequest
from trunkline.domain.routes import Catalogue, ProviderSpec, ReasoningEcho
from trunkline.engine.vocabularies import LoadVocabulary, Vocabularies

_PAUSE_S = 0.0002


class Counting:
    """`counter` knows what was counted."""

    def __init__(self, clock: Clock, load: LoadVocabulary | None) -> None:
        self.counter = TokenCounter()
        self.vocabularies = Vocabularies(clock, load, self.counter.use)
        self._begun = False

    def prepare(self, plan: CountingPlan) -> None:
        """Have the vocabularies of a configuration's models loaded. Returns at once."""
        self.vocabularies.want([tokenizer for tokenizer, _ in plan.pairs])

    def request_begins(self, plan: CountingPlan) -> None:
        """A request is about to be served: from the second of a process on, vocabularies are worth their loading. The
        first would not be waited for by it, and most commands make one only."""
        if self._begun:
            self.prepare(plan)
        self._begun = True

    async def count(self, request: ChatRequest, plan: CountingPlan) -> bool:
        """Count what is too long for the event loop on a thread; whether there was any."""
        if is_ready(request, plan, self.counter):
            return False
        await asyncio.to_thread(count_ahead, request, plan, self.counter, _let_others_run)
        return True


def _let_others_run() -> None:
    time.sleep(_PAUSE_S)


def counting_plan(catalogue: Catalogue) -> CountingPlan:
    """What prompts are to be counted by, so that every model of `catalogue` that answers finds its own count."""
    models = [model for provider in catalogue.providers for model in provider.models if not model.embeds]
    pairs = tuple(dict.fromkeys((model.tokenizer, model.counting) for model in models))
    rereads = tuple((provider.id, _rereads(provider)) for provider in catalogue.providers)
    return CountingPlan(pairs, rereads) if pairs else CountingPlan(rereads=rereads)


def _rereads(provider: ProviderSpec) -> Rereads:
    """Anthropic's older models pass over the thinking of earlier turns and do not count it, newer ones keep it; Gemini
    reads what is sent; who speaks OpenAI's protocol is only sent it where it asks for it."""
    if provider.protocol == "openai":
        return Rereads.NOTHING if provider.quirks.echo_reasoning is ReasoningEcho.NONE else Rereads.ALL
    keeps = any(model.counting is not CountingRule.ANTHROPIC for model in provider.models)
    return Rereads.ALL if keeps else Rereads.CURRENT
