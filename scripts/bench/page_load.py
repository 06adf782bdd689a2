"""Load on the page of a running listener: open pages, and far more requests than it serves.

python scripts/bench/page_load.py [--seconds 15] [--rate 1000] [--pairs 0] [--pair-seconds 60]

A listener hears the aviary's chorus through stdin as it would come from a microphone, and serves
its page. Printed are, for each phase, the processor time of the listener and of the page's process
in per cent of a core, the resident memory of the page's process, sound that was lost, and what was
answered. An open page is a stream of events, two looks a second at the spectrogram, and one every
fifteen at the rest. Requests at a rate come from a process of its own (`offered_load.py`), which
waits for no answer.

With `--pairs` the listener's processor time with a page open is held against that without one, in
so many pairs of phases whose order alternates; the mean of the differences has a bootstrap interval
(95 %).
"""

import argparse
import asyncio
import json
import os
import subprocess
import sys
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import soundfile

ROOT = Path(__file__).parents[2]
sys.path.insert(0, str(ROOT))

from edge.config import DEMO_BUNDLE  # noqa: E402
from edge.records.live_file import live_states  # noqa: E402
from tests.support.broker import free_port, until  # noqa: E402

_RATE_HZ, _BLOCK_S, _PAGES = 48_000, 0.1, 20
_HEARD_S = (6, 12)
"""Of the chorus."""
_TICK = os.sysconf("SC_CLK_TCK")
_OFFERER = Path(__file__).with_name("offered_load.py")


@dataclass
class Phase:
    """Answers of a phase, by status, and how long they took."""

    statuses: Counter[int] = field(default_factory=Counter)
    slowest_s: float = 0.0
    offered: int = 0
    """Requests, answered or not."""
    offering_s: float = 0.0
    """Time in which they were; 0: the phase."""

    def note(self, status: int, taken_s: float) -> None:
        """An answer has come."""
        self.statuses[status] += 1
        self.offered += 1
        self.slowest_s = max(self.slowest_s, taken_s)


@dataclass
class Bench:
    """A listener, its page, and the sound that it is fed with."""

    listener: "subprocess.Popen[bytes]"
    station: Path
    port: int
    page: int = 0
    """Process of the page."""

    def seconds_of(self, process: int) -> float:
        """Processor time of a process and its threads."""
        words = Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()
        return (int(words[11]) + int(words[12])) / _TICK

    def resident_mb(self) -> float:
        """Resident memory of the page's process."""
        status = Path(f"/proc/{self.page}/status").read_text()
        return int(status.partition("VmRSS:")[2].split()[0]) / 1024

    def lost(self) -> tuple[int, float, int]:
        """Windows heard, seconds dropped, and gaps."""
        (state,) = live_states(self.station)
        return state.windows, state.dropped_s, state.gaps

    def measure(self, name: str, work: Callable[[Phase], Awaitable[None]]) -> float:
        """Run a phase and print it; the listener's processor time in per cent of a core."""
        phase, begun = Phase(), time.monotonic()
        before = [self.seconds_of(process) for process in (self.listener.pid, self.page)]
        windows, dropped_s, gaps = self.lost()
        asyncio.run(self._run(work, phase))
        length_s = time.monotonic() - begun
        after = [self.seconds_of(process) for process in (self.listener.pid, self.page)]
        heard, page = (100 * (b - a) / length_s for a, b in zip(before, after, strict=True))
        now = self.lost()
        offered = phase.offered / (phase.offering_s or length_s)
        answers = f"{offered:.0f} requests a second: " * bool(offered) + ", ".join(
            f"{n} of {code}" for code, n in sorted(phase.statuses.items())
        )
        print(
            f"{name:24} listener {heard:5.1f} %, page {page:5.1f} % of a core, "
            f"{self.resident_mb():5.1f} MB; {now[0] - windows} windows, "
            f"{now[1] - dropped_s:.1f} s dropped, {now[2] - gaps} gaps; "
            f"{answers or 'no requests'}; slowest {phase.slowest_s:.2f} s",
            flush=True,
        )
        return heard

    async def _run(self, work: Callable[[Phase], Awaitable[None]], phase: Phase) -> None:
        await work(phase)

    async def ask(self, path: str, phase: Phase, connection: "Connection") -> None:
        """Ask over a connection, which is kept or made anew."""
        begun = time.monotonic()
        status = await connection.ask(path)
        phase.note(status, time.monotonic() - begun)


