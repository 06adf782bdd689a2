"""Containers heard to their true end: joined, cut, of wrong lengths, and those of phones."""

import shutil
import struct
import subprocess
from collections import deque
from pathlib import Path

import numpy as np
import pytest
import soundfile

from edge.contract.errors import AudioError
from edge.source.block import Block
from edge.source.recording import count_channels, read_blocks, read_recording
from tests.edge.source.test_recorded import chunk

RATE = 48_000
needs_ffmpeg = pytest.mark.skipif(shutil.which("ffmpeg") is None, reason="ffmpeg is not here")


def ffmpeg(*arguments: object) -> None:
    command = ["ffmpeg", "-nostdin", "-y", "-v", "error", *map(str, arguments)]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


def seconds(path: Path, channel: str = "mix") -> float:
    blocks = list(read_blocks(path, channel))
    return blocks[-1].end_sample / blocks[-1].rate_hz


def wav_of(content: bytes, claimed: int, form: bytes, magic: bytes = b"RIFF") -> bytes:
    large = b""
    if magic != b"RIFF":
        large = chunk(b"ds64", struct.pack("<QQQI", len(content) + 80, len(content), 0, 0))
    body = b"WAVE" + large + chunk(b"fmt ", form) + b"data" + struct.pack("<I", claimed) + content
    return magic + struct.pack("<I", min(len(body), 0xFFFFFFFF)) + body


def form(tag: int, bits: int, channels: int = 1) -> bytes:
    return struct.pack(
        "<HHIIHH", tag, channels, RATE, RATE * channels * bits // 8, channels * bits // 8, bits
    )


@pytest.fixture
def sound(tone) -> np.ndarray:
    return tone(1000, 3.0)


PACKED = {
    (1, 8): lambda x: (np.round(x * 127) + 128).astype(np.uint8).tobytes(),
    (1, 16): lambda x: np.round(x * 32767).astype("<i2").tobytes(),
    (1, 24): lambda x: _lower_bytes(np.round(x * 8388607).astype("<i4")).tobytes(),
    (1, 32): lambda x: np.round(x * 2147483000.0).astype("<i4").tobytes(),
    (3, 32): lambda x: x.astype("<f4").tobytes(),
    (3, 64): lambda x: x.astype("<f8").tobytes(),
}


def _lower_bytes(values: np.ndarray) -> np.ndarray:
    return values.view(np.uint8).reshape(-1, 4)[:, :3]


@pytest.mark.parametrize("claimed", [0, 9600, 0xFFFFFFFF, 0x7FFFFFFF - 44])
@pytest.mark.parametrize("packing", PACKED, ids=str)
@pytest.mark.parametrize("channels", [1, 2])
def test_a_wav_is_heard_to_its_end_whatever_its_header_claims(
    tmp_path: Path, sound, claimed: int, packing, channels: int
) -> None:
    """Power was lost before the sizes were written, or they were never known."""
    both = np.repeat(sound[:, None], channels, axis=1).reshape(-1)
    content = wav_of(PACKED[packing](both), claimed, form(*packing, channels))
    (tmp_path / "a.wav").write_bytes(content)
    heard, rate_hz = read_recording(tmp_path / "a.wav")
    assert (len(heard), rate_hz) == (len(sound), RATE)
    assert np.abs(heard - sound).max() < 0.01


@pytest.mark.parametrize("magic", [b"RF64", b"BW64"])
def test_a_large_wav_has_its_sizes_in_64_bits(tmp_path: Path, sound, magic: bytes) -> None:
    content = wav_of(PACKED[1, 16](sound), 0xFFFFFFFF, form(1, 16), magic)
    (tmp_path / "a.wav").write_bytes(content)
    assert seconds(tmp_path / "a.wav") == 3.0


def test_a_wav_beyond_4_gib_of_wrapped_size(tmp_path: Path, sound) -> None:
    tail = PACKED[1, 16](sound)
    size = 2**32 + len(tail)
    with (tmp_path / "a.wav").open("wb") as file:  # sparse
        file.write(wav_of(b"", size % 2**32, form(1, 16)))
        file.seek(size - len(tail), 1)
        file.write(tail)
    (last,) = deque(read_blocks(tmp_path / "a.wav"), maxlen=1)
    assert last.end_sample == size // 2
    assert np.abs(last.samples).max() > 0.2


def test_chunks_behind_the_sound_are_none_of_it(tmp_path: Path, sound) -> None:
    content = wav_of(PACKED[1, 16](sound), len(sound) * 2, form(1, 16))
    (tmp_path / "a.wav").write_bytes(content + chunk(b"guan", b"GUANO|Version: 1.0"))
    assert seconds(tmp_path / "a.wav") == 3.0


