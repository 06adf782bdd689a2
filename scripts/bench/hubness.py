"""Ways to correct for hubs: pictures that are near to every sound.

python scripts/bench/hubness.py [--bundle DIR] [--recordings DIR] [--twin BUNDLE DIR ...]

Raw cosine; each picture's cosine standardised over background (z-norm, what the listener does);
CSLS (Conneau et al. 2018, eq. 3: less the mean cosine of the picture's nearest background and of
the sound's nearest pictures); inverted softmax (Smith et al. 2017, eq. 9: normalised over the
background). Hubness is the skewness of k-occurrence: how often a picture is among the k nearest of
a window of a bird (Radovanovic et al. 2010). R@1 is of species, by the maximum over a recording's
windows. "Found" is the share of recordings with the right species above every window of background
(split validation).
"""

import argparse
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from edge.contract.bundle import load_bundle
from edge.search import Search
from gallery.calibrate import embed, open_ear
from gallery.takes import Take, read_background, read_takes
from train.birds.report import machine

_K, _NEAREST, _TEMPERATURE, _RATE_HZ = 10, 10, 0.1, 48_000
Correction = Callable[[np.ndarray, np.ndarray], np.ndarray]
"""Cosines float32[windows, rows] and float32[background, rows] -> what they are worth."""


def raw(cosine: np.ndarray, bank: np.ndarray) -> np.ndarray:
    """As it is."""
    return cosine


def z_norm(cosine: np.ndarray, bank: np.ndarray) -> np.ndarray:
    """In deviations from what background gets."""
    return (cosine - bank.mean(axis=0)) / np.maximum(bank.std(axis=0), 0.05)


def csls(cosine: np.ndarray, bank: np.ndarray) -> np.ndarray:
    """Less the density on either side."""
    hub = np.sort(bank, axis=0)[-_NEAREST:].mean(axis=0)
    dense = np.sort(cosine, axis=1)[:, -_NEAREST:].mean(axis=1, keepdims=True)
    return 2 * cosine - hub - dense


def inverted_softmax(cosine: np.ndarray, bank: np.ndarray) -> np.ndarray:
    """Logarithm of the share among the background that a picture attracts."""
    return cosine / _TEMPERATURE - np.log(np.exp(bank / _TEMPERATURE).mean(axis=0))


CORRECTIONS: dict[str, Correction] = {
    "raw cosine": raw,
    "z-norm": z_norm,
    "CSLS": csls,
    "inverted softmax": inverted_softmax,
}


@dataclass(frozen=True)
class Sounds:
    """Cosines of one bundle's windows with all pictures of its default species."""

    search: Search
    birds: np.ndarray
    """float32[windows, rows]."""
    take: np.ndarray
    species: list[str]
    """Of every take."""
    quiet: np.ndarray
    bank: np.ndarray


def listen(bundle: Path, birds: list[Take], quiet: list[Take], bank: list[Take]) -> Sounds:
    """Hear everything once."""
    opened = load_bundle(bundle)
    ear, spec = open_ear(opened, "fp32", bank), opened.manifest.audio
    ids = opened.species_ids(opened.manifest.default_species_set)
    search = Search(opened.gallery, ids, opened.manifest.top_pictures)
    sung, take, _ = embed(birds, ear.encoder, spec)
    still, _, heard = embed(quiet, ear.encoder, spec)
    species = [next(iter(one.species_ids)) for one in birds]
    rows = search.rows.T
    background = ear.bank.astype(np.float32)
    return Sounds(search, sung @ rows, take, species, still[heard] @ rows, background @ rows)


def measure(one: Sounds, correct: Correction) -> tuple[float, list[bool], np.ndarray, np.ndarray]:
    """Skewness, hits, the right species' best score a recording, and background's best scores."""
    worth = correct(one.birds, one.bank)
    near = np.argsort(-worth, axis=1)[:, :_K]
    count = np.bincount(near.ravel(), minlength=worth.shape[1])
    skewness = float(((count - count.mean()) ** 3).mean() / count.std() ** 3)
    scores = one.search.by_species(worth)
    best = np.stack([scores[one.take == n].max(axis=0) for n in range(len(one.species))])
    known = [n for n, name in enumerate(one.species) if name in one.search.species_ids]
    column = [one.search.species_ids.index(one.species[n]) for n in known]
    hits = [best[n].argmax() == c for n, c in zip(known, column, strict=True)]
    quiet = one.search.by_species(correct(one.quiet, one.bank)).max(axis=1)
    return skewness, hits, best[known, column], quiet


def main() -> None:
    """Run the command."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--bundle", type=Path, default=Path("edge/bundles/aviary"))
    parser.add_argument("--recordings", type=Path, default=Path("runs/long/aviary"))
    parser.add_argument("--twin", nargs=2, action="append", default=[], metavar=("BUNDLE", "DIR"))
    parser.add_argument("--background", type=Path, nargs="+", default=[Path("data/background")])
    args = parser.parse_args()
    bank = read_background(args.background, "train", _RATE_HZ)
    quiet = read_background(args.background, "validation", _RATE_HZ, most=40)
    sources = [(Path(a), Path(b)) for a, b in args.twin] or [(args.bundle, args.recordings)]
    heard = [
        listen(one, read_takes(data, "test", _RATE_HZ, birds=True), quiet, bank)
        for one, data in sources
    ]
    print(f"{machine()}; {', '.join(str(one) for one, _ in sources)}\n")
    print("| correction | hubness | R@1 | found above all background |\n|---|---|---|---|")
    for name, correct in CORRECTIONS.items():
        parts = [measure(one, correct) for one in heard]
        skewness = np.mean([one[0] for one in parts])
        hits = np.mean([hit for one in parts for hit in one[1]])
        found = np.mean([value > one[3].max() for one in parts for value in one[2]])
        print(f"| {name} | {skewness:.2f} | {hits:.3f} | {found:.3f} |")


if __name__ == "__main__":
    main()
