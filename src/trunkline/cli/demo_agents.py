"""The demo's agents: their schedule run through the engine, as a gateway would."""

from __future__ import annotations

import asyncio

from trunkline.cli.demo_world import DemoWorld
from trunkline.domain.messages import ChatRequest, Hints, Message, Role
from trunkline.domain.receipts import Outcome, Receipt
from trunkline.domain.tasks import Origin, OriginKind
from trunkline.engine.api import RequestHandle
from trunkline.engine.engine import Engine
from trunkline.engine.host import EngineHost
from trunkline.simulator.agents import AgentPrompt, agent_schedule

_STORY_SECONDS = 60.0


async def run_agents(
    engine: Engine, finished: list[Receipt], *, seed: int, seconds: float, speed: float
) -> None:
    """Run the whole schedule in `seconds` and wait for every answer. Receipts are added to `finished` as requests
    end; one that is cancelled is not."""
    loop = asyncio.get_running_loop()
    began_s = loop.time()
    async with asyncio.TaskGroup() as group:
        for prompt in agent_schedule(seed, seconds, speed):
            await asyncio.sleep(max(0.0, began_s + prompt.at_s - loop.time()))
            group.create_task(_collect(engine.submit(_request(prompt)), finished))


async def _collect(handle: RequestHandle, finished: list[Receipt]) -> None:
    receipt = (await handle.answer()).receipt
    if receipt.outcome is not Outcome.CANCELLED:
        finished.append(receipt)


class DemoHost(EngineHost):
    """The demo's engine, with its agents at work until it closes. Closing it closes the demo's world too: a deck
    that has lost its terminal closes its engine and gets to do nothing else."""

    def __init__(self, world: DemoWorld, *, seed: int) -> None:
        settings = world.settings()
        super().__init__(lambda: Engine.open(settings))
        self._world = world
        self.run_beside(lambda engine: _start_agents(engine, seed=seed))

    def close(self, timeout_s: float = 3.0) -> None:
        """See `HostedEngine.close`."""
        super().close(timeout_s)
        self._world.close()


def _start_agents(engine: Engine, *, seed: int) -> None:
    task = asyncio.get_running_loop().create_task(_work_for_ever(engine, seed))
    engine.on_close(task.cancel)


async def _work_for_ever(engine: Engine, seed: int) -> None:
    loop = asyncio.get_running_loop()
    while True:
        began_s = loop.time()
        for prompt in agent_schedule(seed, _STORY_SECONDS, 1.0):
            await asyncio.sleep(max(0.0, began_s + prompt.at_s - loop.time()))
            engine.submit(_request(prompt))
        await asyncio.sleep(max(0.0, began_s + _STORY_SECONDS - loop.time()))
        seed += 1


def _request(prompt: AgentPrompt) -> ChatRequest:
    return ChatRequest(
        messages=(Message.of(Role.USER, prompt.prompt),),
        origin=Origin(OriginKind.GATEWAY, prompt.agent_name),
        hints=Hints(task_type=prompt.task_hint),
        priority=prompt.priority,
        stream=prompt.stream,
    )
