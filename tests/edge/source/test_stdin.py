"""Stdin, from a real pipe: one reader at a time, and none where it is closed."""

import os
import shutil
import struct
import subprocess
import sys
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone

import numpy as np
import pytest
import soundfile

from edge.contract.errors import AudioError
from edge.source.block import Block
from edge.source.ring import Ring
from edge.source.stdin import StandardInput
from tests.support import ROOT

RATE_HZ = 1000


@dataclass
class Pipe:
    read_end: int
    write_end: int

    def write(self, content: bytes) -> None:
        os.write(self.write_end, content)


@pytest.fixture
def pipe() -> Iterator[Pipe]:
    pipe = Pipe(*os.pipe())
    yield pipe
    os.close(pipe.read_end)
    os.close(pipe.write_end)


def samples(count: int, first: int = 0) -> bytes:
    return np.arange(first, first + count, dtype="<i2").tobytes()


def values(blocks: list[Block]) -> list[int]:
    return (np.concatenate([block.samples for block in blocks]) * 32768).astype(int).tolist()


def test_a_reader_that_waits_for_sound_ends_when_it_is_stopped(pipe: Pipe) -> None:
    stopped = threading.Event()
    ring = Ring(StandardInput(pipe.read_end).blocks(RATE_HZ, stopped), stopped)
    ring.start()
    stopped.set()
    assert list(ring.blocks()) == []
    ring.close()
    assert not ring._thread.is_alive()


def test_the_next_reader_goes_on_in_the_middle_of_a_sample(pipe: Pipe) -> None:
    stdin, first, second = StandardInput(pipe.read_end), threading.Event(), threading.Event()
    pipe.write(samples(10)[:-1])
    before = stdin.blocks(RATE_HZ, first)
    assert values([next(before)]) == list(range(9))
    first.set()
    assert list(before) == []
    pipe.write(samples(10)[-1:] + samples(10, first=10))
    after = stdin.blocks(RATE_HZ, second)
    assert values([next(after)]) == list(range(9, 20))
    after.close()  # type: ignore[attr-defined]


def test_two_readers_never_share_it(pipe: Pipe) -> None:
    stdin, stopped = StandardInput(pipe.read_end), threading.Event()
    before = stdin.blocks(RATE_HZ, threading.Event())
    pipe.write(samples(10))
    next(before)
    stopped.set()
    assert list(stdin.blocks(RATE_HZ, stopped)) == []
    before.close()  # type: ignore[attr-defined]


def test_what_cannot_be_read_is_an_error_in_words(tmp_path) -> None:
    folder = os.open(tmp_path, os.O_RDONLY)
    with pytest.raises(AudioError, match=r"stdin: .*directory; pipe"):
        list(StandardInput(folder).blocks(RATE_HZ, threading.Event()))
    os.close(folder)


@pytest.mark.parametrize("redirected", ["<&-", "0> /dev/null", "< /dev/null"])
def test_without_a_stdin_it_ends_in_one_line(redirected: str, tmp_path) -> None:
    command = f"{sys.executable} -m edge --input - --no-clips --station {tmp_path} {redirected}"
    ended = subprocess.run(command, shell=True, cwd=ROOT, capture_output=True, text=True)
    assert ended.returncode == 1
    said = [line for line in ended.stderr.splitlines() if "birdlisten: bundle" not in line]
    assert len(said) == 1
    assert "stdin" in said[0]
    assert ended.stdout == ""


def test_what_comes_in_hours_of_rest_is_read_and_not_heard(tmp_path, bundle_path) -> None:
    samples, rate_hz = soundfile.read(bundle_path / "chorus.flac", dtype="int16")
    pcm = samples[: 30 * rate_hz].tobytes()
    command = [sys.executable, "-m", "edge", "--input", "-", "--no-clips", "--json"]
    command += ["--station", str(tmp_path), "--rate", str(rate_hz)]
    now = datetime.now(timezone.utc)
    begin, end = (f"{now + timedelta(hours=hours):%H:%M}" for hours in (-1, 1))
    printed = []
    for rest in ([], ["--quiet-hours", f"{begin}..{end}"]):
        ended = subprocess.run(
            [*command, *rest],
            input=pcm,
            cwd=ROOT,
            env={**os.environ, "TZ": "UTC"},
            capture_output=True,
        )
        printed.append(len(ended.stdout.splitlines()))
        assert (b"resting" in ended.stderr) == bool(rest)
    assert printed[0]
    assert not printed[1]


@pytest.mark.parametrize(
    ("suffix", "channels", "subtype"),
    [
        ("wav", 1, "PCM_16"),
        ("wav", 2, "PCM_24"),
        ("wav", 1, "FLOAT"),
        ("flac", 2, "PCM_16"),
        ("ogg", 1, "VORBIS"),
        ("mp3", 1, "MPEG_LAYER_III"),
    ],
)
def test_a_file_that_is_piped_in_is_recognised(tmp_path, tone, pitch, suffix, channels, subtype):
    if suffix != "wav" and shutil.which("ffmpeg") is None:
        pytest.skip("ffmpeg is not here")
    sound = np.repeat(tone(1000, 2.0, 32_000)[:, None], channels, axis=1)
    soundfile.write(tmp_path / f"a.{suffix}", sound, 32_000, subtype)
    with (tmp_path / f"a.{suffix}").open("rb") as file:
        blocks = list(StandardInput(file.fileno()).blocks(RATE_HZ, threading.Event()))
    heard = np.concatenate([block.samples for block in blocks])
    assert {block.rate_hz for block in blocks} == {32_000}
    assert len(heard) == pytest.approx(64_000, abs=3000)
    assert pitch(heard, 32_000) == pytest.approx(1000, abs=2)
    assert np.abs(heard[8000:-8000]).max() == pytest.approx(0.3, abs=0.03)


def test_a_live_wav_that_never_ends_is_heard_as_it_comes(pipe: Pipe) -> None:
    """As `arecord -t wav` pipes it; chunks behind the sound of a file are none of it."""
    stdin, stopped = StandardInput(pipe.read_end), threading.Event()
    head = struct.pack("<4sI4s4sIHHIIHH", b"RIFF", 2**31 - 1, b"WAVE", b"fmt ", 16, 1, 1, 500, 1000,
                       2, 16)  # fmt: skip
    pipe.write(head[:20])
    pipe.write(head[20:] + b"data" + struct.pack("<I", 2**31 - 40) + samples(5))
    blocks = stdin.blocks(RATE_HZ, stopped)
    first = next(blocks)
    assert (values([first]), first.rate_hz) == (list(range(5)), 500)
    pipe.write(samples(4, first=5))
    assert values([next(blocks)]) == [5, 6, 7, 8]
    stopped.set()
    assert list(blocks) == []


def test_samples_that_look_like_a_frame_of_mp3_are_samples(pipe: Pipe) -> None:
    content = b"\xff\xfb\x90\x64" + samples(3000)
    pipe.write(content)
    stdin, stopped = StandardInput(pipe.read_end), threading.Event()
    heard = next(stdin.blocks(20_000, stopped)).samples
    assert heard[0] == np.frombuffer(content[:2], "<i2")[0] / 32768
