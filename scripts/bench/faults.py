"""Recovery of the listener after faults: time, messages and loss.

python scripts/bench/faults.py [--loops 50] [--only unplug,server,child,stall,garbage,ffmpeg]

The real listener against a PulseAudio of its own, or a web radio; before each fault a bird sings,
whose record must have been written when the source is back. Time counts from the source's return.
"""

import argparse
import contextlib
import json
import os
import signal
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import numpy as np
import soundfile

from edge.config import DEMO_BUNDLE
from train.birds.report import machine

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))
from tests.support.pulse import Pulse, capture_children
from tests.support.radio import Radio

_RATE_HZ = 48_000
_AWAY_S, _PATIENCE_S = 1.0, 60.0
_GARBAGE = """
import os, sys, time
if "edge.source.capture" in sys.orig_argv and os.path.exists({flag!r}):
    os.write(1, os.urandom(4096))
    time.sleep(60)
"""


class Listener:
    """`birdlisten` as a process; when it said that it listens, and how much it said."""

    def __init__(self, station: Path, *source: str) -> None:
        command = [sys.executable, "-m", "edge", *source, "--json", "--station", str(station)]
        self.it = subprocess.Popen(
            [*command, "--bundle", str(DEMO_BUNDLE), "--wait"],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
        )
        self.listening: list[float] = []
        self.records, self.said = 0, 0
        for target in (self._follow, self._count):
            threading.Thread(target=target, daemon=True).start()

    def _follow(self) -> None:
        assert self.it.stderr
        for line in self.it.stderr:
            self.said += len(line)
            if b"listening to" in line:
                self.listening.append(time.monotonic())

    def _count(self) -> None:
        assert self.it.stdout
        for line in self.it.stdout:
            self.records += "id" in json.loads(line)

    def wait(self, met: Callable[[], bool]) -> bool:
        """True if it came to that in time."""
        deadline = time.monotonic() + _PATIENCE_S
        while not met() and time.monotonic() < deadline:
            time.sleep(0.02)
        return met()

    def next_record(self) -> None:
        """Wait for one more."""
        before = self.records
        self.wait(lambda: self.records > before)

    def child(self) -> int:
        """The process that captures."""
        assert self.wait(lambda: len(capture_children(self.it.pid)) == 1)
        return capture_children(self.it.pid)[0]


def song(folder: Path) -> Path:
    """The stretch of the demo's chorus around its first detection."""
    chorus = DEMO_BUNDLE / "chorus.flac"
    command = [sys.executable, "-m", "edge", "--input", str(chorus), "--json"]
    station = ["--bundle", str(DEMO_BUNDLE), "--station", str(folder / "first")]
    listed = subprocess.run([*command, *station], capture_output=True, text=True, check=True)
    records = [json.loads(line) for line in listed.stdout.splitlines()]
    best = max(records, key=lambda one: one["probability"])
    samples, rate_hz = soundfile.read(chorus, dtype="float32")
    begin, end = best["start_s"] - 1.0, best["start_s"] + 4.0
    path = folder / "song.wav"
    soundfile.write(path, samples[int(begin * rate_hz) : int(end * rate_hz)], rate_hz)
    return path


class Field:
    """A microphone at a sound server, and the faults it may have."""

    def __init__(self, pulse: Pulse, flag: Path) -> None:
        self._pulse, self._flag = pulse, flag

    def unplug(self, listener: Listener) -> float:
        """The source goes, and comes back."""
        self._pulse.unplug()
        time.sleep(_AWAY_S)
        self._pulse.plug_in()
        return time.monotonic()

    def server(self, listener: Listener) -> float:
        """The sound server is killed, and started again."""
        self._pulse.crash()
        time.sleep(_AWAY_S)
        self._pulse.start()
        return time.monotonic()

    def child(self, listener: Listener) -> float:
        """The capturing process is killed."""
        os.kill(listener.child(), signal.SIGKILL)
        return time.monotonic()

    def stall(self, listener: Listener) -> float:
        """No callback comes any more."""
        os.kill(listener.child(), signal.SIGSTOP)
        return time.monotonic()

    def garbage(self, listener: Listener) -> float:
        """Feed what is no audio."""
        self._flag.touch()
        os.kill(listener.child(), signal.SIGKILL)
        time.sleep(_AWAY_S)
        self._flag.unlink()
        return time.monotonic()


