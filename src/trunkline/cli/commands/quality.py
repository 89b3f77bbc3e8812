"""`trunkline quality` and `trunkline feedback`: how answers were received, and what that makes of models."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass
from typing import Any, TypeVar

import click

from trunkline.cli.opening import idle_engine, settings_of
from trunkline.cli.output import print_json, print_table, say
from trunkline.cli.request import require_known_name
from trunkline.domain.learned import Received, Verdict, Verdicts
from trunkline.domain.routes import Catalogue
from trunkline.engine.engine import Engine
from trunkline.engine.learned_state import quality_at
from trunkline.routing.quality import posterior

_Result = TypeVar("_Result")
_THUMBS = {"up": Verdict.UP, "down": Verdict.DOWN, "clear": None}
_SAID = {Verdict.UP: "good", Verdict.DOWN: "bad"}


@dataclass(frozen=True, slots=True)
class QualityLine:
    """What is thought of a model at tasks of one type and tier. `prior` 0..1 is the catalogue's, None where it has
    none; `quality` what experience has made of it; `verdicts` are the counts behind that, as they count now."""

    task_type: str
    tier: str
    model: str
    prior: float | None
    quality: float
    verdicts: Verdicts

    def as_json(self) -> dict[str, Any]:
        """One line of `quality --json`."""
        return {
            "task": self.task_type,
            "tier": self.tier,
            "model": self.model,
            "prior": None if self.prior is None else round(self.prior, 4),
            "quality": round(self.quality, 4),
            "good": round(self.verdicts.good, 4),
            "bad": round(self.verdicts.bad, 4),
        }


@click.group("quality", invoke_without_command=True)
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@click.pass_context
def quality_command(ctx: click.Context, as_json: bool) -> None:
    """What experience says of models, by kind of task: the catalogue's figure, and what it has become."""
    if ctx.invoked_subcommand is None:
        _list(as_json)


@quality_command.command("list")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def list_command(as_json: bool) -> None:
    """What experience says of models, by kind of task."""
    _list(as_json)


def _list(as_json: bool) -> None:
    with idle_engine("quality") as engine:
        lines = quality_lines(engine)
        learning = engine.generation.config.preferences.learning
    if as_json:
        print_json(
            {
                "enabled": learning.enabled,
                "prior_weight": learning.prior_weight,
                "half_life_days": learning.half_life_days,
                "quality": [line.as_json() for line in lines],
            }
        )
        return
    if not lines:
        say("nothing was learned yet; `trunkline feedback up` or `down` says how the last answer was")
        return
    rows = [
        [
            line.task_type,
            line.tier,
            line.model,
            _share(line.prior),
            _share(line.quality),
            *_counts(line.verdicts),
        ]
        for line in lines
    ]
    print_table(("task", "tier", "model", "catalogue", "now", "good", "bad"), rows)
    weight = f"the catalogue's figure counts as {learning.prior_weight:g} answers"
    say(weight if learning.enabled else f"{weight}; learning is off, so that it alone holds")


def quality_lines(engine: Engine) -> tuple[QualityLine, ...]:
    """Every kind of answer that something is known of, by task type, tier and model."""
    config, policy = engine.generation.config, engine.generation.config.preferences.learning
    known = quality_at(engine.past.learned().quality, engine.snapshot().at_ms, policy.half_life_days)
    lines = []
    for (task_type, tier), models in known.items():
        for model, verdicts in models.items():
            prior = _prior(config.catalogue, model)
            quality = posterior(prior, verdicts, policy.prior_weight)
            lines.append(QualityLine(task_type, tier, model, prior, quality, verdicts))
    return tuple(lines)


def _prior(catalogue: Catalogue, model: str) -> float | None:
    """The best figure that the catalogue has of it, whoever serves it."""
    found = (
        one.quality_share for provider in catalogue.providers for one in provider.models if one.id == model
    )
    return max((share for share in found if share is not None), default=None)


def _share(value: float | None) -> str:
    return "–" if value is None else f"{value:.2f}"


def _counts(verdicts: Verdicts) -> list[str]:
    return [f"{verdicts.good:.2f}", f"{verdicts.bad:.2f}"]


@quality_command.command("reset")
@click.argument("model", required=False)
@click.option("--task", "task_type", help="Only at tasks of this type.")
@click.option("--yes", is_flag=True, help="Do not ask.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def reset_command(model: str | None, task_type: str | None, yes: bool, as_json: bool) -> None:
    """Forget what was learned of MODEL, or of all.

    The catalogue's figures hold again.

    Thumbs that it was made of are forgotten too. The audit keeps what it was.
    """
    with idle_engine("quality") as engine:
        lines = quality_lines(engine)
    _require_learned("model", model, (line.model for line in lines))
    _require_learned("task type", task_type, (line.task_type for line in lines))
    concerned = [
        line for line in lines if model in (None, line.model) and task_type in (None, line.task_type)
    ]
    if concerned and not yes:
        named = "; ".join(f"{line.model} at {line.task_type} {line.tier}" for line in concerned[:4])
        more = f"; and {len(concerned) - 4} more" if len(concerned) > 4 else ""
        click.confirm(f"Forget what was learned of {named}{more}?", abort=True, err=True)
    gone = _with_engine("quality", lambda engine: engine.forget_quality(model, task_type)) if concerned else 0
    if as_json:
        print_json({"model": model, "task": task_type, "forgotten": gone})
    else:
        say(
            f"forgotten: {gone} kind{'' if gone == 1 else 's'} of answers"
            if gone
            else "nothing was known of that"
        )


def _require_learned(what: str, name: str | None, known: Iterable[str]) -> None:
    names = tuple(dict.fromkeys(known))
    if name is not None and names:
        require_known_name(f"{what} of which anything was learned,", name, names)


@click.command("feedback")
@click.argument("verdict", type=click.Choice(tuple(_THUMBS)))
@click.argument("request_id", metavar="[REQUEST]", required=False)
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@click.pass_context
def feedback_command(ctx: click.Context, verdict: str, request_id: str | None, as_json: bool) -> None:
    """Say that an answer was good or bad, or take back what was said.

    REQUEST is its id or the beginning of it; without one it is the last that was answered.
    """
    if request_id is None:
        with idle_engine("feedback") as engine:
            request_id = engine.past.last_answered()
    if request_id is None:
        say("nothing was answered yet")
        ctx.exit(1)
    wanted = request_id
    received = _with_engine("feedback", lambda engine: engine.feedback(wanted, _THUMBS[verdict]))
    if as_json:
        print_json(received_json(received))
        return
    said = f"was {_SAID[received.thumb]}" if received.thumb is not None else "was neither good nor bad"
    say(
        f"{received.request_id}: the answer of {received.route} to {received.task_type} {received.tier} {said}"
    )


def received_json(received: Received) -> dict[str, Any]:
    """`feedback --json`."""
    return {
        "request_id": received.request_id,
        "route": received.route,
        "task": received.task_type,
        "tier": received.tier,
        "thumb": received.thumb,
        "verdicts": list(received.verdicts),
    }


def _with_engine(command: str, work: Callable[[Engine], Awaitable[_Result]]) -> _Result:
    """Have an engine do something that is waited for, in the name of a command. Raises TrunklineError."""

    async def done() -> _Result:
        engine = Engine.open(settings_of(command))
        try:
            return await work(engine)
        finally:
            await engine.aclose()

    return asyncio.run(done())
