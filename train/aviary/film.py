"""Writing of video files: H.264 and AAC in MP4; needs PyAV."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from PIL import Image

from edge.contract.errors import MissingPackageError
from train.aviary.song import RATE_HZ, Waveform

_CODECS = ("libx264", "mpeg4")
"""The first that libav has here."""
_SOUND = {"aac_coder": "fast"}
_OPTIONS = {
    "libx264": {"crf": "18", "preset": "veryfast", "tune": "zerolatency", "threads": "1"},
    "mpeg4": {"qscale": "2", "threads": "1"},
}
"""One thread, and no looking ahead: what is encoded hardly depends on what else runs meanwhile."""


def write_film(path: Path, frames: Sequence[Image.Image], rate_hz: int, sound: Waveform) -> None:
    """Write a video; the file appears when it is whole.

    Args:
        path: ending with .mp4.
        frames: RGB, at least one, all of one size, whose sides are divisible by 4.
        rate_hz: frames a second.
        sound: float32[samples] at 48 kHz.

    Raises:
        MissingPackageError: PyAV is not installed.
    """
    try:
        import av
    except ImportError as missing:
        raise MissingPackageError("videos need PyAV: pip install 'av>=14'") from missing
    partial = path.with_name(path.name + ".partial")
    codec = next(name for name in _CODECS if name in av.codecs_available)
    with av.open(str(partial), "w", format="mp4") as container:
        pictures: Any = container.add_stream(codec, rate=rate_hz, options=_OPTIONS[codec])
        voice: Any = container.add_stream("aac", rate=RATE_HZ, layout="mono", options=_SOUND)
        pictures.pix_fmt = "yuv420p"
        pictures.width, pictures.height = frames[0].size
        for number, image in enumerate(frames):
            frame = av.VideoFrame.from_ndarray(_planes(image), format="yuv420p")
            frame.pts = number
            container.mux(pictures.encode(frame))
        _encode_sound(container, voice, sound)
        container.mux(pictures.encode(None))
    partial.replace(path)


def _planes(image: Image.Image) -> npt.NDArray[np.uint8]:
    """Y, U and V of BT.601 in its narrow range, one below the other: uint8[3/2 height, width].

    Done here because libav's own conversion depends on where the picture lies in memory.
    """
    luma, *chroma = (np.asarray(plane, np.float32) for plane in image.convert("YCbCr").split())
    height, width = luma.shape
    halves = (plane.reshape(height // 2, 2, width // 2, 2).mean(axis=(1, 3)) for plane in chroma)
    scaled = [128 + (half - 128) * (224 / 255) for half in halves]
    rows = [16 + luma * (219 / 255), *(half.reshape(height // 4, width) for half in scaled)]
    return np.round(np.concatenate(rows)).astype(np.uint8)


def _encode_sound(container: Any, stream: Any, sound: Waveform) -> None:
    import av

    # To 16 bits, as in the recordings: what remains below them depends on where arrays lie.
    samples = (np.round(sound[None] * 32767) / 32767).astype(np.float32)
    frame = av.AudioFrame.from_ndarray(samples, format="fltp", layout="mono")
    frame.sample_rate, frame.pts = RATE_HZ, 0
    container.mux(stream.encode(frame))
    container.mux(stream.encode(None))
