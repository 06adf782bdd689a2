"""Bounds of `birdlisten gallery`: doubles of photographs, and pictures filed wrongly.

python scripts/bench/near_duplicates.py PICTURES [--changed 4] [--wrong 20] [--rounds 10]

PICTURES is a folder of JPEG files, all of other photographs. Every n-th is saved anew, made
smaller, brightened and cut, and its hash compared with the original's; so are all pairs.
Pictures of the packaged bundle's gallery are filed under another of its species, with six or more
pictures.
"""

import argparse
import io
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
from PIL import Image, ImageEnhance

from edge.config import PACKAGED_BUNDLE
from edge.contract.bundle import load_bundle
from edge.contract.gallery import Gallery
from edge.recognition.bits import ones
from edge.recognition.duplicates import NEAR_BITS, looks_of
from edge.recognition.picture_fit import picture_fit
from edge.recognition.pictures import PictureEncoder, difference_hash, open_picture

_MANY = 6
"""Pictures of species that others are filed under."""


def saved(image: Image.Image, quality: int) -> Image.Image:
    """A picture as JPEG of a quality."""
    file = io.BytesIO()
    image.save(file, "JPEG", quality=quality)
    return Image.open(io.BytesIO(file.getvalue())).convert("RGB")


def cut(image: Image.Image, share: float) -> Image.Image:
    """A picture without a share at each side."""
    width, height = image.size
    across, down = int(share * width), int(share * height)
    return image.crop((across, down, width - across, height - down))


CHANGES: dict[str, Callable[[Image.Image], Image.Image]] = {
    "JPEG of quality 40": lambda image: saved(image, 40),
    "half the size": lambda image: image.resize((image.width // 2, image.height // 2)),
    "brighter by a quarter": lambda image: ImageEnhance.Brightness(image).enhance(1.25),
    "cut by 2 %": lambda image: cut(image, 0.02),
    "cut by 5 %": lambda image: cut(image, 0.05),
    "mirrored": lambda image: image.transpose(Image.Transpose.FLIP_LEFT_RIGHT),
}


def doubles(files: list[Path], every: int) -> None:
    """Bits in which forms of a photograph, and different ones, differ."""
    images = [open_picture(file) for file in files]
    looks = looks_of([difference_hash(image) for image in images])
    apart = np.concatenate([ones(looks[n + 1 :] ^ looks[n]) for n in range(len(looks) - 1)])
    nearest, found = apart.min(), (apart <= NEAR_BITS).sum()
    print(f"{len(apart)} pairs: the nearest differ in {nearest} bits, {found} taken for doubles")
    bundle = load_bundle(PACKAGED_BUNDLE)
    rows = PictureEncoder(bundle.path, bundle.manifest).embed(images).astype(np.float32)
    alike = np.sort(rows @ bundle.gallery.rows.astype(np.float32).T, axis=1)
    least, other = alike[:, -1].min(), alike[:, -2].max()
    print(f"cosine with its shipped row {least:.4f} or more, with others' {other:.4f} at most")
    print("| change | found | bits, median | 95 % | most |\n|---|---|---|---|---|")
    for name, change in CHANGES.items():
        changed = looks_of([difference_hash(change(image)) for image in images[::every]])
        bits = ones(changed ^ looks[::every])
        middle, most = np.percentile(bits, [50, 95])
        share = (bits <= NEAR_BITS).mean()
        print(f"| {name} | {share:.3f} | {middle:.0f} | {most:.0f} | {bits.max()} |")


def misfiled(wrong: int, rounds: int) -> None:
    """Shares of pictures filed wrongly, and of the others, that are called outliers."""
    bundle = load_bundle(PACKAGED_BUNDLE)
    table, members = bundle.gallery.table, bundle.gallery.members
    many = [species for species, rows in members.items() if len(rows) >= _MANY]
    for named in (True, False):
        found, falsely = [], []
        for seed in range(rounds):
            random = np.random.default_rng(seed)
            filed = list(table)
            for row in random.choice(len(table), wrong, replace=False):
                filed[row] = replace(table[row], species_id=str(random.choice(many)))
            pairs = zip(filed, table, strict=True)
            is_wrong = np.array([new.species_id != old.species_id for new, old in pairs])
            changed = replace(bundle, gallery=Gallery(bundle.gallery.rows, tuple(filed)))
            changed = changed if named else replace(changed, anchors=None)
            outlier = picture_fit(changed).outlier
            found.append(outlier[is_wrong].mean())
            falsely.append(outlier[~is_wrong].mean())
        by = "names and pictures" if named else "pictures alone"
        print(f"misfiled, by {by}: found {np.mean(found):.3f}, falsely {np.mean(falsely):.4f}")


def main() -> None:
    """Run the command."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("pictures", type=Path)
    parser.add_argument("--changed", type=int, default=4)
    parser.add_argument("--wrong", type=int, default=20)
    parser.add_argument("--rounds", type=int, default=10)
    args = parser.parse_args()
    doubles(sorted(args.pictures.rglob("*.jpg")), args.changed)
    misfiled(args.wrong, args.rounds)


if __name__ == "__main__":
    main()
