"""The deck in a pseudo-terminal on a fake engine: first paint, bytes a second, processor share, answers to keys, a
long answer, memory.

    python tests/benchmarks/bench_deck.py [--seconds N] [SCENARIO …]

idle      nothing happens
load      eight finished requests a second, a snapshot a second with most figures moving, no answer in view
stream    an answer of fifty chunks a second in view
sparing   idle, load and stream in low-bandwidth mode
keys      from a key to its effect on the screen, with 100 accounts and 50 log lines a second
long      an answer of 20,000 tokens at fifty chunks a second: processor time a chunk at its start and at its end,
          and how long after its last chunk the receipt is there
memory    resident memory while 100,000 requests end

Figures are printed, not asserted, with the load average beside them. Aims at 80x24: idle 1 KiB/s and 1 % of a
processor, load 12, stream 60, sparing 4 and 16; a key 100 ms; first paint 1.5 s.
"""

from __future__ import annotations

import argparse
import fcntl
import os
import pty
import select
import statistics
import struct
import subprocess
import sys
import termios
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
SIZES = {"80x24": (80, 24), "160x50": (160, 50)}
CLOCK_TICKS = os.sysconf("SC_CLK_TCK")
TOKENS_A_CHUNK, CHUNKS_A_SECOND, ANSWER_TOKENS = 8, 50, 20_000
FLOOD = 100_000
PROSE = "A linear-time merge walks both lists once, `a` and **b**, and keeps the smaller head. "


# -- the measured process ---------------------------------------------------------------------------------------


def child(scenario: str, sparing: bool) -> int:
    """Run the deck on the scenario's engine."""
    sys.path.insert(0, str(ROOT))
    from trunkline.tui import DeckOptions, run_deck

    panel = {"stream": 4, "long": 4, "keys": 1}.get(scenario, 3)
    options = DeckOptions(start_panel=panel, low_bandwidth=sparing)
    return run_deck(lambda: _engine(scenario), options=options)


