"""The control endpoint under `/_control`: what came in, and faults switched at run time.

GET    counters                counts, peak concurrency, faults struck, seconds into the story
GET    requests?since=N        metadata of the requests numbered above N
GET    faults                  the rules in force
POST   faults                  a rule, or a list of rules, as in `[[faults]]` of a description
POST   faults/NAME             {"on": true|false}
DELETE faults, faults/NAME     all rules, or one
POST   reset                   counters, use of limits and the story begin anew
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Protocol

import orjson

from trunkline.domain.errors import ConfigError
from trunkline.simulator.faults import FaultBook
from trunkline.simulator.loading import read_fault
from trunkline.simulator.reading import Table
from trunkline.simulator.record import Record


class Controlled(Protocol):
    """What the control endpoint acts on."""

    faults: FaultBook
    record: Record

    def reset(self) -> None: ...

    def story(self) -> tuple[float, int]: ...


class Control:
    """Answers control requests: method, path below `/_control/`, query and decoded body in; status and JSON out."""

    def __init__(self, simulator: Controlled) -> None:
        self._simulator = simulator
        self._added = 0

    def answer(self, method: str, path: str, query: Mapping[str, str], body: bytes) -> tuple[int, Any]:
        """The reply to one control request."""
        head, _, name = path.partition("/")
        handlers: dict[tuple[str, str], Callable[[], Any]] = {
            ("GET", "counters"): self.counters,
            ("GET", "requests"): lambda: self.requests(int(query.get("since", "0"))),
            ("GET", "faults"): self._simulator.faults.rules,
            ("POST", "faults"): lambda: self._switch(name, orjson.loads(body)),
            ("DELETE", "faults"): lambda: {"done": self._simulator.faults.remove(name or None)},
            ("POST", "reset"): self._reset,
        }
        handler = handlers.get((method, head))
        if handler is None:
            return 404, {"error": f"there is no {method} {path}"}
        try:
            return 200, handler()
        except (ConfigError, ValueError) as error:
            return 400, {"error": str(error)}

    def counters(self) -> dict[str, Any]:
        """Counts so far."""
        at_s, turn = self._simulator.story()
        struck = dict(self._simulator.faults.struck)
        return self._simulator.record.as_dict() | {"faults": struck, "story_s": round(at_s, 3), "turn": turn}

    def requests(self, since: int = 0) -> list[dict[str, Any]]:
        """Metadata of the requests numbered above `since`."""
        return [request.as_dict() for request in self._simulator.record.received if request.number > since]

    def add_faults(self, rules: list[dict[str, Any]]) -> list[str]:
        """Put rules in force; gives their names. Raises ConfigError, and then none is in force."""
        read = []
        for rule in rules:
            self._added += 1
            read.append(read_fault(Table("control", "faults", rule), f"added-{self._added}"))
        for fault in read:
            self._simulator.faults.add(fault)
        return [fault.name for fault in read]

    def _switch(self, name: str, body: Any) -> Any:
        if not name:
            return {"added": self.add_faults(body if isinstance(body, list) else [body])}
        if not isinstance(body, Mapping) or not isinstance(body.get("on"), bool):
            raise ValueError('expected {"on": true} or {"on": false}')
        return {"done": self._simulator.faults.switch(name, body["on"])}

    def _reset(self) -> Any:
        self._simulator.reset()
        return {"done": True}
