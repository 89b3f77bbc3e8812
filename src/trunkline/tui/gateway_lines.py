"""The gateway's screen as lines: who listens where, what goes through, what to paste, how to stop it. Pure."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import tzinfo

from trunkline.domain.snapshot import GatewayView
from trunkline.tui import format as fmt
from trunkline.tui.cells import Cell, Tone
from trunkline.tui.gateway_switch import (
    ClientLines,
    GatewayOff,
    GatewayOn,
    GatewayStarting,
    GatewayState,
    GatewayStopping,
)
from trunkline.tui.lines import Line, Section, joined, labelled, paragraph

_INDENT = 2


@dataclass(frozen=True, slots=True)
class GatewayFacts:
    """What is known of gateways. `own` is this deck's as the store tells of it, `others` those of other processes.
    `refusal` says why none can be switched on here (empty: it can). `asked`: the person was told that requests are
    under way, and the next press of the key stops it. `pasted` is what clients are told of the one that is shown."""

    state: GatewayState
    own: GatewayView | None = None
    others: tuple[GatewayView, ...] = ()
    refusal: str = ""
    asked: bool = False
    pasted: tuple[ClientLines, ...] = ()

    @property
    def shown_url(self) -> str | None:
        """The address that clients are told: of this deck's gateway, else of another's."""
        if isinstance(self.state, GatewayOn):
            return self.state.base_url
        return self.others[0].base_url if self.others else None


def gateway_lines(
    facts: GatewayFacts, key: str, now_ms: int, zone: tzinfo | None, width: int
) -> tuple[Line, ...]:
    """All of the screen, `width` cells wide; `key` is the one that starts and stops it."""
    sections = [Section("This deck's gateway", tuple(_own(facts, key, width)))]
    sections += [_other(one, now_ms, zone, width) for one in facts.others]
    sections += [_client(one, width) for one in facts.pasted]
    return joined(tuple(sections))


def copied(target: str, facts: GatewayFacts) -> str | None:
    """The text behind a line of the screen; None where there is none any more."""
    texts: dict[str, str | None] = {one.client: "\n".join(one.lines) for one in facts.pasted}
    texts["token"] = facts.state.token if isinstance(facts.state, GatewayOn) else None
    urls = [one.base_url for one in facts.others] + ([facts.shown_url] if facts.shown_url else [])
    return texts.get(target) or next((url for url in urls if url == target), None)


def _own(facts: GatewayFacts, key: str, width: int) -> Iterable[Line]:
    match facts.state:
        case GatewayOff(why):
            yield from _off(facts, why, key, width)
        case GatewayStarting():
            yield from paragraph(f"starting … {key} calls it off", width, Tone.WARN)
        case GatewayOn(_, base_url, token):
            yield from _aimed(labelled("address", base_url, width, Tone.ACCENT), base_url)
            yield from _requests(facts.own, width)
            yield from _token(token, width, needs_token=facts.own is None or facts.own.needs_token)
            at_work = 0 if facts.own is None else facts.own.at_work
            if facts.asked and at_work:
                said = f"{_under_way(at_work)}: {key} again lets them finish and stops it"
                yield from labelled("stop", said, width, Tone.WARN)
            else:
                yield from labelled("stop", f"{key} stops it; it ends with this deck", width, Tone.DIM)
        case GatewayStopping():
            at_work = 0 if facts.own is None else facts.own.at_work
            said = f"stopping: {_under_way(at_work)} may finish; {key} again does not wait for them"
            yield from paragraph(said if at_work else "stopping …", width, Tone.WARN)


def _off(facts: GatewayFacts, why: str, key: str, width: int) -> Iterable[Line]:
    if why:
        yield from paragraph(why, width, Tone.BAD)
    if facts.refusal:
        yield from paragraph(f"off: {facts.refusal}", width)
    elif facts.others:
        yield from paragraph("off: another process has one already, and both would want the same port", width)
    else:
        yield from paragraph(
            f"off. {key} starts `trunkline serve`: agents change a base URL and get this machine's accounts, with "
            "routing, failover and accounting.",
            width,
        )


def _requests(view: GatewayView | None, width: int) -> tuple[Line, ...]:
    at_work, answered, failed = (0, 0, 0) if view is None else (view.at_work, view.answered, view.failed)
    more = f" · {failed:,} failed" if failed else ""
    return labelled("requests", f"{at_work:,} under way · {answered:,} answered{more}", width)


def _token(token: str | None, width: int, *, needs_token: bool) -> Iterable[Line]:
    if token is not None:
        yield from _aimed(labelled("token", token, width, Tone.ACCENT), "token")
        yield from labelled("", "made with this start: it is shown only now, and not again", width, Tone.WARN)
    elif needs_token:
        said = "`trunkline tokens list` says who may come in, `trunkline tokens create` lets somebody in"
        yield from labelled("token", said, width, Tone.DIM)
    else:
        yield from labelled("token", "none is needed, by the preferences", width, Tone.WARN)


def _other(view: GatewayView, now_ms: int, zone: tzinfo | None, width: int) -> Section:
    lasted = fmt.roughly(max(0, now_ms - view.since_ms))
    since = f"{fmt.time_of_day(view.since_ms, zone, seconds=True)}, for {lasted}"
    return Section(
        f"Another process, {view.pid}",
        (
            *_aimed(labelled("address", view.base_url, width, Tone.ACCENT), view.base_url),
            *labelled("since", since, width),
            *_requests(view, width),
            *labelled("stop", f"ctrl-c where it was started, or `kill {view.pid}`", width, Tone.DIM),
        ),
    )


def _client(client: ClientLines, width: int) -> Section:
    lines = [Line((Cell(client.title),), target=client.client)]
    for one in client.lines:
        lines += paragraph(one, width, Tone.ACCENT, indent=_INDENT + len(one) - len(one.lstrip()))
    lines += paragraph(client.note, width, Tone.DIM, indent=_INDENT)
    return Section("", tuple(lines))


def _aimed(lines: tuple[Line, ...], target: str) -> tuple[Line, ...]:
    """The first of these lines can be copied."""
    return (replace(lines[0], target=target), *lines[1:])


def _under_way(at_work: int) -> str:
    return f"{at_work:,} request{'' if at_work == 1 else 's'} under way"
