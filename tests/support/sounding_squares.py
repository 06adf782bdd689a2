"""Videos of squares that sound: a colour and a pitch a species, in a folder of their own."""

from pathlib import Path

import numpy as np
import torch
from transformers import ClapAudioConfig

from train.model.frontend import LogMelSpec
from train.model.student import StudentInit
from train.pretraining.image_text import TEXT_TOWER, save_open_clip

SPECIES = {
    "Rubus sonans": ((220, 40, 40), 900.0),
    "Viridis sonans": ((40, 200, 40), 2500.0),
    "Caeruleus sonans": ((40, 60, 230), 6000.0),
}
SIDE, SPEED, RATE_HZ, LENGTH_S = 32, 4, 48_000, 2.0
SPEC = LogMelSpec(hop_samples=1536, mel_bins=16)
CLAP = ClapAudioConfig(
    num_mel_bins=16,
    spec_size=32,
    window_size=2,
    patch_size=4,
    patch_stride=[4, 4],
    depths=[1, 1],
    num_attention_heads=[1, 2],
    patch_embeds_hidden_size=16,
    hidden_size=32,
    num_hidden_layers=2,
    hidden_dropout_prob=0.0,
    attention_probs_dropout_prob=0.0,
    initializer_factor=3.0,
)
TOWER = {"image_size": SIDE, "layers": 2, "width": 32, "head_width": 16, "patch_size": 8}


def write_film(path: Path, frames: np.ndarray, sound: np.ndarray) -> None:
    """uint8[n, side, side, 3] at SPEED a second, and float32[samples] at RATE_HZ."""
    import av

    path.parent.mkdir(parents=True, exist_ok=True)
    with av.open(str(path), "w") as container:
        pictures = container.add_stream("mpeg4", rate=SPEED)
        pictures.width = pictures.height = SIDE
        pictures.pix_fmt, pictures.bit_rate = "yuv420p", 2_000_000
        heard = container.add_stream("aac", rate=RATE_HZ, layout="mono")
        for image in frames:
            container.mux(pictures.encode(av.VideoFrame.from_ndarray(image, format="rgb24")))
        block = av.AudioFrame.from_ndarray(sound[None], format="fltp", layout="mono")
        block.sample_rate = RATE_HZ
        container.mux(heard.encode(block))
        container.mux(heard.encode())
        container.mux(pictures.encode())


def make_clips(folder: Path, each: int = 4) -> Path:
    """Clips of every species in the splits train and validation, half of them with a distractor."""
    random = np.random.default_rng(0)
    colours = [colour for colour, _ in SPECIES.values()]
    for split in ("train", "validation"):
        for number, (name, (colour, pitch)) in enumerate(SPECIES.items()):
            for n in range(each if split == "train" else 2):
                frames = np.full((int(LENGTH_S * SPEED), SIDE, SIDE, 3), 110, np.uint8)
                _square(frames, random.integers(0, 2), colour)
                if n % 2:
                    _square(frames, 2, colours[(number + 1) % len(colours)])
                moments = np.arange(int(LENGTH_S * RATE_HZ)) / RATE_HZ
                sound = 0.3 * np.sin(2 * np.pi * pitch * moments + random.random())
                place = folder / split / name.replace(" ", "_") / f"{split}{number}{n}.mp4"
                write_film(place, frames, sound.astype(np.float32))
    return folder


def _square(frames: np.ndarray, corner: int, colour: tuple[int, int, int]) -> None:
    y, x = divmod(int(corner), 2)
    frames[:, 16 * y : 16 * y + 16, 16 * x : 16 * x + 16] = colour


def make_student(folder: Path) -> str:
    """Tower of a CLAP, too small to do anything well."""
    torch.manual_seed(0)
    start = StudentInit(CLAP.to_dict(), SPEC)
    StudentInit(CLAP.to_dict(), SPEC, start.student(4).tower.state_dict()).save(folder)
    return str(folder)


def make_teacher(folder: Path) -> str:
    """An open_clip model with a transformer of four by four patches, untrained."""
    import open_clip

    torch.manual_seed(0)
    config = {"embed_dim": 16, "vision_cfg": TOWER, "text_cfg": TEXT_TOWER}
    save_open_clip(open_clip.CLIP(**config).eval(), config, folder)
    return f"local-dir:{folder}"
