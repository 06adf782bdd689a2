"""Ways to correct for hubs: pictures that are near to every sound.

python scripts/bench/hubness.py [--bundle DIR] [--recordings DIR] [--fold BUNDLE DIR ...]

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
from edge.recognition.search import Search
from gallery.calibration.embedding import embed, open_model
from gallery.calibration.recordings import LabelledRecording, read_background, read_recordings
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
class Sung:
    """Cosines of one bundle's windows with all pictures of its default species."""

    search: Search
    birds: np.ndarray
    """float32[windows, rows]."""
    recording: np.ndarray
    species: list[str]
    """Of every take."""
    background: np.ndarray
    bank: np.ndarray


def listen(
    bundle: Path,
    birds: list[LabelledRecording],
    background: list[LabelledRecording],
    bank: list[LabelledRecording],
) -> Sung:
    """Hear everything once."""
    opened = load_bundle(bundle)
    model, spec = open_model(opened, "fp32", bank), opened.manifest.audio
    ids = opened.species_ids(opened.manifest.default_species_set)
    search = Search(opened.gallery, ids, opened.manifest.top_pictures)
    sung, recording, *_ = embed(birds, model.encoder, spec)
    still, _, audible, *_ = embed(background, model.encoder, spec)
    species = [next(iter(bird.species_ids)) for bird in birds]
    rows = search.rows.wide().T
    background = model.bank.astype(np.float32)
    return Sung(
        search=search,
        birds=sung @ rows,
        recording=recording,
        species=species,
        background=still[audible] @ rows,
        bank=background @ rows,
    )


def measure(sung: Sung, correct: Correction) -> tuple[float, list[bool], np.ndarray, np.ndarray]:
    """Skewness, hits, the right species' best score a recording, and background's best scores."""
    worth = correct(sung.birds, sung.bank)
    near = np.argsort(-worth, axis=1)[:, :_K]
    count = np.bincount(near.ravel(), minlength=worth.shape[1])
    skewness = float(((count - count.mean()) ** 3).mean() / count.std() ** 3)
    scores = sung.search.by_species(worth)
    best = np.stack([scores[sung.recording == n].max(axis=0) for n in range(len(sung.species))])
    known = [n for n, name in enumerate(sung.species) if name in sung.search.species_ids]
    column = [sung.search.species_ids.index(sung.species[n]) for n in known]
    hits = [best[n].argmax() == c for n, c in zip(known, column, strict=True)]
    background = sung.search.by_species(correct(sung.background, sung.bank)).max(axis=1)
    return skewness, hits, best[known, column], background


def main() -> None:
    """Run the command."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--bundle", type=Path, default=Path("edge/bundles/aviary"))
    parser.add_argument("--recordings", type=Path, default=Path("runs/long/aviary"))
    parser.add_argument("--fold", nargs=2, action="append", default=[], metavar=("BUNDLE", "DIR"))
    parser.add_argument("--background", type=Path, nargs="+", default=[Path("data/background")])
    args = parser.parse_args()
    bank = read_background(args.background, "train", _RATE_HZ)
    background = read_background(args.background, "validation", _RATE_HZ, most=40)
    sources = [(Path(a), Path(b)) for a, b in args.fold] or [(args.bundle, args.recordings)]
    audible = [
        listen(one, read_recordings(data, "test", _RATE_HZ, birds=True), background, bank)
        for one, data in sources
    ]
    print(f"{machine()}; {', '.join(str(one) for one, _ in sources)}\n")
    print("| correction | hubness | R@1 | found above all background |\n|---|---|---|---|")
    for name, correct in CORRECTIONS.items():
        parts = [measure(one, correct) for one in audible]
        skewness = np.mean([part[0] for part in parts])
        hits = np.mean([hit for part in parts for hit in part[1]])
        found = np.mean([value > part[3].max() for part in parts for value in part[2]])
        print(f"| {name} | {skewness:.2f} | {hits:.3f} | {found:.3f} |")


if __name__ == "__main__":
    main()
