"""Tiny clips: a bird's tone, and its colour in one frame of four, as real video files."""

from collections.abc import Sequence
from fractions import Fraction
from pathlib import Path

import av
import numpy as np

BIRDS = ("Cuculus canorus", "Parus major", "Strix aluco")
SIDE, FPS, RATE_HZ = 32, 4, 48_000
COLOURS = np.array([(220, 30, 30), (30, 200, 40), (40, 60, 230)])


def film(path: Path, bird: int, seed: int, seconds: float = 2.4) -> Path:
    """One clip; its bird is seen for a second somewhere, and sings meanwhile."""
    random = np.random.default_rng((bird, seed))
    begin_s = random.uniform(0, seconds - 1)
    path.parent.mkdir(parents=True, exist_ok=True)
    with av.open(str(path), "w") as container:
        video = container.add_stream("mpeg4", rate=FPS)
        video.width = video.height = SIDE
        video.pix_fmt = "yuv420p"
        audio = container.add_stream("aac", rate=RATE_HZ)
        audio.layout = "mono"
        for n in range(round(seconds * FPS)):
            shown = begin_s <= n / FPS < begin_s + 1
            colour = COLOURS[bird] if shown else np.array((128, 128, 128))
            noise = random.integers(-20, 20, (SIDE, SIDE, 3))
            frame = av.VideoFrame.from_ndarray(np.uint8(np.clip(colour + noise, 0, 255)))
            container.mux(video.encode(frame))
        container.mux(video.encode())
        sound = _sound(bird, begin_s, seconds, random)
        for begin in range(0, len(sound), 1024):
            block = av.AudioFrame.from_ndarray(sound[None, begin : begin + 1024], "fltp", "mono")
            block.sample_rate, block.pts = RATE_HZ, begin
            block.time_base = Fraction(1, RATE_HZ)
            container.mux(audio.encode(block))
        container.mux(audio.encode())
    return path


def _sound(bird: int, begin_s: float, seconds: float, random: np.random.Generator) -> np.ndarray:
    time_s = np.arange(round(seconds * RATE_HZ)) / RATE_HZ
    singing = (begin_s <= time_s) & (time_s < begin_s + 1)
    tone = np.sin(2 * np.pi * 900 * 2**bird * time_s) * singing
    return np.float32(0.3 * tone + random.normal(0, 0.01, len(time_s)))


def film_folder(folder: Path, clips: int, splits: Sequence[str] = ("train", "test")) -> Path:
    """Clips of three birds, as `videos:FOLDER` has them."""
    for number, split in enumerate(splits):
        for bird, name in enumerate(BIRDS):
            for clip in range(clips):
                file = folder / split / name.replace(" ", "_") / f"{split}_{bird}_{clip}.mp4"
                film(file, bird, seed=100 * number + clip)
    return folder
