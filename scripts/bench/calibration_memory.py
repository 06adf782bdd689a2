"""Memory of a calibration of many recordings, over the species sets of a bundle.

python scripts/bench/calibration_memory.py [--recordings 20000] [--windows 10] [--fuse]

Nothing is decoded: windows are embeddings near the name of their species, or of none, and noise.
Prints the most memory that the process held, files that it read counted, and processor time.
"""

import argparse
import resource
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from edge.config import PACKAGED_BUNDLE
from edge.contract.bundle import Bundle, load_bundle
from gallery.calibration.row_file import RowFile
from gallery.calibration.scoring import EmbeddedRecordings, ScoringModel
from gallery.calibration.species_sets import fit_sets
from gallery.calibration.threshold import ThresholdLimits
from train.birds.report import machine

_AT_ONCE = 1000
_NOISE = 4.0
"""Length of the noise beside the name's anchor."""


def embedded(
    bundle: Bundle, recordings: int, windows: int, precision: str, seed: int = 0
) -> EmbeddedRecordings:
    """Recordings, one in ten of them without a bird."""
    random, taxonomy = np.random.default_rng(seed), bundle.taxonomy.ids
    species = random.integers(len(taxonomy), size=recordings)
    species[: recordings // 10] = -1
    rows = RowFile()
    for begin in range(0, recordings, _AT_ONCE):
        rows.append(_windows(bundle, species[begin : begin + _AT_ONCE], windows, random))
    hop = bundle.manifest.audio.hop_samples
    return EmbeddedRecordings(
        model=ScoringModel(bundle, None, bundle.background(precision)),
        species_ids=tuple(frozenset(taxonomy[n] for n in [own] if n >= 0) for own in species),
        embeddings=rows,
        owners=np.repeat(np.arange(recordings), windows),
        audible=np.ones(recordings * windows, bool),
        starts=np.tile(np.arange(windows) * hop, recordings),
    )


def _windows(
    bundle: Bundle, species: np.ndarray, windows: int, random: np.random.Generator
) -> np.ndarray:
    own = np.repeat(species, windows)
    noise = random.standard_normal((len(own), bundle.manifest.embedding_dim), np.float32)
    noise *= _NOISE / np.sqrt(noise.shape[1])
    rows = noise + bundle.anchors[own].astype(np.float32) * (own >= 0)[:, None]
    return rows / np.linalg.norm(rows, axis=1, keepdims=True)


def figures(recordings: int, fitted: dict) -> Iterator[str]:
    """Lines for a person."""
    used = resource.getrusage(resource.RUSAGE_SELF)
    seconds = used.ru_utime + used.ru_stime
    yield f"{recordings:,} recordings: most {used.ru_maxrss / 1024:.0f} MiB, {seconds:.0f} s"
    for name, (calibration, hits) in fitted.items():
        right, birds = hits.true_matches(calibration.threshold)
        yield f"{name}: {hits.width} names, {calibration.threshold:.3f}, {right} of {birds}"


def main() -> None:
    """Run the command."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--bundle", type=Path, default=PACKAGED_BUNDLE)
    parser.add_argument("--precision", default="int8")
    parser.add_argument("--recordings", type=int, default=20_000)
    parser.add_argument("--windows", type=int, default=10, help="a recording")
    parser.add_argument("--fuse", action="store_true", help="by pictures and names, all weights")
    args = parser.parse_args()
    bundle, begun = load_bundle(args.bundle), time.perf_counter()
    part = embedded(bundle, args.recordings, args.windows, args.precision)
    fitted = fit_sets(bundle, [part], args.fuse, ThresholdLimits())
    print(f"Machine: {machine()}. {time.perf_counter() - begun:.0f} s by the clock.")
    print(*figures(args.recordings, fitted), sep="\n")


if __name__ == "__main__":
    main()
