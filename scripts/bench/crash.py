"""The listener killed at random moments: what it had said must be there, and nothing half written.

python scripts/bench/crash.py [--times 200] [--seed 0] [--trouble none|full|locked|damaged|each]

Every run is fed with the demo's chorus as fast as it takes it, and killed (SIGKILL) at a moment
chosen by chance. A printed detection is an acknowledged one. With a trouble the station lies on a
small disk (root may mount one) that is full for some random time of each run, or its database is
locked by another process for as long, or a page of it is overwritten; `each` takes them in turn.
"""

import argparse
import contextlib
import json
import os
import re
import sqlite3
import subprocess
import sys
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO

import numpy as np
import soundfile
from PIL import Image

from edge.config import DEMO_BUNDLE
from edge.records.detection import Detection
from edge.records.reader import open_records
from edge.records.schema import FILE_NAME
from edge.records.supervisor import StoreSupervisor
from train.birds.report import machine

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))
from tests.support.disk import SmallDisk

_LONGEST_S = 4.0
_DISK_BYTES = 400_000_000
_PAGE = 4096
_TABLE_LEAF = b"\x0d"
_ID = re.compile(rb"[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[0-9a-f]{4}-[0-9a-f]{12}")


@dataclass
class Found:
    """Findings after all the kills."""

    told: list[str] = field(default_factory=list)
    overwritten: set[str] = field(default_factory=set)
    """Ids on pages of tables that were overwritten: the database holds them no more."""
    clips: int = 0
    broken: list[str] = field(default_factory=list)
    unfinished: int = 0
    runs: Counter[str] = field(default_factory=Counter)


@dataclass
class Mischief:
    """Trouble made to a station while it is listened to."""

    disk: SmallDisk
    station: Path
    chance: np.random.Generator
    found: Found

    def none(self, seconds: float) -> None:
        """Leave it alone."""

    def full(self, seconds: float) -> None:
        """Fill the disk for a time."""
        self.disk.leave(0)
        time.sleep(seconds)
        self.disk.leave(self.disk.size)

    def locked(self, seconds: float) -> None:
        """Hold the lock of the database for a time, as another process would."""
        script = (
            "import sqlite3, sys, time\n"
            "database = sqlite3.connect(sys.argv[1], 30, isolation_level=None)\n"
            "database.execute('BEGIN IMMEDIATE')\n"
            "time.sleep(float(sys.argv[2]))\n"
        )
        path = str(self.station / FILE_NAME)
        subprocess.run([sys.executable, "-c", script, path, str(seconds)], capture_output=True)

    def damaged(self, seconds: float) -> None:
        """Overwrite a page, any but the first."""
        path = self.station / FILE_NAME
        with contextlib.suppress(FileNotFoundError), path.open("r+b") as file:
            pages = path.stat().st_size // _PAGE
            if pages < 3:
                return
            at = int(self.chance.integers(1, pages)) * _PAGE
            file.seek(at)
            page = file.read(_PAGE)
            if page.startswith(_TABLE_LEAF):
                self.found.overwritten |= {one.decode() for one in _ID.findall(page)}
            file.seek(at)
            file.write(self.chance.bytes(_PAGE))


def kill_once(station: Path, pcm: bytes, after_s: float, trouble: Callable[[], None]) -> list[str]:
    """Run, make trouble and kill; the ids of the detections that were printed."""
    command = [sys.executable, "-m", "edge", "--input", "-", "--json", "--voices", "keep"]
    running = subprocess.Popen(
        [*command, "--bundle", str(DEMO_BUNDLE), "--station", str(station)],
        env={**os.environ, "BIRDLISTEN_FREE_MB": "0", "BIRDLISTEN_CLIPS_MB": "100"},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
    )
    assert running.stdin
    assert running.stdout
    threading.Thread(target=_feed, args=(running.stdin, pcm), daemon=True).start()
    making = threading.Timer(after_s / 3, trouble)
    making.start()
    time.sleep(after_s)
    running.kill()
    lines = running.stdout.read().split(b"\n")[:-1]  # a line without its end was not told
    running.wait()
    making.join()
    return [json.loads(line)["id"] for line in lines]


def _feed(pipe: IO[bytes], pcm: bytes) -> None:
    with contextlib.suppress(OSError), pipe:
        while True:
            pipe.write(pcm)


def look(station: Path, found: Found) -> None:
    """Open the database, and every clip and spectrogram."""
    with open_records(station) as records:
        kept = {one.id for one in records.last(10_000_000) if isinstance(one, Detection)}
    lost = [one for one in found.told if one not in kept]
    found.broken += [f"lost: {one}" for one in lost]
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


@contextlib.contextmanager
def small_disk() -> Iterator[SmallDisk]:
    """A disk that can be filled, or a folder where none may be mounted."""
    with tempfile.TemporaryDirectory() as folder:
        disk = SmallDisk(Path(folder) / "disk", _DISK_BYTES)
        mounted = disk.mount()
        try:
            yield disk
        finally:
            if mounted:
                disk.unmount()


def reopen(station: Path) -> None:
    """Open it as a start does, wait for a repair, and write what waits."""
    keeper = StoreSupervisor(station)
    keeper.start()
    while not keeper.is_well:
        time.sleep(0.1)
        keeper.keep([])
    keeper.close()


def crash(times: int, seed: int, troubles: tuple[str, ...], pcm: bytes) -> Found:
    """Kill as often, with the troubles in turn."""
    chance, found = np.random.default_rng(seed), Found()
    with small_disk() as disk:
        mischief = Mischief(disk, disk.path / "station", chance, found)
        for n in range(times):
            trouble, seconds = troubles[n % len(troubles)], float(chance.uniform(0.1, 3.0))
            make = lambda trouble=trouble, s=seconds: getattr(mischief, trouble)(s)  # noqa: E731
            after_s = float(chance.uniform(0.2, _LONGEST_S))
            found.told += kill_once(mischief.station, pcm, after_s, make)
            found.runs[trouble] += 1
            reopen(mischief.station)  # it opens after every kill
            with sqlite3.connect(mischief.station / FILE_NAME) as database:
                database.execute("PRAGMA wal_checkpoint(TRUNCATE)")
            database.close()
        look(mischief.station, found)
    return found


def main() -> None:
    """Run the command."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--times", type=int, default=200)
    parser.add_argument("--seed", type=int, default=0)
    choices = ["none", "full", "locked", "damaged", "each"]
    parser.add_argument("--trouble", choices=choices, default="none")
    args = parser.parse_args()
    samples, _ = soundfile.read(DEMO_BUNDLE / "chorus.flac", dtype="int16")
    troubles = ("full", "locked", "damaged") if args.trouble == "each" else (args.trouble,)
    found = crash(args.times, args.seed, troubles, samples.tobytes())
    print(f"{machine()}; killed {args.times} times between 0.2 and {_LONGEST_S:g} s")
    print(f"trouble: {', '.join(f'{name} {count}' for name, count in found.runs.items())}")
    print(f"detections told: {len(found.told)}; lost or broken: {len(found.broken)}")
    stood = len(found.overwritten & set(found.told))
    print(f"told ones on pages of a table that were overwritten: {stood}")
    print(f"clips: {found.clips}, all whole; unfinished under other names: {found.unfinished}")
    print("\n".join(found.broken[:20]))
    sys.exit(bool(found.broken))


if __name__ == "__main__":
    main()