@contextlib.contextmanager
def field(folder: Path) -> Iterator[tuple[Field, Pulse]]:
    """With a sound server, for the listener and what is played to it."""
    pulse, flag = Pulse(), folder / "garbage-now"
    (folder / "sitecustomize.py").write_text(_GARBAGE.format(flag=str(flag)))
    os.environ |= {**pulse.environment, "PYTHONPATH": str(folder)}
    pulse.start()
    try:
        yield Field(pulse, flag), pulse
    finally:
        pulse.stop()


@contextlib.contextmanager
def playing(path: Path) -> Iterator[str]:
    """A web server that sends a song again and again, three seconds apart; its URL."""
    samples, _ = soundfile.read(path, dtype="int16")
    pause = np.random.default_rng(0).integers(-9, 9, 3 * _RATE_HZ).astype(np.int16)
    radio = Radio(np.concatenate([samples, pause]), _RATE_HZ)
    yield f"{radio.url}/live"
    radio.stop()


BenchTrial = tuple[Listener, Callable[[], object], Callable[[Listener], float]]
"""Who listens, how a bird sings, and what goes wrong then."""


@contextlib.contextmanager
def trial(fault: str, folder: Path, path: Path) -> Iterator[BenchTrial]:
    """Everything that a fault needs."""
    with contextlib.ExitStack() as stack:
        if fault == "ffmpeg":
            url = stack.enter_context(playing(path))
            listener = Listener(folder / fault, "--input", url)
            yield listener, listener.next_record, _kill_ffmpeg
        else:
            world, pulse = stack.enter_context(field(folder))
            listener = Listener(folder / fault, "--device", "pulse")
            yield listener, lambda: pulse.play(path).wait(), getattr(world, fault)
        listener.it.terminate()
        listener.it.wait()


def once(
    listener: Listener, sing: Callable[[], object], fault: Callable[[Listener], float]
) -> tuple[float, bool]:
    """Seconds from the source's return to sound, and whether the song was reported."""
    time.sleep(1.0)
    reported, heard = listener.records, len(listener.listening)
    sing()
    back = fault(listener)
    if not listener.wait(lambda: len(listener.listening) > heard):
        raise SystemExit("it never came back")
    return listener.listening[heard] - back, listener.wait(lambda: listener.records > reported)


def row(name: str, times: Sequence[float], lost: int, said: int, minutes: float) -> str:
    """A line of the table."""
    shown = f"{statistics.median(times):.2f} | {max(times):.2f}"
    return f"| {name} | {len(times)} | {shown} | {lost} | {said / 1000 / minutes:.2f} |"


def main() -> None:
    """Run the command."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--loops", type=int, default=50)
    parser.add_argument("--only", default="unplug,server,child,stall,garbage,ffmpeg")
    args = parser.parse_args()
    print(f"{machine()}; {args.loops} times each\n")
    print("| fault | times | back after, s: median | most | lost records | log, KB a minute |")
    print("|---|---|---|---|---|---|")
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        path = song(folder)
        for fault in args.only.split(","):
            print(measure(fault, folder, path, args.loops), flush=True)


def measure(fault: str, folder: Path, path: Path, loops: int) -> str:
    """A line of the table."""
    with trial(fault, folder, path) as (listener, sing, action):
        listener.wait(lambda: bool(listener.listening))
        begun = time.monotonic()
        found = [once(listener, sing, action) for _ in range(loops)]
        minutes = (time.monotonic() - begun) / 60
    times, reported = zip(*found, strict=True)
    return row(fault, times=times, lost=loops - sum(reported), said=listener.said, minutes=minutes)


def _kill_ffmpeg(listener: Listener) -> float:
    found = subprocess.run(
        ["pgrep", "-P", str(listener.it.pid), "ffmpeg"], capture_output=True, text=True
    )
    os.kill(int(found.stdout.split()[0]), signal.SIGKILL)
    return time.monotonic()


if __name__ == "__main__":
    main()
