import contextlib
import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import numpy as np
import pytest
import soundfile

from edge.contract.errors import StoreError
from edge.records.reader import open_records
from edge.source.folder import watched
from tests.support import ROOT


def write(path: Path, seconds: float = 0.2) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    soundfile.write(path, np.zeros(int(8000 * seconds)), 8000)
    return path


class Watch:
    """What a folder yields, look by look."""

    def __init__(self, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self.stopped, self.looks = threading.Event(), 0
        self.found: list[Path] = []
        self.between: dict[int, list] = {}
        monkeypatch.setattr(self.stopped, "wait", self._look)
        self.folder = folder

    def _look(self, _: float) -> bool:
        self.looks += 1
        for action in self.between.get(self.looks, []):
            action()
        if self.looks == 8:
            self.stopped.set()
        return False

    def run(self) -> list[Path]:
        self.found = list(watched(self.folder, self.stopped))
        return self.found


def test_what_is_there_and_what_comes_is_heard_once(tmp_path: Path, monkeypatch) -> None:
    first, later = write(tmp_path / "a.wav"), tmp_path / "deep" / "b.flac"
    watch = Watch(tmp_path, monkeypatch)
    watch.between = {3: [lambda: write(later)]}
    assert watch.run() == [first, later]


def test_a_file_that_still_grows_is_waited_for(tmp_path: Path, monkeypatch) -> None:
    path = tmp_path / "a.wav"
    watch = Watch(tmp_path, monkeypatch)
    seen_at: list[int] = []
    watch.between = {n: [lambda n=n: write(path, n)] for n in range(1, 5)}
    for one in watched(tmp_path, watch.stopped):
        seen_at.append(watch.looks)
        assert one == path
    assert seen_at == [5]


def test_a_file_written_anew_is_heard_again_and_a_lost_one_stops_nothing(
    tmp_path: Path, monkeypatch
) -> None:
    path, lost = write(tmp_path / "a.wav"), write(tmp_path / "lost.wav")
    watch = Watch(tmp_path, monkeypatch)
    watch.between = {1: [lost.unlink], 4: [lambda: write(path, 1.0)]}
    assert watch.run() == [path, path]


def test_a_folder_is_watched_until_a_signal_comes(bundle_path: Path, tmp_path: Path) -> None:
    folder = tmp_path / "in"
    folder.mkdir()
    command = [sys.executable, "-m", "edge", "--input", str(folder), "--watch", "--json"]
    running = subprocess.Popen(
        [*command, "--station", str(tmp_path / "station")],
        cwd=ROOT,
        env=dict(os.environ),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )
    time.sleep(1)
    samples, rate_hz = soundfile.read(bundle_path / "chorus.flac", dtype="float32")
    (folder / "bad.wav").write_bytes(b"nothing")
    soundfile.write(folder / "chorus.wav", samples[: 12 * rate_hz], rate_hz)
    assert b"chorus.wav" in running.stdout.readline()
    running.send_signal(signal.SIGTERM)
    _, err = running.communicate(timeout=30)
    assert running.returncode == 1  # one file was bad
    assert b"bad.wav" in err
    assert b"Traceback" not in err


class WatchedRun:
    """`birdlisten --watch` as a process."""

    def __init__(self, folder: Path, station: Path) -> None:
        command = [sys.executable, "-m", "edge", "--input", str(folder), "--watch", "--json"]
        self.it = subprocess.Popen(
            [*command, "--station", str(station), "--threshold", "0.5"],
            cwd=ROOT,
            env=dict(os.environ),
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
        )

    def wait_for(self, name: str) -> None:
        while name.encode() not in self.it.stdout.readline():
            assert self.it.poll() is None

    def end(self, number: int) -> str:
        self.it.send_signal(number)
        _, err = self.it.communicate(timeout=30)
        return err.decode()


def kept(station: Path) -> list[tuple[str, str, float, float, int]]:
    with open_records(station) as records:
        found = [getattr(one, "candidate", one) for one in records.last(1000)]
    return [(one.source, one.species_id, one.start_s, one.end_s, one.hits) for one in found]


def wait_until_done(station: Path, files: int) -> None:
    while True:
        with contextlib.suppress(StoreError), open_records(station) as records:
            if len(list(records.files_done())) == files:
                return
        time.sleep(0.2)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGKILL])
def test_a_restart_writes_no_record_twice_and_loses_none(bundle_path, tmp_path, number) -> None:
    samples, rate_hz = soundfile.read(bundle_path / "chorus.flac", dtype="float32")
    folder = tmp_path / "in"
    folder.mkdir()
    soundfile.write(folder / "a.wav", samples[: 15 * rate_hz], rate_hz)
    soundfile.write(os.fsencode(folder) + b"/lat\xe9n.wav", np.tile(samples, 2), rate_hz)
    for cut_short_s in (0.5, 1.0, None):
        one = WatchedRun(folder, tmp_path / "station")
        if cut_short_s is None:
            wait_until_done(tmp_path / "station", 2)
        else:
            if cut_short_s == 0.5:
                one.wait_for("lat")
            time.sleep(cut_short_s)
        assert "Traceback" not in one.end(signal.SIGTERM if cut_short_s is None else number)
    whole = WatchedRun(folder, tmp_path / "whole")
    wait_until_done(tmp_path / "whole", 2)
    whole.end(signal.SIGTERM)
    assert sorted(kept(tmp_path / "station")) == sorted(kept(tmp_path / "whole"))


def test_what_is_no_folder_cannot_be_watched(birdlisten, tmp_path: Path) -> None:
    ended = birdlisten("--input", write(tmp_path / "a.wav"), "--watch")
    assert ended.code == 2
    assert "not a folder" in ended.err
