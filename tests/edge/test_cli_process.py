"""What only shows in a process of its own: pipes, signals and exit codes."""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile

from tests.support import ROOT
from tests.support.factories import Ended

StudentInit = Callable[..., "Process"]
JSON = ("--threshold", "0", "--json")


class Process:
    """`birdlisten` in a process of its own."""

    def __init__(self, *arguments: object, stdout: int = subprocess.PIPE) -> None:
        command = [sys.executable, "-m", "edge", *map(str, arguments)]
        pipe = subprocess.PIPE
        self.it = subprocess.Popen(command, cwd=ROOT, stdin=pipe, stdout=stdout, stderr=pipe)

    def send(self, pcm: bytes) -> None:
        assert self.it.stdin
        self.it.stdin.write(pcm)
        self.it.stdin.flush()

    def line(self) -> dict[str, Any]:
        assert self.it.stdout
        return json.loads(self.it.stdout.readline())

    def end(self) -> Ended:
        out, err = self.it.communicate(timeout=60)
        ended = Ended(self.it.returncode, (out or b"").decode(), err.decode())
        assert "Traceback" not in ended.err
        assert "Exception ignored" not in ended.err
        return ended


@pytest.fixture
def start(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[Callable[..., Process]]:
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    # A job in the background, as pytest may be here, ignores SIGINT, and its children inherit that.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    started: list[Process] = []

    def begin(*arguments: object, **options: Any) -> Process:
        started.append(Process(*arguments, **options))
        return started[-1]

    yield begin
    for process in started:
        process.it.kill()
        process.it.wait()
        for pipe in (process.it.stdin, process.it.stdout, process.it.stderr):
            if pipe and not pipe.closed:
                pipe.close()


def pcm(samples: np.ndarray) -> bytes:
    return (samples * 32767).astype("<i2").tobytes()


@pytest.fixture
def noise() -> np.ndarray:
    """Gusty: the gate holds back noise that is steady."""
    chance, time = np.random.default_rng(0), np.arange(6 * 48_000) / 48_000
    gusts = 0.05 * np.exp(1.5 * np.sin(2 * np.pi * 2 * time))
    return (gusts * chance.normal(size=len(time))).astype(np.float32)


@pytest.mark.parametrize("rate_hz", [16_000, 48_000])
def test_raw_pcm_on_stdin_is_heard(start: StudentInit, noise: np.ndarray, rate_hz: int) -> None:
    process = start("--input", "-", "--rate", rate_hz, *JSON)
    process.send(pcm(noise[: 4 * rate_hz]) + b"x")
    ended = process.end()
    assert ended.code == 0
    records = ended.records()
    assert {record["source"] for record in records} == {"stdin"}
    assert min(record["start_s"] for record in records) == 0
    assert max(record["end_s"] for record in records) <= 4
    assert all(record["detected_at"].endswith("Z") for record in records)


def test_a_detection_is_printed_while_the_stream_goes_on(
    start: StudentInit, noise: np.ndarray
) -> None:
    process = start("--input", "-", *JSON)
    process.send(pcm(noise))
    assert process.line()["source"] == "stdin"
    assert process.it.poll() is None


def test_an_empty_stream_finds_nothing(start: StudentInit) -> None:
    ended = start("--input", "-", *JSON).end()
    assert ended.out == ""
    assert "stdin: ended without any audio" in ended.err


@pytest.mark.parametrize(("number", "code"), [(signal.SIGTERM, 0), (signal.SIGINT, 130)])
def test_a_signal_ends_it_with_its_tally(
    start: StudentInit, noise: np.ndarray, number: signal.Signals, code: int
) -> None:
    process = start("--input", "-", *JSON)
    process.send(pcm(noise))
    process.line()
    process.it.send_signal(number)
    ended = process.end()
    assert ended.code == code
    assert "windows heard" in ended.err


def test_a_reader_that_goes_away_is_no_error(
    start: StudentInit, noise: np.ndarray, tmp_path: Path
) -> None:
    for n in range(4):
        soundfile.write(tmp_path / f"{n}.wav", noise, 48_000)
    process = start("--input", tmp_path, *JSON)
    process.line()
    process.it.stdout.close()
    process.it.stdin.close()
    err = process.it.stderr.read().decode()
    assert process.it.wait(60) == 0
    assert "Traceback" not in err
    assert "Broken pipe" not in err
    assert "Exception ignored" not in err


@pytest.mark.parametrize("arguments", [["--help"], ["--version"], ["devices"], ["identify"]])
def test_nobody_reading_stdout_is_no_error(
    start: StudentInit, noise: np.ndarray, tmp_path: Path, arguments: list[str]
) -> None:
    soundfile.write(tmp_path / "a.wav", noise, 48_000)
    files = [tmp_path / "a.wav"] if arguments == ["identify"] else []
    read_end, write_end = os.pipe()
    os.close(read_end)
    process = start(*arguments, *files, stdout=write_end)
    os.close(write_end)
    ended = process.end()
    assert "BrokenPipe" not in ended.err
    assert ended.code in (0, 1)


def test_the_microphones_child_lists_devices_as_json() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "edge.source.capture", "--list"], cwd=ROOT, capture_output=True
    )
    listed = json.loads(done.stdout)
    assert done.returncode == 0
    assert all(one["channels"] > 0 for one in listed)


def test_a_truncated_mp3_is_one_line_without_the_decoders_own(
    start: StudentInit, noise: np.ndarray, tmp_path: Path
) -> None:
    soundfile.write(tmp_path / "whole.mp3", noise, 48_000)
    content = (tmp_path / "whole.mp3").read_bytes()
    (tmp_path / "cut.mp3").write_bytes(content[: len(content) // 8])
    ended = start("--input", tmp_path / "cut.mp3", "--quiet", *JSON).end()
    assert ended.code == 1
    assert ended.err.count("\n") == 1
    assert "copy it again" in ended.err


def test_numpy_has_no_threads_that_spin_beside_the_encoder():
    script = (
        "import os, sys, edge.__main__\n"
        "sys.argv = ['birdlisten', 'today', '--station', os.devnull + '/none']\n"
        "edge.__main__.main()\n"
        "import numpy\n"
        "square = numpy.ones((600, 600))\n"
        "square @ square\n"
        "print(len(os.listdir('/proc/self/task')))\n"
    )
    environment = {key: value for key, value in os.environ.items() if "NUM_THREADS" not in key}
    done = subprocess.run(
        [sys.executable, "-c", script], cwd=ROOT, env=environment, capture_output=True, text=True
    )
    assert done.stdout.splitlines()[-1] == "1", done.stderr
