"""A provider on loopback with an account endpoint, and engines on it whose clock moves only when told to."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import tomlkit
from tests.support.check_world import KEY, Answer, Provider
from tests.support.clock import FakeClock
from tests.support.engine_world import QUICK, Told, ask, told, until
from tests.support.odd_server import Received

from trunkline.config.places import Places
from trunkline.domain.snapshot import AccountView
from trunkline.domain.state import Block
from trunkline.engine.engine import Engine
from trunkline.engine.settings import EngineSettings

HOUR_MS = 3_600_000
CHAT = "/v1/chat/completions"
QUOTA = "/api/monitor/usage/quota/limit"
BALANCE = "/v1/users/me/balance"
ANSWER: Answer = (
    200,
    {
        "id": "c",
        "model": "m",
        "choices": [
            {"index": 0, "message": {"role": "assistant", "content": "Yes."}, "finish_reason": "stop"}
        ],
        "usage": {"prompt_tokens": 5, "completion_tokens": 1},
    },
)
NOT_NOW: Answer = (503, {"error": {"message": "try later"}})
_BEIJING = timedelta(hours=8)


def plan(*used: tuple[float, int]) -> Answer:
    """Z.AI's quota: a used percent and an epoch of the reset for each window, the first of five hours, then a week."""
    windows = [
        {
            "type": "TOKENS_LIMIT",
            "unit": unit,
            "number": number,
            "percentage": percent,
            "nextResetTime": at_ms,
        }
        for (percent, at_ms), (unit, number) in zip(used, ((3, 5), (6, 1)), strict=False)
    ]
    return 200, {"code": 200, "msg": "ok", "success": True, "data": {"limits": windows}}


def plan_used_up(resets_at_ms: int, window: str = "5 hour") -> Answer:
    """Z.AI's refusal for want of a plan's window; the time is Beijing's."""
    at = datetime.fromtimestamp(resets_at_ms / 1000, UTC) + _BEIJING
    text = f"Usage limit reached for {window}. Your limit will reset at {at:%Y-%m-%d %H:%M:%S}"
    return 429, {"error": {"code": "1308", "message": text}}


def balance(amount: float) -> Answer:
    """Moonshot's balance."""
    return 200, {"code": 0, "data": {"available_balance": amount, "voucher_balance": 0}, "status": True}


OUT_OF_CREDIT: Answer = (
    429,
    {"error": {"type": "exceeded_current_quota_error", "message": "suspended due to insufficient balance"}},
)


@dataclass
class ReportWorld:
    """`chat` and `report` are what calls and the account endpoint are answered with now."""

    home: Path
    clock: FakeClock
    path: str
    chat: Answer | Callable[[Received], Answer] = ANSWER
    report: Answer | Callable[[Received], Answer] = NOT_NOW
    draw: float = 0.5
    catalogue: str = ""
    environ: dict[str, str] = field(default_factory=dict)
    provider: Provider = field(init=False)

    def open(self, *, long_lived: bool = False, name: str = "test") -> Engine:
        """Another engine on the same store, as another process would have it; whoever asks closes it."""
        settings = self.settings(long_lived=long_lived, name=name)
        return Engine.open(settings, clock=self.clock, draw=lambda: self.draw)

    def settings(self, *, long_lived: bool = False, name: str = "test") -> EngineSettings:
        """What its engines are opened with."""
        return EngineSettings(
            Places(self.home, self.home, self.home),
            self.environ,
            name,
            base_providers_text=self.catalogue,
            long_lived=long_lived,
        )

    @property
    def calls(self) -> int:
        """Real requests that arrived."""
        return len(self.provider.asked(CHAT))

    @property
    def askings(self) -> int:
        """Calls to the account endpoint that arrived."""
        return len(self.provider.asked(self.path))

    async def run(self, engine: Engine) -> Told:
        """A request that does not wait long."""
        return await told(engine.submit(ask(stream=False)))

    async def pass_by(self, duration_ms: int, step_ms: int = 250) -> None:
        """Let time pass, in steps between which everybody who is woken does what is to be done."""
        for _ in range(max(1, duration_ms // step_ms)):
            self.clock.advance(step_ms)
            for _ in range(8):
                await asyncio.sleep(0)

    async def pass_until(self, condition: Callable[[], object], at_most_ms: int = 4_000) -> None:
        """Let time pass until `condition` holds; sockets and threads get time to do theirs."""
        for _ in range(at_most_ms // 50):
            if condition():
                return
            self.clock.advance(50)
            await asyncio.sleep(0.002)
        await until(condition)

    async def skip_to(self, at_ms: int) -> None:
        """Let time pass until then, at once."""
        self.clock.advance(at_ms - self.clock.wall_ms())
        await asyncio.sleep(0)


def block_of(engine: Engine) -> Block | None:
    """What keeps the account from being called."""
    return view(engine).block


def view(engine: Engine) -> AccountView:
    """The account as panels show it."""
    return engine.snapshot().providers[0].accounts[0]


@asynccontextmanager
async def report_world(
    home: Path,
    self_report: str = "zai",
    *,
    path: str = QUOTA,
    billing: str = "subscription",
    **table: Any,
) -> AsyncIterator[ReportWorld]:
    """A provider `p` with an account endpoint of that kind at `path`."""
    clock = FakeClock()
    world = ReportWorld(home, clock, path)
    answers: dict[str, Any] = {
        CHAT: lambda request: world.chat(request) if callable(world.chat) else world.chat,
        path: lambda request: world.report(request) if callable(world.report) else world.report,
    }
    usual = {
        "quirks": {"self_report": self_report, "zone": "Asia/Shanghai"},
        "billing": billing,
        "accounts": [{"id": "main", "key": "env:P_KEY"}],
    }
    world.provider = Provider(answers, usual | table)
    (home / "preferences.toml").write_text(QUICK)
    async with world.provider.server:
        world.catalogue = tomlkit.dumps({"providers": {"p": world.provider.catalogue("p")}})
        world.environ = {"P_KEY": KEY}
        yield world


def in_(hours: float, clock: FakeClock) -> int:
    """The moment so many hours from now, epoch ms."""
    return clock.wall_ms() + round(hours * HOUR_MS)
