"""Pause of a running listener while its gallery is replaced, again and again.

python scripts/bench/gallery_swap.py [--rows 10000] [--swaps 20] [--every 3]

A listener hears the aviary's chorus in real time, in blocks of 10 ms, with a random gallery around
the packaged bundle's. Another process replaces the gallery by one with a row less, and back. Told
is how long the thread of inference was busy with a block: usually (the median of those that
complete a window which passes the gate), and at most in each swap's time; the difference is the
pause. Sound that lies in no window would be lost. Ends with 1 if a pause is above 50 ms, or sound
was lost.
"""

import argparse
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import soundfile

ROOT = Path(__file__).parents[2]
sys.path[:0] = [str(ROOT), str(Path(__file__).parent)]

from large_gallery import build  # noqa: E402

from edge.command.live import _load  # noqa: E402
from edge.config import DEMO_BUNDLE, Settings  # noqa: E402
from edge.contract.bundle import load_bundle  # noqa: E402
from edge.contract.editing import kept, put_gallery  # noqa: E402
from edge.contract.manifest import load_manifest  # noqa: E402
from edge.pipeline.builder import Origin  # noqa: E402
from edge.pipeline.decider import Run  # noqa: E402
from edge.pipeline.reload import BundleReloader  # noqa: E402
from edge.recognition.recognizer import WindowScores  # noqa: E402
from edge.source.block import Block  # noqa: E402
from edge.source.framing import Window  # noqa: E402
from edge.system.machine import processor  # noqa: E402
from edge.system.process import ONE_THREAD  # noqa: E402

_RATE_HZ, _BLOCK, _FIRST_S, _MOST_MS = 48_000, 480, 10.0, 50.0
_HEARD_S = (6, 12)
"""Of the chorus."""
_PICTURES = 10
"""A species."""


@dataclass
class Heard:
    """The course of a run: blocks with the time that they took, windows, swaps."""

    busy: list[tuple[float, float]] = field(default_factory=list)
    """Moment at which a block was handed out, and seconds until the next was asked for."""
    passed: list[float] = field(default_factory=list)
    """Moments at which windows were heard that pass the gate."""
    count: int = 0
    """Of all windows."""
    swaps: list[float] = field(default_factory=list)
    """Moments from which another gallery listens."""
    uncovered: int = 0
    """Samples between two windows."""
    end: int = 0
    """Of the newest window."""

    def alive(self, status: object) -> None:
        """Nobody watches here."""

    def window(
        self,
        window: Window,
        scores: WindowScores | None,
        open_runs: Callable[[], Sequence[tuple[Run, bool]]],
    ) -> None:
        """Note a window."""
        self.count += 1
        if scores is not None:
            self.passed.append(time.monotonic())
        self.uncovered += max(window.start_sample - self.end, 0)
        self.end = max(self.end, window.end_sample)

    def sound(self, seconds: float) -> Iterator[Block]:
        """Some seconds of the chorus again and again, in real time."""
        begin, end = (second * _RATE_HZ for second in _HEARD_S)
        chorus, _ = soundfile.read(
            DEMO_BUNDLE / "chorus.flac", dtype="float32", start=begin, stop=end
        )
        begun = time.monotonic()
        for n in range(round(seconds * _RATE_HZ / _BLOCK)):
            time.sleep(max(begun + n * _BLOCK / _RATE_HZ - time.monotonic(), 0))
            place, given = n * _BLOCK % len(chorus), time.monotonic()
            yield Block(chorus[place : place + _BLOCK], _RATE_HZ, n * _BLOCK)
            self.busy.append((given, time.monotonic() - given))

    def usual_ms(self, before: float) -> float:
        """Median time of a block that completes a window, before a moment."""
        moments = np.array([moment for moment in self.passed if moment < before])
        starts = np.array([begun for begun, _ in self.busy])
        places = np.searchsorted(starts, moments) - 1
        return 1000 * float(np.median([self.busy[place][1] for place in places]))

    def longest_ms(self, begin: float, end: float) -> float:
        """The longest time of a block between two moments."""
        return 1000 * max(busy for moment, busy in self.busy if begin <= moment < end)


def swap(folder: Path, count: int, every_s: float) -> None:
    """Replace the gallery of a bundle by one with a row less, and back."""
    whole = load_bundle(folder).gallery
    less = kept(whole, [len(whole.table) - 1])
    for n in range(count):
        time.sleep(every_s)
        put_gallery(folder, load_manifest(folder), whole if n % 2 else less)


def listen(folder: Path, station: Path, seconds: float) -> Heard:
    """Listen while another process swaps."""
    settings = Settings(bundle=str(folder), station=str(station), threads=1)
    heard = Heard()
    reloader = BundleReloader(folder, lambda: _load(settings), heard)
    for listener, blocks in reloader.listeners(heard.sound(seconds)):
        heard.swaps.append(time.monotonic())
        for _ in listener.listen(blocks, Origin("bench", "bench", live=True), monitor=heard):
            pass
    return heard


def main() -> int:
    """Run the command."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rows", type=int, default=10_000)
    parser.add_argument("--swaps", type=int, default=20)
    parser.add_argument("--every", type=float, default=3.0, help="seconds (3)")
    parser.add_argument("--swap", type=Path, help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.swap:
        swap(args.swap, args.swaps, args.every)
        return 0
    load = Path("/proc/loadavg").read_text().split()[0]
    print(f"{processor()}, {os.cpu_count()} cores, load before {load}; {args.rows} rows")
    with tempfile.TemporaryDirectory() as place:
        folder = build(Path(place) / "bundle", [_PICTURES] * (args.rows // _PICTURES))
        begun, length_s = time.monotonic(), _FIRST_S + (args.swaps + 3) * args.every
        words = ["--swap", folder, "--swaps", args.swaps, "--every", args.every]
        delayed = f"sleep {_FIRST_S}; exec {sys.executable} {__file__} {' '.join(map(str, words))}"
        swapper = subprocess.Popen(delayed, shell=True)
        heard = listen(folder, Path(place) / "station", length_s)
        assert swapper.wait() == 0
    usual_ms = heard.usual_ms(begun + _FIRST_S)
    swaps = heard.swaps[1:]
    if not swaps:
        sys.exit("not one swap was seen: the listener heard nothing new; give more --swaps")
    pauses = [heard.longest_ms(at - args.every, at + args.every / 2) - usual_ms for at in swaps]
    print(f"{len(swaps)} swaps: pause {np.median(pauses):.0f} ms, at most {max(pauses):.0f} ms "
          f"(limit {_MOST_MS:g}); a window usually {usual_ms:.0f} ms, at most without a swap "
          f"{heard.longest_ms(begun, begun + _FIRST_S):.0f} ms; {heard.count} windows, "
          f"{heard.uncovered} samples in none of them")  # fmt: skip
    return int(max(pauses) > _MOST_MS or heard.uncovered > 0 or len(swaps) < args.swaps)


if __name__ == "__main__":
    os.environ.update(ONE_THREAD)
    sys.exit(main())
