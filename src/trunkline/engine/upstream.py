"""A request in a provider's own words: the one call that goes to it, with its key and its time limits."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from trunkline.domain.messages import ChatRequest, EmbeddingAsk
from trunkline.domain.output_limit import output_limit
from trunkline.domain.preferences import CallLimits
from trunkline.domain.routes import ModelSpec, ProviderSpec, Route
from trunkline.domain.secret import Secret
from trunkline.domain.tasks import Task
from trunkline.engine.call_limits import limits_of_call
from trunkline.engine.continuation import Continuation
from trunkline.engine.generation import Generation
from trunkline.engine.receipt import Course
from trunkline.engine.ticket import Ticket
from trunkline.providers.call import UpstreamCall
from trunkline.providers.protocol import CallContext
from trunkline.providers.registry import embeddings_in, most_texts

if TYPE_CHECKING:
    from trunkline.engine.core import EngineCore


def upstream_call(
    core: EngineCore,
    generation: Generation,
    ticket: Ticket,
    course: Course,
    task: Task,
    route: Route,
    continuation: Continuation | None,
    *,
    remaining_ms: int,
) -> UpstreamCall:
    """The call that asks a ticket's request down `route`, on which its task is `task`, from its beginning or as
    `continuation` of what is shown already, with so much time left of the request."""
    provider, account, model = generation.provider(route), generation.account(route), generation.model(route)
    context = CallContext(provider, account, model, core.clock.wall_ms())
    request = ticket.request if continuation is None else continuation.apply(ticket.request)
    if request.embeds is not None:
        limits = _limits(core, generation, route, remaining_ms, learned=False)
        key = generation.keys.secret(account.key)
        return _embedding_call(request, request.embeds, context, key, limits, task.input_tokens)
    protocol = core.protocol(provider.protocol)
    # Always as a stream: only in one can a provider that is silent or stalls be told from one that works.
    asked = request if request.stream else replace(request, stream=True)
    limit_tokens = _output_limit(core, ticket, course, task, provider, model)
    wire = protocol.encode(asked, context, max_output_tokens=limit_tokens)
    limits = _limits(core, generation, route, remaining_ms)
    return UpstreamCall(protocol, context, wire, generation.keys.secret(account.key), limits)


def _embedding_call(
    request: ChatRequest,
    asked: EmbeddingAsk,
    context: CallContext,
    key: Secret | None,
    limits: CallLimits,
    input_tokens: int,
) -> UpstreamCall:
    """The call for vectors, with as many further ones as it takes where that provider gives fewer at once."""
    chars = sum(map(len, asked.inputs))
    calls = []
    for part in asked.parts(most_texts(context.provider)):
        protocol = embeddings_in(context.provider.protocol, part)
        wire = protocol.encode(request, context, max_output_tokens=None)
        share_tokens = input_tokens * sum(map(len, part.inputs)) // max(1, chars)
        calls.append(UpstreamCall(protocol, context, wire, key, limits, share_tokens))
    return replace(calls[0], further=tuple(calls[1:]))


def _output_limit(
    core: EngineCore, ticket: Ticket, course: Course, task: Task, provider: ProviderSpec, model: ModelSpec
) -> int | None:
    """In tokens; None: the model's own. Where a crisis makes it smaller, the receipt is to say so."""
    usual = output_limit(ticket.request.max_output_tokens, model, provider.quirks, task.input_tokens)
    limit_tokens, warning = core.crisis_moves.output_limit(ticket, model, usual)
    course.warn(warning)
    return limit_tokens


def _limits(
    core: EngineCore, generation: Generation, route: Route, remaining_ms: int, *, learned: bool = True
) -> CallLimits:
    """How long may be waited for the first token is `learned` of answers; of vectors it depends on how many come."""
    configured = generation.config.preferences.call_limits
    usual_ms = configured.first_token_ms
    return limits_of_call(
        configured,
        generation.provider(route),
        first_token_ms=core.tracker.first_token_limit_ms(route, configured) if learned else usual_ms,
        remaining_ms=remaining_ms,
    )
