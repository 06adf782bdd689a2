"""A day of sound through the whole listener, as fast as the machine allows.

python scripts/bench/soak.py [--hours 24] [--bundle edge/bundles/aviary] [--output soak.png]

Ten minutes of the aviary, again and again, by stdin: gate, encoder, decision, database, voice gate,
clips and their retention. Memory and open files are watched; no window may be lost.
"""

import argparse
import contextlib
import re
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import IO

import matplotlib as mpl
import matplotlib.pyplot as plt
import numpy as np

from edge.config import DEMO_BUNDLE
from edge.contract.audio_spec import AudioSpec
from edge.contract.bundle import load_bundle
from edge.records.detection import Detection
from edge.records.reader import open_records
from train.aviary.soundscape import compose
from train.birds.report import machine

mpl.use("agg")
_RATE_HZ, _BLOCK_S = 48_000, 10
_EVERY_S = 2.0
"""Between two looks at the process."""


@dataclass(frozen=True)
class Look:
    """The process at one moment."""

    hours: float
    """Of sound, fed so far."""
    rss_mb: float
    files: int


class Feeder:
    """Feeds sound until it is enough."""

    def __init__(self, pipe: IO[bytes], loop: bytes, hours: float) -> None:
        self._pipe, self._loop, self._blocks = pipe, loop, round(hours * 3600 / _BLOCK_S)
        self.fed_s = 0
        threading.Thread(target=self._feed, daemon=True).start()

    def _feed(self) -> None:
        size = 2 * _BLOCK_S * _RATE_HZ
        with contextlib.suppress(BrokenPipeError), self._pipe:
            for n in range(self._blocks):
                start = n * size % len(self._loop)
                self._pipe.write(self._loop[start : start + size])
                self.fed_s += _BLOCK_S


def looks(process: int, feeder: Feeder) -> Iterator[Look]:
    """Look until the process ends."""
    while True:
        try:
            status = Path(f"/proc/{process}/status").read_text()
            files = len(list(Path(f"/proc/{process}/fd").iterdir()))
            rss_kb = int(re.findall(r"VmRSS:\s+(\d+)", status)[0])
        except (OSError, IndexError):
            return
        yield Look(feeder.fed_s / 3600, rss_kb / 1024, files)
        time.sleep(_EVERY_S)


def soak(bundle: Path, station: Path, hours: float) -> tuple[list[Look], str]:
    """Run; what was seen, and what the listener said at its end."""
    loop = (compose(401).waveform * 32767).astype("<i2").tobytes()
    command = [sys.executable, "-m", "edge", "--input", "-", "--json", "--bundle", str(bundle)]
    with (station / "talk").open("wb") as talk, (station / "records").open("wb") as records:
        running = subprocess.Popen(
            [*command, "--station", str(station)],
            stdin=subprocess.PIPE,
            stdout=records,
            stderr=talk,
        )
        assert running.stdin
        seen = list(looks(running.pid, Feeder(running.stdin, loop, hours)))
        if running.wait():
            raise SystemExit((station / "talk").read_text()[-2000:])
    return seen, (station / "talk").read_text()


def expected_windows(hours: float, spec: AudioSpec) -> int:
    """Windows of that much sound; the last one is aligned to its end."""
    hop, window = spec.hop_samples, spec.window_samples
    samples = round(hours * 3600 / _BLOCK_S) * _BLOCK_S * spec.sample_rate_hz
    whole = (samples - window) // hop + 1
    return whole + (window + (whole - 1) * hop < samples)


def plot(seen: list[Look], output: Path) -> None:
    """Memory and open files over the day."""
    figure, axis = plt.subplots(figsize=(7, 3), layout="constrained")
    hours = [one.hours for one in seen]
    axis.plot(hours, [one.rss_mb for one in seen], label="resident memory, MiB")
    axis.plot(hours, [one.files for one in seen], label="open files")
    axis.set(xlabel="hours of sound", ylim=(0, None))
    axis.legend()
    figure.savefig(output, dpi=100)


def main() -> None:
    """Run the command."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--hours", type=float, default=24.0)
    parser.add_argument("--bundle", type=Path, default=DEMO_BUNDLE)
    parser.add_argument("--output", type=Path, default=None, help="PNG")
    args = parser.parse_args()
    begun = time.monotonic()
    with tempfile.TemporaryDirectory() as folder:
        seen, talk = soak(args.bundle, Path(folder), args.hours)
        with open_records(Path(folder)) as kept:
            records = kept.last(10_000_000)
        clips = len(list(Path(folder, "clips").rglob("*.flac")))
    windows = int(re.findall(r"(\d+) windows heard", talk)[-1])
    lost = expected_windows(args.hours, load_bundle(args.bundle).manifest.audio) - windows
    from_h = min(1.0, args.hours / 3)
    settled = [one for one in seen if one.hours >= from_h]
    speed = args.hours * 3600 / (time.monotonic() - begun)
    print(f"{machine()}; {args.bundle.name}, {args.hours:g} h at {speed:.0f} times real time")
    print(f"windows: {windows:,} heard, {lost} lost")
    told = [line for line in talk.splitlines() if "the hop is" in line or "dropped" in line]
    print(f"hop changed or sound dropped: told {len(told)} times", *told[:3], sep="\n")
    reported = sum(isinstance(record, Detection) for record in records)
    print(f"records: {reported:,} detections, {len(records) - reported:,} rejected; {clips} clips")
    hours = np.array([one.hours for one in settled])
    for name in ("rss_mb", "files"):
        values = np.array([getattr(one, name) for one in settled])
        early, late = values[hours < 2 * from_h], values[hours >= args.hours - from_h]
        print(
            f"{name}: median {np.median(early):.1f} in the hours {from_h:.3g} to {2 * from_h:.3g}, "
            f"{np.median(late):.1f} in the last; least {values.min():.1f}, most {values.max():.1f}"
        )
    if args.output:
        plot(seen, args.output)


if __name__ == "__main__":
    main()