def _engine(scenario: str):
    import random

    from tests.support import deck_world as world
    from tests.support.fake_engine import FakeEngine

    from trunkline.domain.events import Answered, AttemptStarted, TextDelta
    from trunkline.domain.snapshot import Totals

    class Busy(FakeEngine):
        def start(self, listener):
            super().start(listener)
            self.tell(world.snapshot(providers=_many()) if scenario == "keys" else world.snapshot())
            work = {"load": self._run_load, "keys": self._run_keys, "memory": self._run_flood}.get(scenario)
            if work is not None:
                threading.Thread(target=work, daemon=True).start()

        def submit(self, request, deliver):
            request_id = super().submit(request, deliver)
            work = self._run_long if scenario == "long" else self._run_stream
            threading.Thread(target=work, args=(request_id,), daemon=True).start()
            return request_id

        def _end(self, request_id: str, draw) -> None:
            now_ms = int(time.time() * 1000)
            route = draw.choice((world.GOOGLE_1, world.GOOGLE_2, world.ZAI))
            ended = world.receipt(
                request_id, route=route, started_at_ms=now_ms, total_ms=draw.uniform(90, 4000)
            )
            self.announce(Answered(ended), ended.request_id, now_ms)

        def _run_load(self) -> None:
            draw = random.Random(1)
            for second in range(10_000):
                for number in range(8):
                    self._end(f"B{second}-{number}", draw)
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
                at_ms = int(time.time() * 1000)
                self.tell(world.snapshot(providers=changed, totals=totals, at_ms=at_ms))

        def _run_keys(self) -> None:
            draw = random.Random(1)
            for number in range(1_000_000):
                self._end(f"K{number}", draw)
                if number % 50 == 0:
                    self.tell(world.snapshot(providers=_many(draw), at_ms=int(time.time() * 1000)))
                time.sleep(1 / 50)

        def _run_flood(self) -> None:
            draw = random.Random(1)
            for number in range(FLOOD):
                self._end(f"F{number:06}", draw)
                if number % 100 == 99:
                    totals = Totals(answered=number + 1)
                    self.tell(world.snapshot(totals=totals, at_ms=int(time.time() * 1000)))
                    time.sleep(0.01)

        def _run_stream(self, request_id: str) -> None:
            self.happen(request_id, AttemptStarted(1, world.ZAI))
            for tenth in range(10_000):
                text = "".join(PROSE[(tenth * 5 + n) * 6 % 84 :][:6] for n in range(5))
                self.happen(request_id, TextDelta(text + ("\n\n" if tenth % 40 == 39 else "")))
                time.sleep(0.1)

        def _run_long(self, request_id: str) -> None:
            self.happen(request_id, AttemptStarted(1, world.ZAI))
            text = PROSE * 8
            size, began_s = TOKENS_A_CHUNK * 4, time.monotonic()
            for number in range(ANSWER_TOKENS // TOKENS_A_CHUNK):
                at = number * size % (len(text) - size)
                paragraph = "\n\n" if number % 60 == 59 else ""
                self.happen(request_id, TextDelta(text[at : at + size] + paragraph))
                time.sleep(max(0.0, began_s + (number + 1) / CHUNKS_A_SECOND - time.monotonic()))
            self.happen(request_id, Answered(world.receipt(request_id)))

    def _many(draw=None):
        accounts = [
            world.account(
                "google",
                f"google-{n}",
                world.limit(amount=2000, used=draw.randrange(2000) if draw else n),
            )
            for n in range(1, 101)
        ]
        return (world.provider("google", *accounts),)

    return Busy()


# -- measuring --------------------------------------------------------------------------------------------------


@dataclass
class Terminal:
    """A deck in a pseudo-terminal."""

    pid: int
    master: int
    began_s: float

    @classmethod
    def open(cls, scenario: str, size: tuple[int, int], *, sparing: bool = False) -> Terminal:
        began_s = time.monotonic()
        pid, master = pty.fork()
        if pid == 0:
            os.chdir(ROOT)
            os.environ.update(TERM="xterm-256color", COLORTERM="truecolor")
            for name in ("SSH_CONNECTION", "NO_COLOR"):
                os.environ.pop(name, None)
            arguments = [sys.executable, __file__, "--child", scenario, *(["--sparing"] if sparing else [])]
            os.execv(sys.executable, arguments)  # noqa: S606 - there is nothing to shell out for
        fcntl.ioctl(master, termios.TIOCSWINSZ, struct.pack("HHHH", size[1], size[0], 0, 0))
        return cls(pid, master, began_s)

    def read_until(self, wanted: str, seconds: float = 15) -> float:
        """Seconds since the start until `wanted` was written."""
        seen, deadline = "", time.monotonic() + seconds
        while time.monotonic() < deadline:
            if select.select([self.master], [], [], 0.02)[0]:
                seen = seen[-4000:] + os.read(self.master, 65536).decode("utf-8", "replace")
                if wanted in seen:
                    return time.monotonic() - self.began_s
        raise SystemExit(f"the deck did not show {wanted!r}; it wrote: {seen[-2000:]!r}")

    def drain(self, seconds: float, also: Callable[[bytes], None] = lambda _: None) -> int:
        """How many bytes it wrote in that time."""
        count, end = 0, time.monotonic() + seconds
        while (left := end - time.monotonic()) > 0:
            if select.select([self.master], [], [], left)[0]:
                try:
                    written = os.read(self.master, 65536)
                except OSError:
                    break
                count += len(written)
                also(written)
        return count

    def type(self, keys: bytes) -> None:
        os.write(self.master, keys)

    def cpu_s(self) -> float:
        fields = Path(f"/proc/{self.pid}/stat").read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / CLOCK_TICKS

    def resident_mib(self) -> float:
        pages = int(Path(f"/proc/{self.pid}/statm").read_text().split()[1])
        return pages * os.sysconf("SC_PAGE_SIZE") / 2**20

    def close(self) -> int:
        """Leave by the key; gives the exit code."""
        self.type(b"\x11")
        self.drain(2.0)
        os.close(self.master)
        return os.waitstatus_to_exitcode(os.waitpid(self.pid, 0)[1])


def measure_traffic(scenario: str, size: tuple[int, int], seconds: float, *, sparing: bool) -> str:
    """First paint, bytes a second and processor share of one scenario."""
    terminal = Terminal.open(scenario, size, sparing=sparing)
    painted_s = terminal.read_until("Chat" if scenario == "stream" else "Routing log")
    terminal.drain(3.0)
    if scenario == "stream":
        terminal.type(b"hello\r")
        terminal.drain(2.0)
    cpu_before_s = terminal.cpu_s()
    counted = terminal.drain(seconds)
    cpu_share = (terminal.cpu_s() - cpu_before_s) / seconds
    return (
        f"first paint {painted_s:5.2f} s   {counted / seconds / 1024:6.2f} KiB/s   "
        f"cpu {cpu_share * 100:5.1f} %   exit {terminal.close()}"
    )


def measure_keys(size: tuple[int, int]) -> str:
    """From a key to its effect: the line below the list names the account under the cursor."""
    import pyte

    screen = pyte.Screen(*size)
    stream = pyte.ByteStream(screen)
    terminal = Terminal.open("keys", size)
    terminal.drain(4.0, stream.feed)
    taken_ms: list[float] = []
    for number in range(2, 42):
        wanted = f"google/google-{number}:"
        if number == 2:
            terminal.type(b"j")
            terminal.drain(0.5, stream.feed)
        began_s = time.monotonic()
        terminal.type(b"j")
        while not any(f"google/google-{number}:" in line for line in screen.display):
            if time.monotonic() - began_s > 5:
                raise SystemExit(f"no {wanted} on the screen:\n" + "\n".join(screen.display))
            if select.select([terminal.master], [], [], 0.001)[0]:
                stream.feed(os.read(terminal.master, 65536))
        taken_ms.append((time.monotonic() - began_s) * 1000)
        terminal.drain(0.07, stream.feed)
    code = terminal.close()
    taken_ms.sort()
    return (
        f"a key's effect after p50 {statistics.median(taken_ms):.0f} ms, p95 {taken_ms[-3]:.0f} ms, "
        f"at most {taken_ms[-1]:.0f} ms   exit {code}"
    )


def measure_long(size: tuple[int, int]) -> str:
    """Processor time a chunk at the beginning and the end of a long answer."""
    terminal = Terminal.open("long", size)
    terminal.read_until("Chat")
    terminal.drain(3.0)
    terminal.type(b"hello\r")
    seconds = ANSWER_TOKENS / TOKENS_A_CHUNK / CHUNKS_A_SECOND
    terminal.drain(1.0)
    shares: list[float] = []
    for _ in range(int(seconds / 5) - 1):
        before_s = terminal.cpu_s()
        terminal.drain(5.0)
        shares.append((terminal.cpu_s() - before_s) / (5 * CHUNKS_A_SECOND) * 1000)
    left_s = seconds - 1 - 5 * len(shares)
    terminal.drain(max(0.0, left_s - 0.5))
    began_s = time.monotonic()
    terminal.read_until("tok", 30)
    behind_s = time.monotonic() - began_s - 0.5
    return (
        f"processor ms a chunk by 5 s: {' '.join(f'{share:.1f}' for share in shares)}; "
        f"last/first {shares[-1] / shares[0]:.2f}; receipt {behind_s:.1f} s after the last chunk   "
        f"exit {terminal.close()}"
    )


def measure_memory(size: tuple[int, int]) -> str:
    """Resident memory while requests end."""
    terminal = Terminal.open("memory", size)
    terminal.read_until("Routing log")
    points: list[str] = []
    for _ in range(12):
        terminal.drain(5.0)
        points.append(f"{terminal.resident_mib():.0f}")
    return (
        f"resident MiB every 5 s while {FLOOD:,} requests end: {' '.join(points)}   exit {terminal.close()}"
    )


def main() -> int:
    parser = argparse.ArgumentParser()
    parser.add_argument("scenarios", nargs="*", default=[])
    parser.add_argument("--seconds", type=float, default=8)
    parser.add_argument("--child")
    parser.add_argument("--sparing", action="store_true")
    arguments = parser.parse_args()
    if arguments.child:
        return child(arguments.child, arguments.sparing)
    wanted = arguments.scenarios or ["idle", "load", "stream", "sparing", "keys", "long", "memory"]
    began_s = time.monotonic()
    subprocess.run([sys.executable, "-c", "import textual.app"], check=True)
    print(f"import textual.app alone {time.monotonic() - began_s:.2f} s")
    for name, size in SIZES.items():
        for scenario in ("idle", "load", "stream"):
            for sparing in (False, True):
                if ("sparing" if sparing else scenario) in wanted:
                    label = f"{scenario}, sparing" if sparing else scenario
                    _print(name, label, measure_traffic(scenario, size, arguments.seconds, sparing=sparing))
    for scenario, measure in (("keys", measure_keys), ("long", measure_long), ("memory", measure_memory)):
        if scenario in wanted:
            _print("80x24", scenario, measure(SIZES["80x24"]))
    return 0


def _print(size: str, scenario: str, figures: str) -> None:
    print(f"{size:7} {scenario:15} {figures}   load {os.getloadavg()[0]:.1f}", flush=True)


if __name__ == "__main__":
    sys.exit(main())
