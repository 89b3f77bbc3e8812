"""The deck in a pseudo-terminal on a fake engine: first paint, bytes a second, processor share.

    python tests/benchmarks/bench_deck.py [--seconds N]

`load` is eight finished requests a second, a snapshot a second with most figures moving, and no answer in view;
`stream` an answer of fifty chunks a second. Figures are printed, not asserted, with the load average beside them.
"""

from __future__ import annotations

import argparse
import fcntl
import os
import pty
import select
import struct
import subprocess
import sys
import termios
import threading
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
SIZES = {"80x24": (80, 24), "160x50": (160, 50)}
CLOCK_TICKS = os.sysconf("SC_CLK_TCK")


def child(scenario: str) -> int:
    """Run the deck; this is the measured process."""
    sys.path.insert(0, str(ROOT))
    from trunkline.tui import DeckOptions, run_deck

    return run_deck(
        lambda: _engine(scenario), options=DeckOptions(start_panel=4 if scenario == "stream" else 3)
    )


def _engine(scenario: str):
    import random

    from tests.support import deck_world as world
    from tests.support.fake_engine import FakeEngine

    from trunkline.domain.events import Answered, AttemptStarted, TextDelta
    from trunkline.domain.snapshot import Totals

    class Busy(FakeEngine):
        def start(self, listener):
            super().start(listener)
            self.tell(world.snapshot())
            if scenario == "load":
                threading.Thread(target=self._run_load, daemon=True).start()

        def submit(self, request, deliver):
            request_id = super().submit(request, deliver)
            threading.Thread(target=self._run_stream, args=(request_id,), daemon=True).start()
            return request_id

        def _run_load(self) -> None:
            draw = random.Random(1)
            for second in range(10_000):
                now_ms = int(time.time() * 1000)
                for number in range(8):
                    route = draw.choice((world.GOOGLE_1, world.GOOGLE_2, world.ZAI))
                    ended = world.receipt(
                        f"B{second}-{number}",
                        route=route,
                        started_at_ms=now_ms,
                        total_ms=draw.uniform(90, 4000),
                    )
                    self.announce(Answered(ended), ended.request_id, now_ms)
                    time.sleep(1 / 8)
                accounts = [
                    world.account(
                        "google",
                        f"google-{n}",
                        world.limit(amount=2000, used=draw.randrange(2000)),
                        p50_ms=draw.uniform(300, 900),
                    )
                    for n in (1, 2, 3)
                ]
                changed = (world.provider("google", *accounts), *world.snapshot().providers[1:])
                totals = Totals(answered=412 + 8 * second, rerouted=second, waiting=second % 5)
                self.tell(world.snapshot(providers=changed, totals=totals, at_ms=now_ms))

        def _run_stream(self, request_id: str) -> None:
            words = "A linear-time merge walks both lists once, `a` and **b**, and keeps the smaller head. "
            self.happen(request_id, AttemptStarted(1, world.ZAI))
            for tenth in range(10_000):
                text = "".join(words[(tenth * 5 + n) * 6 % 84 :][:6] for n in range(5))
                self.happen(request_id, TextDelta(text + ("\n\n" if tenth % 40 == 39 else "")))
                time.sleep(0.1)

    return Busy()


def measure(scenario: str, size: tuple[int, int], seconds: float) -> str:
    """Run one scenario and put its figures in a line."""
    pid, master = pty.fork()
    if pid == 0:
        os.chdir(ROOT)
        os.environ.update(TERM="xterm-256color", COLORTERM="truecolor")
        for name in ("SSH_CONNECTION", "NO_COLOR"):
            os.environ.pop(name, None)
        os.execv(  # noqa: S606 - there is nothing to shell out for
            sys.executable, [sys.executable, __file__, "--child", scenario]
        )
    began = time.monotonic()
    fcntl.ioctl(master, termios.TIOCSWINSZ, struct.pack("HHHH", size[1], size[0], 0, 0))
    painted_s = _read_until(master, "Routing log" if scenario != "stream" else "Chat", began + 10) - began
    _drain(master, 3.0)
    if scenario == "stream":
        os.write(master, b"hello\r")
        _drain(master, 2.0)
    cpu_before = _cpu_s(pid)
    counted = _drain(master, seconds)
    cpu_share = (_cpu_s(pid) - cpu_before) / seconds
    os.write(master, b"\x11")
    _drain(master, 2.0)
    os.close(master)
    _, status = os.waitpid(pid, 0)
    return (
        f"{scenario:7} first paint {painted_s:5.2f} s   {counted / seconds / 1024:6.2f} KiB/s   "
        f"cpu {cpu_share * 100:5.1f} %   exit {os.waitstatus_to_exitcode(status)}   load {os.getloadavg()[0]:.1f}"
    )


def _read_until(master: int, wanted: str, deadline: float) -> float:
    seen = ""
    while time.monotonic() < deadline:
        if select.select([master], [], [], 0.05)[0]:
            seen += os.read(master, 65536).decode("utf-8", "replace")
            if wanted in seen:
                return time.monotonic()
    raise SystemExit(f"the deck did not paint; it wrote: {seen[-2000:]!r}")


def _drain(master: int, seconds: float) -> int:
    count, end = 0, time.monotonic() + seconds
    while (left := end - time.monotonic()) > 0:
        if select.select([master], [], [], left)[0]:
            try:
                count += len(os.read(master, 65536))
            except OSError:
                break
    return count


def _cpu_s(pid: int) -> float:
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / CLOCK_TICKS


def main() -> int:
    parser = argparse.ArgumentParser()
    parser.add_argument("--seconds", type=float, default=8)
    parser.add_argument("--child")
    arguments = parser.parse_args()
    if arguments.child:
        return child(arguments.child)
    began = time.monotonic()
    subprocess.run([sys.executable, "-c", "import textual.app"], check=True)
    print(f"import textual.app alone {time.monotonic() - began:.2f} s")
    for name, size in SIZES.items():
        for scenario in ("idle", "load", "stream"):
            print(f"{name:7}", measure(scenario, size, arguments.seconds), flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
