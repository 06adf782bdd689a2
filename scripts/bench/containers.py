"""Recordings in every container, each heard to its true end, or named with the reason.

    python scripts/bench/containers.py [--keep DIR]

Makes some hundred files from the demo's chorus: headers, rates, channels, encodings, truncations,
joined and wrapped ones. ffmpeg, another decoder than ours, says how long each is.
"""

import argparse
import struct
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import soundfile

from edge.config import DEMO_BUNDLE
from edge.contract.arrays import Float32s
from edge.contract.errors import AudioError
from edge.source.recording import read_blocks
from edge.source.resampling import resample

RATE = 48_000
_LENGTH_S = 6.0
_TOLERANCE_S = 0.1
_RATES = (8_000, 11_025, 16_000, 22_050, 24_000, 32_000, 44_100, 48_000, 96_000, 192_000, 384_000)
_ENCODINGS = {
    "wav": ("PCM_U8", "PCM_16", "PCM_24", "PCM_32", "FLOAT", "DOUBLE", "ULAW", "ALAW", "IMA_ADPCM"),
    "flac": ("PCM_16", "PCM_24"),
    "aiff": ("PCM_16", "PCM_24", "FLOAT"),
    "caf": ("PCM_16", "ALAC_16"),
    "w64": ("PCM_16", "PCM_24"),
    "ogg": ("VORBIS",),
    "mp3": ("MPEG_LAYER_III",),
}
_CODED_HZ = {"ogg": (8_000, 192_000), "mp3": (8_000, 48_000)}
"""Rates that an encoder takes."""
_BY_FFMPEG = ("m4a", "aac", "wma", "mka", "mp2", "wv", "mp4", "3gp", "opus", "webm")


@dataclass(frozen=True)
class Case:
    """A file, and the reason that is to be given for it, if any."""

    path: Path
    reason: str | None = None
    length_s: float | None = None
    """Where ffmpeg believes a header that is wrong."""


def chunk(name: bytes, content: bytes, claimed: int | None = None) -> bytes:
    """A chunk of a WAV, which may claim another size."""
    size = len(content) if claimed is None else claimed
    return name + struct.pack("<I", size) + content + b"\0" * (len(content) % 2)


def wav(sound: Float32s, claimed: int | None, magic: bytes = b"RIFF", *after: bytes) -> bytes:
    """A WAV of 16 bits whose sound claims a size, with chunks behind it."""
    content = np.round(sound * 32767).astype("<i2").tobytes()
    form = chunk(b"fmt ", struct.pack("<HHIIHH", 1, 1, RATE, 2 * RATE, 2, 16))
    large = struct.pack("<QQQI", len(content) + 80, len(content), len(sound), 0)
    before = [chunk(b"ds64", large)] if magic != b"RIFF" else []
    body = b"".join((b"WAVE", *before, form, chunk(b"data", content, claimed), *after))
    return magic + struct.pack("<I", len(body)) + body


def plain_files(folder: Path, sound: Float32s) -> Iterator[Case]:
    """Every encoding at every rate, with one and with two channels."""
    for suffix, subtypes in _ENCODINGS.items():
        lowest, highest = _CODED_HZ.get(suffix, (0, 10**9))
        for subtype in subtypes:
            for rate_hz in (rate for rate in _RATES if lowest <= rate <= highest):
                for channels in (1, 2):
                    path = folder / f"{subtype}-{rate_hz}-{channels}.{suffix}"
                    waveform = resample(sound, RATE, rate_hz)[:, None].repeat(channels, axis=1)
                    try:
                        soundfile.write(path, waveform, rate_hz, subtype)
                    except soundfile.LibsndfileError:  # not a rate of this encoder
                        path.unlink(missing_ok=True)
                        continue
                    yield Case(path)


def misleading_files(folder: Path, sound: Float32s) -> Iterator[Case]:
    """Sizes that were never written, or are wrong."""
    for claimed in (0, 1000, 2**31 - 1, 2**32 - 1):
        for name, after in (("", ()), ("-guano", (chunk(b"guan", b"GUANO|Version: 1.0"),))):
            if claimed and after:
                continue
            path = folder / f"claims-{claimed}{name}.wav"
            path.write_bytes(wav(sound, claimed, b"RIFF", *after))
            yield Case(path, length_s=_LENGTH_S if claimed == 1000 else None)
    for magic in (b"RF64", b"BW64"):
        path = folder / f"{magic.decode()}.wav"
        path.write_bytes(wav(sound, 2**32 - 1, magic))
        yield Case(path)
    for share in (0.2, 0.5, 0.9):
        path = folder / f"cut-{share}.wav"
        content = wav(sound, None)
        path.write_bytes(content[: round(share * len(content))])
        yield Case(path, "header promises")


