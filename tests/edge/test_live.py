"""The whole listener against a real sound server: from the loudspeaker to the JSON line."""

import csv
import json
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

import pytest
import soundfile

from tests.support import ROOT
from tests.support.pulse import Pulse, capture_children

CHORUS_S = 60


class Station:
    """`birdlisten --device pulse --json` while it runs."""

    def __init__(self, *arguments: str) -> None:
        command = [sys.executable, "-m", "edge", "--device", "pulse", "--json", *arguments]
        pipe = subprocess.PIPE
        self._it = subprocess.Popen(command, cwd=ROOT, stdout=pipe, stderr=pipe, text=True)
        self.talk: list[str] = []
        self.listening, self.heard = threading.Event(), threading.Event()
        self.records: list[dict[str, Any]] = []
        readers = (self._read_talk, self._read_records)
        self._threads = [threading.Thread(target=reader) for reader in readers]
        for thread in self._threads:
            thread.start()

    def _read_talk(self) -> None:
        assert self._it.stderr
        for line in self._it.stderr:
            self.talk.append(line)
            if "listening to" in line:
                self.listening.set()

    def _read_records(self) -> None:
        assert self._it.stdout
        for line in self._it.stdout:
            self.records.append(json.loads(line))
            self.heard.set()

    def children(self) -> list[int]:
        return capture_children(self._it.pid)

    def stop(self) -> int:
        self._it.send_signal(signal.SIGTERM)
        return self._it.wait(20)

    def close(self) -> None:
        self._it.kill()
        self._it.wait()
        for thread in self._threads:
            thread.join()
        for pipe in (self._it.stdout, self._it.stderr):
            if pipe:
                pipe.close()


@pytest.fixture
def station(
    pulse: Pulse, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> Iterator[Callable[..., Station]]:
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))
    started: list[Station] = []

    def start(*arguments: str) -> Station:
        started.append(Station(*arguments))
        assert started[-1].listening.wait(30), started[-1].talk
        return started[-1]

    yield start
    for one in started:
        one.close()


def test_a_live_record_has_a_time_and_ends_cleanly(
    station: Callable[..., Station], pulse: Pulse, tone, tmp_path: Path
) -> None:
    soundfile.write(tmp_path / "tone.wav", tone(1500, 20), 48_000)
    begun = datetime.now(timezone.utc)
    one = station("--threshold", "0")
    pulse.play(tmp_path / "tone.wav")
    assert one.heard.wait(30)
    record = one.records[0]
    moment = datetime.fromisoformat(record["detected_at"].replace("Z", "+00:00"))
    assert begun <= moment <= datetime.now(timezone.utc)
    assert record["source"] == "pulse"
    children = one.children()
    assert one.stop() == 0
    assert "Traceback" not in "".join(one.talk)
    assert len(children) == 1
    for _ in range(100):
        if not any(map(alive, children)):
            break
        threading.Event().wait(0.1)
    assert not any(map(alive, children))


def alive(process: int) -> bool:
    try:
        stat = Path(f"/proc/{process}/stat").read_text()
    except OSError:
        return False
    return stat.rpartition(")")[2].split()[0] != "Z"


def test_the_singers_of_a_dawn_chorus_are_heard_through_the_microphone(
    station: Callable[..., Station], pulse: Pulse, bundle_path: Path, tmp_path: Path
) -> None:
    samples, rate_hz = soundfile.read(bundle_path / "chorus.flac", dtype="float32")
    soundfile.write(tmp_path / "chorus.wav", samples[: CHORUS_S * rate_hz], rate_hz)
    with (bundle_path / "chorus.csv").open(newline="") as file:
        truth = list(csv.DictReader(file))
    singing = {row["scientific_name"] for row in truth if float(row["end_s"]) <= CHORUS_S}
    begun = {row["scientific_name"] for row in truth if float(row["start_s"]) < CHORUS_S}
    one = station()
    assert pulse.play(tmp_path / "chorus.wav").wait(CHORUS_S + 20) == 0
    threading.Event().wait(1)
    assert one.stop() == 0
    found = {record["scientific_name"] for record in one.records}
    assert len(found & singing) >= len(singing) / 2
    assert len(found - begun) <= 1