@pytest.mark.parametrize("cut", [1000, 1001])
def test_a_wav_that_is_cut_is_told(tmp_path: Path, sound, cut: int) -> None:
    packed = PACKED[1, 16](sound)
    content = wav_of(packed[: RATE + cut], len(packed), form(1, 16))
    (tmp_path / "a.wav").write_bytes(content)
    blocks = list[Block]()
    with pytest.raises(AudioError, match=r"ends after 0\.5 s of the 3\.0 s its header promises"):
        blocks.extend(read_blocks(tmp_path / "a.wav"))
    assert blocks[-1].end_sample == (RATE + cut) // 2


@pytest.mark.parametrize(
    ("suffix", "subtype"),
    [("ogg", "VORBIS"), ("opus", "OPUS"), ("mp3", "MPEG_LAYER_III")],
)
def test_files_that_were_joined_are_heard_to_the_last(
    tmp_path: Path, tone, suffix: str, subtype: str
) -> None:
    parts = []
    for hz, length in ((1000, 2.0), (3000, 1.0), (500, 3.0)):
        kind = {"opus": "OGG"}.get(suffix)
        soundfile.write(tmp_path / f"a.{suffix}", tone(hz, length), RATE, subtype, format=kind)
        parts.append((tmp_path / f"a.{suffix}").read_bytes())
    (tmp_path / f"joined.{suffix}").write_bytes(b"".join(parts))
    heard, _ = read_recording(tmp_path / f"joined.{suffix}")
    assert len(heard) / RATE == pytest.approx(6.0, abs=0.1)
    spectrum = np.abs(np.fft.rfft(heard[-2 * RATE : -RATE]))
    assert abs(int(spectrum.argmax()) - 500) < 3


@pytest.mark.parametrize("suffix", ["ogg", "mp3"])
def test_one_that_is_cut_is_told(tmp_path: Path, tone, suffix: str) -> None:
    soundfile.write(tmp_path / f"a.{suffix}", tone(1000, 4.0), RATE)
    content = (tmp_path / f"a.{suffix}").read_bytes()
    assert seconds(tmp_path / f"a.{suffix}") == pytest.approx(4.0, abs=0.1)
    (tmp_path / f"a.{suffix}").write_bytes(content[: len(content) // 2])
    with pytest.raises(AudioError, match="copy it again"):
        seconds(tmp_path / f"a.{suffix}")


@needs_ffmpeg
@pytest.mark.parametrize("rate_hz", [48_000, 44_100, 22_050, 11_025])
@pytest.mark.parametrize("channels", [1, 2])
def test_an_mp3_of_varying_rate_without_a_count(
    tmp_path: Path, rate_hz: int, channels: int
) -> None:
    """What decoders guess of its length is wrong: loud noise first, then silence."""
    noise = np.random.default_rng(0).normal(0, 0.2, 4 * rate_hz)
    noise[rate_hz:] *= 1e-3
    both = np.repeat(noise[:, None], channels, axis=1)
    soundfile.write(tmp_path / "a.wav", both, rate_hz)
    ffmpeg("-i", tmp_path / "a.wav", "-write_xing", 0, "-q:a", 6, tmp_path / "a.mp3")
    assert seconds(tmp_path / "a.mp3") == pytest.approx(4.0, abs=0.15)


@needs_ffmpeg
@pytest.mark.parametrize("suffix", ["m4a", "aac", "wma", "mka", "mp2", "wv", "3gp", "mp4"])
def test_recordings_of_phones_are_heard_by_ffmpeg(tmp_path: Path, sound, suffix: str) -> None:
    soundfile.write(tmp_path / "a.wav", sound, RATE)
    codec = ["-c:a", "aac"] if suffix in ("3gp", "mp4") else []
    ffmpeg("-i", tmp_path / "a.wav", "-ac", 2, *codec, tmp_path / f"a.{suffix}")
    assert seconds(tmp_path / f"a.{suffix}") == pytest.approx(3.0, abs=0.1)
    assert count_channels(tmp_path / f"a.{suffix}") == 2


@needs_ffmpeg
def test_what_nothing_reads_says_so(tmp_path: Path) -> None:
    (tmp_path / "a.m4a").write_bytes(b"not a recording at all" * 100)
    with pytest.raises(AudioError, match="not readable as audio"):
        seconds(tmp_path / "a.m4a")


def test_without_ffmpeg_the_line_says_what_to_install(tmp_path: Path, monkeypatch) -> None:
    (tmp_path / "a.m4a").write_bytes(b"\0\0\0\x20ftypM4A " * 100)
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(AudioError, match="sudo apt install ffmpeg"):
        seconds(tmp_path / "a.m4a")
