"""Grid pointing game of a bundle's picture map, in which the sound names the picture.

python scripts/bench/picture_map.py BIRDS --bundle BUNDLE [--mosaics 400] [--recordings 3]
                                    [--seed 0]

BIRDS holds audio/SPECIES and images/SPECIES. Photographs of four species are laid together, two by
two (Boehle, Fritz and Schiele 2021, arXiv 2104.00032, section 4.2), and a recording of one of them
is heard, or its name read: in which of the four is the strongest place, and which has the greatest
mean? A strongest place on the border between two counts as missed. Chance is 0.25.
"""

import argparse
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from PIL import Image

from edge.command.opening import open_recognizer
from edge.config import Settings
from edge.contract.arrays import Embeddings
from edge.contract.taxonomy import slug
from edge.recognition.picture_map import PictureMap, SimilarityMap
from edge.recognition.pictures import open_picture
from edge.recognition.recognizer import Recognizer
from edge.source.framing import frame_blocks
from edge.source.recording import read_blocks
from edge.source.suffixes import SUFFIXES

SIDE = 224
"""Of a photograph in a mosaic."""


def heard(path: Path, recognizer: Recognizer) -> Embeddings:
    """Embeddings of the windows that pass the gate, or of all if none does."""
    windows = list(frame_blocks(read_blocks(path), recognizer.bundle.manifest.audio))
    rows = np.stack([scores.embedding for scores in recognizer.score(windows)])
    passing = np.array([recognizer.judge(window).reason is None for window in windows])
    kept: Embeddings = rows[passing] if passing.any() else rows
    return kept


def square(path: Path) -> Image.Image:
    """The middle of a photograph."""
    image = open_picture(path)
    left, top = ((side - min(image.size)) // 2 for side in image.size)
    box = (left, top, left + min(image.size), top + min(image.size))
    return image.resize((SIDE, SIDE), Image.Resampling.BICUBIC, box=box)


def mosaic(pictures: Sequence[Path]) -> Image.Image:
    """Four photographs, two by two."""
    whole = Image.new("RGB", (2 * SIDE, 2 * SIDE))
    for n, path in enumerate(pictures):
        whole.paste(square(path), (n % 2 * SIDE, n // 2 * SIDE))
    return whole


def outcome(similarity: SimilarityMap, place: int) -> tuple[bool, bool]:
    """True where the strongest place, and the greatest mean, is that of a quarter."""
    x, y = similarity.strongest
    column, row = (n * 0.5 for n in (place % 2, place // 2))
    values = similarity.over(2 * SIDE, 2 * SIDE).reshape(2, SIDE, 2, SIDE)
    within = column < x < column + 0.5 and row < y < row + 0.5
    return within, values.mean(axis=(1, 3)).argmax() == place


def told(name: str, hits: list[tuple[bool, bool]]) -> str:
    """A line of the table, with 95 % of a binomial's spread."""
    shares = np.mean(hits, axis=0)
    spread = 1.96 * np.sqrt(shares * (1 - shares) / len(hits))
    cells = (f"{share:.3f} +- {wide:.3f}" for share, wide in zip(shares, spread, strict=True))
    return f"| {name} | {' | '.join(cells)} |"


def main() -> None:
    """Run the command."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("birds", type=Path)
    parser.add_argument("--bundle", required=True)
    parser.add_argument("--mosaics", type=int, default=400)
    parser.add_argument("--recordings", type=int, default=3, help="of a species")
    parser.add_argument("--seed", type=int, default=0)
    args = parser.parse_args()
    recognizer = open_recognizer(Settings(bundle=args.bundle, species="all"))
    bundle = recognizer.bundle
    network = PictureMap(bundle.path, bundle.manifest)
    anchors, drawn = bundle.anchors_by_id, np.random.default_rng(args.seed)
    sounds, pictures = dict[str, list[Embeddings]](), dict[str, list[Path]]()
    for folder in sorted((args.birds / "images").iterdir()):
        files = sorted((args.birds / "audio" / folder.name).glob("*"))
        files = [file for file in files if file.suffix.lower() in SUFFIXES][: args.recordings]
        if files and slug(folder.name.replace("_", " ")) in anchors:
            sounds[folder.name] = [heard(file, recognizer) for file in files]
            pictures[folder.name] = sorted(folder.glob("*.jpg"))
    by_sound, by_name = list[tuple[bool, bool]](), list[tuple[bool, bool]]()
    for _ in range(args.mosaics):
        species = [str(name) for name in drawn.choice(sorted(sounds), 4, replace=False)]
        place = int(drawn.integers(4))
        shown = mosaic([pictures[name][drawn.integers(len(pictures[name]))] for name in species])
        singing = species[place]
        rows = sounds[singing][drawn.integers(len(sounds[singing]))]
        anchor = anchors[slug(singing.replace("_", " "))][None]
        by_sound.append(outcome(network.similarity(shown, rows), place))
        by_name.append(outcome(network.similarity(shown, anchor), place))
    print(f"{len(sounds)} species, {args.mosaics} mosaics")
    print("| asked by | strongest place | greatest mean |\n|---|---|---|")
    print(told("sound", by_sound), told("name", by_name), sep="\n")


if __name__ == "__main__":
    main()
