"""`python -m trunkline.simulator`: play a description in a process of its own until its parent goes away."""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import gc
import json
import os
import signal
import sys
import threading
from pathlib import Path
from typing import TYPE_CHECKING

from trunkline.domain.errors import ConfigError

if TYPE_CHECKING:
    from trunkline.simulator.server import Simulator


def main() -> int:
    """Listen, say so in one line of JSON on stdout, and serve until stdin closes or a signal comes."""
    parser = argparse.ArgumentParser(prog="trunkline.simulator", description=__doc__)
    parser.add_argument("--config", type=Path, required=True, help="TOML description of the providers")
    parser.add_argument("--port", type=int, default=0, help="port on the loopback interface (0: any)")
    parser.add_argument(
        "--seed", type=int, default=None, help="of every random draw, instead of the description's"
    )
    parser.add_argument("--speed", type=float, default=1.0, help="how many seconds of the story pass in one")
    arguments = parser.parse_args()
    if arguments.speed <= 0:
        parser.error("--speed must be above 0")
    gc.disable()  # nothing made while importing is garbage
    from trunkline.simulator.loading import load_description
    from trunkline.simulator.server import Simulator

    gc.freeze()
    gc.enable()
    try:
        description = load_description(arguments.config)
    except ConfigError as error:
        sys.stderr.write(f"{error}\n")
        return 2
    asyncio.run(_serve(Simulator(description, seed=arguments.seed, speed=arguments.speed), arguments.port))
    return 0


async def _serve(simulator: Simulator, port: int) -> None:
    stopped = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stopped.set)
    listening_on = await simulator.start(port)
    line = json.dumps({"event": "listening", "port": listening_on, "pid": os.getpid()})
    sys.stdout.write(line + "\n")
    sys.stdout.flush()
    threading.Thread(target=_watch_stdin, args=(loop, stopped), daemon=True).start()
    await stopped.wait()
    await simulator.stop()


def _watch_stdin(loop: asyncio.AbstractEventLoop, stopped: asyncio.Event) -> None:
    """The parent holds the other end of stdin; when it closes, the parent is gone."""
    with contextlib.suppress(OSError, RuntimeError):
        while os.read(0, 4096):
            pass
        loop.call_soon_threadsafe(stopped.set)


if __name__ == "__main__":
    sys.exit(main())
