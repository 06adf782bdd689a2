"""Throughput of `birdlisten analyze`, beside its encoder alone on the same cores.

python scripts/bench/analysis.py [--hours 10] [--jobs 2] [--bundle DIR] [--hop S]

Recordings of ten minutes (the demo's chorus over computed noise, FLAC) are analysed by so many
workers; what decoding, resampling, gate, onset and writing cost is what lacks to the rate at which
as many processes encode windows and do nothing else. Beside it the most memory that a worker held.
"""

import argparse
import re
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import soundfile

from edge.config import DEMO_BUNDLE, PACKAGED_BUNDLE
from edge.contract.bundle import load_bundle
from train.birds.report import machine

LENGTH_S = 600
_ALONE_S = 20.0
_LOOK_S = 0.5
_TALLY = re.compile(r"(\d+) windows heard(?:, skipped (\d+))?")
_WORKER = "edge.command.worker"
_ALONE = """
import sys, time
from pathlib import Path
import numpy
from edge.contract.bundle import load_bundle
from edge.recognition.encoder import open_encoder
from edge.recognition.runtime import RuntimeOptions
bundle = load_bundle(Path(sys.argv[1]))
encoder = open_encoder(bundle, sys.argv[2], RuntimeOptions(threads=1))
noise = numpy.random.default_rng(0).standard_normal((1, encoder.window_samples)) * 0.1
noise = noise.astype(numpy.float32)
encoder.encode(noise)
print("ready", flush=True)
sys.stdin.readline()
begun, windows = time.perf_counter(), 0
while time.perf_counter() - begun < float(sys.argv[3]):
    encoder.encode(noise)
    windows += 1
print(windows / (time.perf_counter() - begun))
"""


def make_recordings(folder: Path, hours: float) -> int:
    """Recordings of that length together; their count."""
    song, rate_hz = soundfile.read(DEMO_BUNDLE / "chorus.flac", dtype="float32")
    tiled = np.tile(song, -(-LENGTH_S * rate_hz // len(song)))[: LENGTH_S * rate_hz]
    count = max(1, round(hours * 3600 / LENGTH_S))
    for number in range(count):
        noise = np.random.default_rng(number).standard_normal(len(tiled)) * 0.003
        soundfile.write(folder / f"{number:04}.flac", tiled + noise.astype(np.float32), rate_hz)
    return count


def encoder_rate(bundle: Path, precision: str, jobs: int) -> float:
    """Windows a second of so many processes that only encode."""
    command = [sys.executable, "-c", _ALONE, str(bundle), precision, str(_ALONE_S)]
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "text": True}
    running = [subprocess.Popen(command, **pipes) for _ in range(jobs)]
    for process in running:
        process.stdout.readline()
    for process in running:
        process.stdin.write("\n")
        process.stdin.flush()
    return sum(float(process.communicate()[0]) for process in running)


@contextmanager
def watched_workers() -> Iterator[dict[int, float]]:
    """Megabytes that each worker here has held at most, while the block lasts."""
    held, ended = dict[int, float](), threading.Event()

    def look() -> None:
        while not ended.wait(_LOOK_S):
            for folder in Path("/proc").glob("[0-9]*"):
                try:
                    if _WORKER.encode() in (folder / "cmdline").read_bytes():
                        held[int(folder.name)] = _peak_mb(folder)
                except (OSError, IndexError):
                    continue

    thread = threading.Thread(target=look)
    thread.start()
    try:
        yield held
    finally:
        ended.set()
        thread.join()


def encoded(said: str) -> int:
    """Windows that the gate let pass, from the last line that analyze says."""
    heard, skipped = _TALLY.findall(said)[-1]
    return int(heard) - int(skipped or 0)


def _peak_mb(folder: Path) -> float:
    status = (folder / "status").read_text()
    return int(status.split("VmHWM:")[1].split()[0]) / 1000


def main() -> None:
    """Run the command."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--hours", type=float, default=10.0)
    parser.add_argument("--jobs", type=int, default=2)
    parser.add_argument("--bundle", type=Path, default=PACKAGED_BUNDLE)
    parser.add_argument("--precision", default="int8")
    parser.add_argument("--hop", type=float, help="seconds; default: the bundle's")
    args = parser.parse_args()
    spec = load_bundle(args.bundle).manifest.audio
    hop_s = args.hop or spec.hop_samples / spec.sample_rate_hz
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary) / "card"
        folder.mkdir()
        hours = make_recordings(folder, args.hours) * LENGTH_S / 3600
        alone = encoder_rate(args.bundle, args.precision, args.jobs)
        command = [
            *(sys.executable, "-m", "edge", "analyze", str(folder)),
            *("--output", str(Path(temporary) / "out"), "--jobs", str(args.jobs)),
            *("--bundle", str(args.bundle), "--precision", args.precision, "--hop", str(hop_s)),
        ]
        begun = time.perf_counter()
        running = subprocess.Popen(
            command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True
        )
        with watched_workers() as held:
            said = running.communicate()[1]
        seconds = time.perf_counter() - begun
    if running.returncode:
        sys.exit(f"analyze has failed ({running.returncode}):\n{said}")
    windows = encoded(said)
    print(f"Machine: {machine()}. {args.jobs} workers, {args.precision}, hop {hop_s:g} s.\n")
    print("| hours | s | hours an hour | windows/s | of the encoder alone | worker, MB |")
    print("|---|---|---|---|---|---|")
    rate, per_hour = windows / seconds, hours * 3600 / seconds
    print(
        f"| {hours:.1f} | {seconds:.0f} | {per_hour:.0f} | {rate:.0f} | "
        f"{rate / alone:.2f} | {max(held.values(), default=0.0):.0f} |"
    )


if __name__ == "__main__":
    main()
