"""Processor time of the live state: what a listener pays to show others what it hears.

python scripts/bench/live_state.py [--seconds 60]

Sound comes in blocks of a tenth of a second, as from a microphone, but without waiting; every half
second a state is made, with its spectrogram, and written where a listener would write it. Printed
are the share of one core, that of the thread that reads the source, and the bytes of a state.
"""

import argparse
import os
import tempfile
import time
from pathlib import Path

import numpy as np

from edge.config import DEMO_BUNDLE
from edge.contract.bundle import load_bundle
from edge.pipeline.monitor import Monitor
from edge.pipeline.tally import Tally
from edge.recognition.recognizer import Recognizer
from edge.records.live_file import FLEETING_S, LiveFile
from edge.records.live_state import encoded
from edge.source.block import Block

_RATE_HZ, _BLOCK = 48_000, 4800


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seconds", type=int, default=60)
    seconds = parser.parse_args().seconds
    with tempfile.TemporaryDirectory() as folder:
        recognizer = Recognizer(load_bundle(DEMO_BUNDLE))
        monitor, file = Monitor("bench", Path(folder)), LiveFile(Path(folder), "bench")
        monitor.uses(recognizer, recognizer.bundle.manifest.audio, Tally())
        noise = np.random.default_rng(0).normal(0, 0.1, _BLOCK).astype(np.float32)
        reading_s = state_s = 0.0
        for place in range(0, seconds * _RATE_HZ, _BLOCK):
            block = Block(noise, _RATE_HZ, place, time.monotonic_ns())
            begun = time.process_time()
            monitor.sound(block)
            reading_s += time.process_time() - begun
            if (place + _BLOCK) % round(FLEETING_S * _RATE_HZ) == 0:
                begun = time.process_time()
                state = monitor.state("bench", 0.0)
                file.write(state)
                state_s += time.process_time() - begun
        size = len(encoded(state))
        file.remove()
    print(f"{os.cpu_count()} cores, {seconds} s of sound at {_RATE_HZ} Hz, {size} bytes a state")
    print(f"states, beside the listener: {state_s / seconds:.2%} of a core")
    print(f"the source's thread:         {reading_s / seconds:.3%} of a core")


if __name__ == "__main__":
    main()