class Connection:
    """A connection that is kept as long as the server keeps it."""

    def __init__(self, port: int) -> None:
        self._port = port
        self._streams: tuple[asyncio.StreamReader, asyncio.StreamWriter] | None = None

    async def ask(self, path: str) -> int:
        """The status of an answer; 0 where the server hung up."""
        try:
            self._streams = self._streams or await asyncio.open_connection("127.0.0.1", self._port)
            reader, writer = self._streams
            writer.write(f"GET {path} HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n".encode())
            head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").lower()
            await reader.readexactly(int(head.partition("content-length:")[2].split()[0]))
            if "connection: close" in head:
                self.close()
            return int(head.split()[1])
        except (OSError, asyncio.IncompleteReadError):
            self.close()
            return 0

    async def stream(self, path: str) -> int:
        """Read events until cancelled; how many bytes there were."""
        reader, writer = await asyncio.open_connection("127.0.0.1", self._port)
        self._streams = reader, writer
        writer.write(f"GET {path} HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n".encode())
        total = 0
        while chunk := await reader.read(65_536):
            total += len(chunk)
        return total

    def close(self) -> None:
        """Let it go."""
        if self._streams is not None:
            self._streams[1].close()
        self._streams = None


def idle(seconds: float) -> Callable[[Phase], Awaitable[None]]:
    """Nobody looks."""
    return lambda phase: asyncio.sleep(seconds)


def looked_at(bench: Bench, seconds: float, pages: int) -> Callable[[Phase], Awaitable[None]]:
    """Some pages are open."""

    async def page(phase: Phase) -> None:
        stream, asking = Connection(bench.port), Connection(bench.port)
        events = asyncio.create_task(stream.stream("/api/v2/detections/stream"))
        end, looks = time.monotonic() + seconds, 0
        while time.monotonic() < end:
            await bench.ask("/columns?after=0", phase, asking)
            if looks % 30 == 0:
                await bench.ask("/now", phase, asking)
                await bench.ask("/health", phase, asking)
            looks += 1
            await asyncio.sleep(0.5)
        events.cancel()
        stream.close()
        asking.close()

    async def work(phase: Phase) -> None:
        await asyncio.gather(*(page(phase) for _ in range(pages)))

    return work


def pressed(bench: Bench, seconds: float, rate: float) -> Callable[[Phase], Awaitable[None]]:
    """Requests are offered at a rate, whether they are answered or not."""

    async def work(phase: Phase) -> None:
        command = [str(_OFFERER), str(bench.port), f"--rate={rate}", f"--seconds={seconds}"]
        offerer = await asyncio.create_subprocess_exec(
            sys.executable, *command, stdout=asyncio.subprocess.PIPE
        )
        told = json.loads((await offerer.communicate())[0])
        phase.statuses = Counter({int(code): n for code, n in told["statuses"].items() if n})
        phase.offered, phase.offering_s = told["offered"], told["seconds"]
        phase.slowest_s = told["slowest_s"]

    return work


