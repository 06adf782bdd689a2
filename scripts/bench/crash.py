"""The listener killed at random moments: what it had said must be there, and nothing half written.

python scripts/bench/crash.py [--times 200] [--seed 0]

Every run is fed with the demo's chorus as fast as it takes it, and killed (SIGKILL) at a moment
chosen by chance. A printed detection is an acknowledged one.
"""

import argparse
import contextlib
import json
import os
import subprocess
import sys
import tempfile
import threading
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO

import numpy as np
import soundfile
from PIL import Image

from edge.config import DEMO_BUNDLE
from edge.records.detection import Detection
from edge.records.store import Store
from train.birds.report import machine

_LONGEST_S = 4.0


@dataclass
class Found:
    """Findings after all the kills."""

    told: list[str] = field(default_factory=list)
    clips: int = 0
    broken: list[str] = field(default_factory=list)
    unfinished: int = 0


def kill_once(station: Path, pcm: bytes, after_s: float) -> list[str]:
    """Run and kill; the ids of the detections that were printed."""
    command = [sys.executable, "-m", "edge", "--input", "-", "--json", "--voices", "keep"]
    running = subprocess.Popen(
        [*command, "--bundle", str(DEMO_BUNDLE), "--station", str(station)],
        env={**os.environ, "BIRDLISTEN_FREE_MB": "0"},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
    )
    assert running.stdin
    assert running.stdout
    threading.Thread(target=_feed, args=(running.stdin, pcm), daemon=True).start()
    time.sleep(after_s)
    running.kill()
    lines = running.stdout.read().split(b"\n")[:-1]  # a line without its end was not told
    running.wait()
    return [json.loads(line)["id"] for line in lines]


def _feed(pipe: IO[bytes], pcm: bytes) -> None:
    with contextlib.suppress(OSError), pipe:
        while True:
            pipe.write(pcm)


def look(station: Path, found: Found) -> None:
    """Open the database, and every clip and spectrogram."""
    store = Store(station)
    kept = {one.id for one in store.last(10_000_000) if isinstance(one, Detection)}
    store.close()
    found.broken += [f"lost: {one}" for one in found.told if one not in kept]
    for path in (station / "clips").glob("*/*"):
        found.unfinished += path.name.startswith(".")
        found.clips += path.suffix == ".flac"
        try:
            _open(path)
        except (soundfile.LibsndfileError, OSError) as error:
            found.broken.append(f"{path.name}: {error}")


def _open(path: Path) -> None:
    if path.name.startswith("."):
        return
    if path.suffix == ".flac":
        with soundfile.SoundFile(path) as file:
            if len(file.read()) != file.frames:
                raise OSError("shorter than it says")
    else:
        Image.open(path).load()


def main() -> None:
    """Run the command."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--times", type=int, default=200)
    parser.add_argument("--seed", type=int, default=0)
    args = parser.parse_args()
    samples, _ = soundfile.read(DEMO_BUNDLE / "chorus.flac", dtype="int16")
    moments = np.random.default_rng(args.seed).uniform(0.2, _LONGEST_S, args.times)
    found = Found()
    with tempfile.TemporaryDirectory() as folder:
        station = Path(folder)
        for moment in moments:
            found.told += kill_once(station, samples.tobytes(), float(moment))
            Store(station).close()  # it opens after every kill
        look(station, found)
        damaged = len(list(station.glob("*.damaged-*")))
    print(f"{machine()}; killed {args.times} times between 0.2 and {_LONGEST_S:g} s")
    print(f"detections told: {len(found.told)}; lost or broken: {len(found.broken)}")
    print(f"clips: {found.clips}, all whole; unfinished under other names: {found.unfinished}")
    print(f"databases set aside as damaged: {damaged}")
    print("\n".join(found.broken[:20]))
    sys.exit(bool(found.broken or damaged))


if __name__ == "__main__":
    main()