def joined_files(folder: Path) -> Iterator[Case]:
    """Two joined by `cat`; and the first half of a copy that broke off."""
    for suffix in ("ogg", "opus", "mp3"):
        (first,) = list(folder.glob(f"*-48000-1.{suffix}"))[:1] or [None]
        if first is None:
            continue
        content = first.read_bytes()
        (folder / f"joined.{suffix}").write_bytes(2 * content)
        (folder / f"cut.{suffix}").write_bytes(content[: len(content) // 2])
        yield from (Case(folder / f"joined.{suffix}"), Case(folder / f"cut.{suffix}", "copy it"))
    flac = (folder / "PCM_16-48000-1.flac").read_bytes()
    (folder / "cut.flac").write_bytes(flac[: len(flac) // 2])
    yield Case(folder / "cut.flac", "copy it")


def ffmpeg_files(folder: Path) -> Iterator[Case]:
    """Forms of phones and others, and MP3 of varying rate."""
    source = folder / "PCM_16-48000-2.wav"
    for suffix in _BY_FFMPEG:
        for rate_hz in (16_000, 44_100, 48_000):
            hz = 48_000 if suffix in ("opus", "webm") else rate_hz
            path = folder / f"phone-{rate_hz}.{suffix}"
            codec = {"3gp": "aac", "mp4": "aac", "webm": "libopus"}.get(suffix)
            named = ["-c:a", codec] if codec else []
            if _ffmpeg("-i", source, "-ar", hz, *named, path):
                yield Case(path)
    for quality in (0, 4, 9):
        for counted in (0, 1):
            path = folder / f"vbr-{quality}-{counted}.mp3"
            if _ffmpeg("-i", source, "-q:a", quality, "-write_xing", counted, path):
                yield Case(path)


def nonsense(folder: Path) -> Iterator[Case]:
    """Files that are none."""
    contents = {
        "empty": b"",
        "zeros": bytes(1 << 20),
        "ones": b"\xff" * (1 << 20),
        "text": b"no " * 999,
    }
    for name, content in contents.items():
        path = folder / f"{name}.wav"
        path.write_bytes(content)
        yield Case(path, "empty" if not content else "not readable")


def heard(case: Case) -> tuple[float, str]:
    """Seconds that we hear, and what we say of the file."""
    length_s = 0.0
    try:
        for block in read_blocks(case.path):
            length_s = block.end_sample / block.rate_hz
    except AudioError as error:
        return length_s, str(error)
    return length_s, ""


def true_length(path: Path) -> float:
    """Seconds, by ffmpeg's decoder."""
    command = ["ffmpeg", "-nostdin", "-v", "error", "-i", f"file:{path}", "-map", "0:a:0"]
    done = subprocess.run(
        [*command, "-ac", "1", "-ar", "8000", "-f", "s16le", "-"], capture_output=True
    )
    return len(done.stdout) / 2 / 8000


def _ffmpeg(*arguments: object) -> bool:
    command = ["ffmpeg", "-nostdin", "-y", "-v", "error", *map(str, arguments)]
    return subprocess.run(command, capture_output=True).returncode == 0


def main() -> int:
    """Make the files, hear them, and print those that are not as they should be."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--keep", type=Path, help="folder to leave the files in")
    args = parser.parse_args()
    with tempfile.TemporaryDirectory() as spare:
        folder = args.keep or Path(spare)
        folder.mkdir(parents=True, exist_ok=True)
        samples, _ = soundfile.read(DEMO_BUNDLE / "chorus.flac", dtype="float32")
        sound = samples[: round(_LENGTH_S * RATE)]
        cases = [*plain_files(folder, sound), *misleading_files(folder, sound)]
        cases += [*joined_files(folder), *ffmpeg_files(folder), *nonsense(folder)]
        wrong = 0
        for case in cases:
            length_s, said = heard(case)
            true_s = case.length_s or true_length(case.path)
            good = abs(length_s - true_s) < _TOLERANCE_S and (
                case.reason in said if case.reason else not said
            )
            if not good:
                wrong += 1
                print(f"{case.path.name}: {length_s:.2f} s of {true_s:.2f} s  {said}")
        print(
            f"{len(cases)} files, {len(cases) - wrong} heard to their end or named with the reason"
        )
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
