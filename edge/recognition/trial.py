"""One setting of the encoder, measured in a process of its own, for `birdlisten bench`.

Prints one JSON object. Memory and load time are only true in a fresh process.
"""

import json
import resource
import statistics
import sys
import time
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np

from edge.contract.bundle import load_bundle
from edge.contract.errors import BirdlistenError
from edge.recognition.encoder import open_encoder
from edge.recognition.runtime import RuntimeOptions

_LEVEL = 0.1


@dataclass(frozen=True)
class BenchTrial:
    """Cost of one setting."""

    precision: str
    provider: str
    """What was really got."""
    threads: int
    load_s: float
    """From a checked file to the first embedding."""
    window_ms: float
    """Median time of one window."""
    cpu_ms: float
    """Time of all processors for one window."""
    rss_mb: float
    """Most memory that the process ever held."""


def measure(bundle_path: Path, precision: str, runtime: RuntimeOptions, windows: int) -> BenchTrial:
    """Load an encoder and embed noise, one window at a time as a listener does.

    Raises:
        BirdlistenError: bundle, precision or provider can't be used.
    """
    bundle = load_bundle(bundle_path)
    begun = time.perf_counter()
    encoder = open_encoder(bundle, precision, runtime)
    load_s = time.perf_counter() - begun
    noise = np.random.default_rng(0).standard_normal((1, encoder.window_samples))
    waveform = (_LEVEL * noise).astype(np.float32)
    encoder.encode(waveform)
    used, times = time.process_time(), []
    for _ in range(windows):
        begun = time.perf_counter()
        encoder.encode(waveform)
        times.append(time.perf_counter() - begun)
    cpu_s = (time.process_time() - used) / windows
    return BenchTrial(
        precision=precision,
        provider=encoder.provider,
        threads=runtime.threads,
        load_s=round(load_s, 3),
        window_ms=round(1000 * statistics.median(times), 3),
        cpu_ms=round(1000 * cpu_s, 3),
        rss_mb=round(peak_mb(), 1),
    )


def peak_mb() -> float:
    """Most memory that this process ever held, in MiB."""
    try:
        lines = Path("/proc/self/status").read_text(encoding="ascii").splitlines()
        return int(next(line for line in lines if line.startswith("VmHWM")).split()[1]) / 1024
    except (OSError, StopIteration):
        # What the parent held when it started this one counts here, too.
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def main(bundle: str, precision: str, provider: str, threads: str, windows: str) -> int:
    """Measure; 1 and one line on stderr if that can't be done."""
    try:
        found = measure(
            Path(bundle), precision, RuntimeOptions(provider, int(threads)), int(windows)
        )
    except BirdlistenError as error:
        print(error, file=sys.stderr)
        return 1
    print(json.dumps(asdict(found)))
    return 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
