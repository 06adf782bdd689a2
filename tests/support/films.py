"""Tiny video files of the real kinds, made by PyAV."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np

RATE_HZ = 48_000


def tone(hz: float, begin_s: float, end_s: float, length_s: float, channels: int = 1) -> np.ndarray:
    """float32[channels, samples], mute but for a tone between two moments, in all channels."""
    time_s = np.arange(round(length_s * RATE_HZ)) / RATE_HZ
    wave = 0.4 * np.sin(2 * np.pi * hz * time_s) * ((begin_s <= time_s) & (time_s < end_s))
    return np.repeat(wave.astype(np.float32)[None], channels, axis=0)


def make_film(
    path: Path,
    greys: Sequence[int] = (),
    sound: np.ndarray | None = None,
    rate_hz: int = 4,
    pts: Sequence[int] = (),
    size: tuple[int, int] = (64, 48),
) -> Path:
    """A film of frames of one grey each, the lower half black, and of a sound.

    Args:
        path: its suffix says the container.
        greys: of the frames; none makes a file without pictures.
        sound: float32[channels, samples] at 48 kHz; None makes a silent film.
        rate_hz: frames a second.
        pts: numbers of the frame times, if they are not every one.
        size: width and height.
    """
    import av

    path.parent.mkdir(parents=True, exist_ok=True)
    with av.open(str(path), "w") as container:
        if len(greys):
            pictures = container.add_stream("mpeg4", rate=rate_hz, options={"qscale": "1"})
            pictures.width, pictures.height, pictures.pix_fmt = *size, "yuv420p"
        if sound is not None:
            layout = {1: "mono", 2: "stereo"}[len(sound)]
            voice = container.add_stream("aac", rate=RATE_HZ, layout=layout)
        for number, grey in enumerate(greys):
            pixels = np.zeros((size[1], size[0], 3), np.uint8)
            pixels[: size[1] // 2] = grey
            frame = av.VideoFrame.from_ndarray(pixels, format="rgb24")
            frame.pts = pts[number] if len(pts) else number
            container.mux(pictures.encode(frame))
        if sound is not None:
            samples = np.ascontiguousarray(sound)
            block = av.AudioFrame.from_ndarray(samples, format="fltp", layout=layout)
            block.sample_rate, block.pts = RATE_HZ, 0
            container.mux(voice.encode(block))
            container.mux(voice.encode(None))
        if len(greys):
            container.mux(pictures.encode(None))
    return path


def turn(path: Path) -> Path:
    """Give an MP4's first track the display matrix of a phone held upright: a quarter clockwise."""
    content = bytearray(path.read_bytes())
    place = content.index(b"tkhd") + 44
    matrix = (0, 1 << 16, 0, -(1 << 16), 0, 0, 0, 0, 1 << 30)
    content[place : place + 36] = np.array(matrix, ">i4").tobytes()
    path.write_bytes(content)
    return path
