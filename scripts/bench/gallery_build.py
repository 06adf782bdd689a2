"""Rate at which a gallery is built, beside that of its image tower alone.

python scripts/bench/gallery_build.py [--tower ViT-B-16] [--pictures 256] [--side 1024]

The tower is open_clip's of that name, its weights drawn at random, which costs the same; the
pictures are JPEG files of that width. Alone it is fed tensors in batches of the same size; a build
opens, turns, hashes and scales files beside, and keeps each batch's rows.
"""

import argparse
import os
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import open_clip
import torch
from PIL import Image

from edge.recognition.picture_cache import PictureCache
from gallery.embedding import BATCH, embedded
from gallery.records import PictureRecord
from gallery.teacher import Teacher, space_id
from train.birds.report import machine

_COARSE = 16
"""Pixels of a side of the coarse pattern; a photograph is mostly smooth."""


def open_tower(name: str) -> Teacher:
    """An open_clip model of random weights."""
    model, _, preprocess = open_clip.create_model_and_transforms(name)
    model.eval().requires_grad_(False)
    if torch.cuda.is_available():
        model.cuda()
    tokenizer = open_clip.get_tokenizer(name)
    return Teacher(name, model, preprocess, tokenizer, space_id(model))


def make_pictures(folder: Path, count: int, side: int) -> list[PictureRecord]:
    """JPEG files, each another pattern with the grain of a camera."""
    records = []
    for number in range(count):
        random = np.random.default_rng(number)
        coarse = random.integers(0, 256, (_COARSE, _COARSE, 3), np.uint8)
        smooth = Image.fromarray(coarse).resize((side, side * 3 // 4), Image.Resampling.BICUBIC)
        grain = random.normal(0, 6, (*smooth.size[::-1], 3))
        pixels = np.clip(np.asarray(smooth) + grain, 0, 255).astype(np.uint8)
        path = folder / f"{number:05}.jpg"
        Image.fromarray(pixels).save(path, quality=90)
        records.append(PictureRecord(path, "species", "", "", ""))
    return records


def pictures_a_second(work: Callable[[], object], count: int) -> float:
    """Rate of some work on so many pictures."""
    begun = time.perf_counter()
    work()
    return count / (time.perf_counter() - begun)


def main() -> None:
    """Run the command."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--tower", default="ViT-B-16")
    parser.add_argument("--pictures", type=int, default=256)
    parser.add_argument("--side", type=int, default=1024)
    args = parser.parse_args()
    tower = open_tower(args.tower)
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        records = make_pictures(folder, args.pictures, args.side)
        planes = [tower.prepare(Image.open(record.path)) for record in records[:BATCH]]
        tower.embed_batch(planes)
        cache = PictureCache(folder / "rows", tower.dim)

        def alone() -> None:
            for _ in range(len(records) // BATCH):
                tower.embed_batch(planes)

        tower_rate = pictures_a_second(alone, len(records) // BATCH * BATCH)
        rate = pictures_a_second(
            lambda: embedded(records, tower, cache, lambda key, image: None), len(records)
        )
    print(
        f"Machine: {machine()}, {os.cpu_count()} threads. {args.pictures} JPEG, {args.side} px.\n"
    )
    print(
        "| tower | alone, pictures/s | build, pictures/s | of the tower alone |\n|---|---|---|---|"
    )
    print(f"| {args.tower} | {tower_rate:.1f} | {rate:.1f} | {rate / tower_rate:.2f} |")


if __name__ == "__main__":
    main()