def compare(bench: Bench, seconds: float, pairs: int) -> None:
    """The listener's processor time with a page open and without, in turn, and the difference."""
    differences = []
    for pair in range(pairs):
        works = {"alone": idle(seconds), "looked at": looked_at(bench, seconds, 1)}
        order = list(works)[:: 1 if pair % 2 == 0 else -1]
        heard = {name: bench.measure(f"pair {pair + 1}, {name}", works[name]) for name in order}
        differences.append(heard["looked at"] - heard["alone"])
    drawn = np.random.default_rng(0).choice(differences, (10_000, pairs)).mean(axis=1)
    low, high = np.percentile(drawn, (2.5, 97.5))
    print(f"a page open costs the listener {np.mean(differences):+.2f} [{low:+.2f}, {high:+.2f}] % "
          f"of a core; {pairs} pairs of {seconds:g} s")  # fmt: skip


@contextmanager
def running(folder: Path) -> Iterator[Bench]:
    """A listener that is fed in real time, with its page."""
    station, port = folder / "station", free_port()
    flags = ["--station", station, "--web", f"127.0.0.1:{port}", "--bundle", "aviary"]
    command = [sys.executable, "-m", "edge", *map(str, flags), "--input", "-", "--quiet"]
    listener = subprocess.Popen(command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.DEVNULL)
    over = threading.Event()
    threading.Thread(target=_feed, args=(listener, over), daemon=True).start()
    bench = Bench(listener, station, port)
    try:
        until(lambda: live_states(station) and _page_of(listener.pid) and _answers(port), 60)
        bench.page = _page_of(listener.pid)
        yield bench
    finally:
        over.set()
        listener.terminate()
        listener.wait()


def _feed(listener: "subprocess.Popen[bytes]", over: threading.Event) -> None:
    """Some seconds of the chorus again and again: each phase hears the same."""
    begin, end = (second * _RATE_HZ for second in _HEARD_S)
    chorus, _ = soundfile.read(DEMO_BUNDLE / "chorus.flac", dtype="int16", start=begin, stop=end)
    size, begun, fed = round(_BLOCK_S * _RATE_HZ), time.monotonic(), 0
    with suppress(OSError, ValueError):
        while not over.is_set():
            place = fed * size % len(chorus)
            listener.stdin.write(chorus[place : place + size].tobytes())
            listener.stdin.flush()
            fed += 1
            time.sleep(max(begun + fed * _BLOCK_S - time.monotonic(), 0))


def _answers(port: int) -> bool:
    return asyncio.run(Connection(port).ask("/api/v2/ping")) == 200


def _page_of(parent: int) -> int:
    """Process of the page; 0: it is not there yet."""
    for folder in Path("/proc").glob("[0-9]*"):
        with suppress(OSError, IndexError):
            words = (folder / "cmdline").read_bytes().split(b"\0")
            above = (folder / "stat").read_text().rpartition(")")[2].split()[1]
            if int(above) == parent and b"web" in words:
                return int(folder.name)
    return 0


def main() -> None:
    """Run the phases."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seconds", type=float, default=15.0, help="of a phase (default 15)")
    parser.add_argument("--rate", type=float, default=1000.0, help="requests a second (1000)")
    parser.add_argument("--pairs", type=int, default=0, help="with a page open and without (0)")
    parser.add_argument("--pair-seconds", type=float, default=60.0, help="of a phase of them")
    args = parser.parse_args()
    load = Path("/proc/loadavg").read_text().split()[0]
    print(f"{os.cpu_count()} cores, load before {load}, {args.seconds:g} s a phase")
    with tempfile.TemporaryDirectory() as folder, running(Path(folder)) as bench:
        bench.measure("nobody looks", idle(args.seconds))
        bench.measure("one page", looked_at(bench, args.seconds, 1))
        bench.measure(f"{_PAGES} pages", looked_at(bench, args.seconds, _PAGES))
        pressing = pressed(bench, 2 * args.seconds, args.rate)
        bench.measure(f"{args.rate:g} requests a second", pressing)
        bench.measure("nobody looks", idle(args.seconds))
        if args.pairs:
            compare(bench, args.pair_seconds, args.pairs)


if __name__ == "__main__":
    main()
