"""Videos of squares that sound: a colour and a pitch a species, in a folder of their own."""

import csv
import json
from pathlib import Path

import numpy as np
import soundfile
import torch
from PIL import Image
from transformers import ClapAudioConfig

from train.bridges.truth import COLUMNS
from train.model.frontend import LogMelSpec
from train.model.start import StudentInit
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
    """Clips of every species in three splits, half of them with a distractor, and their truth.

    The last of a species and split sounds without being seen.
    """
    random, rows = np.random.default_rng(0), []
    colours = [colour for colour, _ in SPECIES.values()]
    moments = np.arange(int(LENGTH_S * RATE_HZ)) / RATE_HZ
    for split in ("train", "validation", "test"):
        for number, (name, (colour, pitch)) in enumerate(SPECIES.items()):
            for n in range(each):
                frames = np.full((int(LENGTH_S * SPEED), SIDE, SIDE, 3), 110, np.uint8)
                corner, clip, hidden = (
                    int(random.integers(0, 3)),
                    f"{split}{number}{n}",
                    n == each - 1,
                )
                if not hidden:
                    _square(frames, corner, colour)
                if n % 2:
                    _square(frames, 3, colours[(number + 1) % len(colours)])
                sound = 0.3 * np.sin(2 * np.pi * pitch * moments + random.random())
                place = folder / split / name.replace(" ", "_") / f"{clip}.mp4"
                write_film(place, frames, sound.astype(np.float32))
                rows.append(_truth(clip, name, -1 if hidden else corner))
    with (folder / "truth.csv").open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerows([COLUMNS, *rows])
    return folder


def make_pictures(folder: Path) -> Path:
    """A picture a species, in a folder of its own."""
    for name, (colour, _) in SPECIES.items():
        picture = np.full((1, SIDE, SIDE, 3), 110, np.uint8)
        _square(picture, 0, colour)
        place = folder / name.replace(" ", "_")
        place.mkdir(parents=True)
        Image.fromarray(picture[0]).save(place / "one.png")
    return folder


def make_annotated(folder: Path) -> Path:
    """Wide frames and their sounds as VGG-SS and Flickr-SoundNet publish them, both kinds of boxes.

    A sound is of the frame's square in its middle alone; silence lies around it.
    """
    moments, records = np.arange(int(LENGTH_S * RATE_HZ)) / RATE_HZ, []
    for room in ("frames", "audio", "annotations"):
        (folder / room).mkdir(parents=True)
    for number, (colour, pitch) in enumerate([*SPECIES.values()] * 2):
        picture, corner = np.full((1, SIDE, SIDE, 3), 110, np.uint8), number % 4
        _square(picture, corner, colour)
        wide = Image.fromarray(picture[0]).resize((4 * SIDE, 3 * SIDE), Image.Resampling.NEAREST)
        wide.save(folder / "frames" / f"{number}.jpg", quality=100)
        mute = np.zeros(RATE_HZ)
        sound = np.concatenate([mute, 0.3 * np.sin(2 * np.pi * pitch * moments), mute])
        kind = "flac" if number % 2 == 0 else "wav"
        soundfile.write(folder / "audio" / f"{number}.{kind}", sound, RATE_HZ)
        y, x = divmod(corner, 2)
        box = [x / 2, y / 2, x / 2 + 0.5, y / 2 + 0.5]
        records.append({"file": str(number), "class": "square", "bbox": [box]})
        edges = "".join(f"<edge>{int(256 * edge)}</edge>" for edge in box)
        marked = f"<bbox><name>one</name>{edges}</bbox>" * 2
        file = folder / "annotations" / f"{number}.xml"
        file.write_text(f"<annotation>{marked}</annotation>")
    (folder / "vggss.json").write_text(json.dumps(records))
    return folder


def _square(frames: np.ndarray, corner: int, colour: tuple[int, int, int]) -> None:
    y, x = divmod(corner, 2)
    frames[:, 16 * y : 16 * y + 16, 16 * x : 16 * x + 16] = colour


def _truth(clip: str, name: str, corner: int) -> tuple[str, ...]:
    """A row of truth.csv; corner -1: it is not in the picture."""
    y, x = divmod(corner, 2)
    box = f"{x / 2} {y / 2} {x / 2 + 0.5} {y / 2 + 0.5}"
    boxes = ";".join(f"{n / SPEED} {box}" for n in range(int(LENGTH_S * SPEED)))
    seen = ("0", "large", f"0 {LENGTH_S}", boxes) if corner >= 0 else ("1", "", f"0 {LENGTH_S}", "")
    return clip, "one", name.lower().replace(" ", "_"), *seen


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
