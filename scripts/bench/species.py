"""Species that a bundle listens for, and how well its folds hear each: rows of edge/species.md.

python scripts/bench/species.py edge/bundles/starter --fold BUNDLE DIR ...

Every recording is heard by a fold that never heard its recordist, over the default species set at
the bundle's threshold; what no fold heard is asked of one each. First: its species has the highest
score of any window. Reported: as the listener would. For another: reports of the species in
recordings of others, be they of the set or not.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from edge.contract.bundle import Bundle
from gallery.calibration.embedding import embed_recordings
from gallery.calibration.hits import matches
from gallery.calibration.recordings import shared_out
from gallery.calibration.scored_windows import ScoredWindows
from gallery.calibration.scoring import score
from scripts.bench.ears import best_of
from scripts.bench.noise import fold_parser, folds_of
from train.birds.folds import OTHERS, TEST, UNSEEN
from train.birds.report import machine


@dataclass
class Heard:
    """Counts of one species."""

    recordings: int = 0
    first: int = 0
    reported: int = 0
    other: int = 0


def add(found: dict[str, Heard], windows: ScoredWindows, passing: np.ndarray, ids: list[str]):
    """Count the takes of a fold."""
    for take in np.unique(windows.recording):
        own = windows.recording == take
        best = ids[best_of(windows, own & windows.audible, own)]
        reports = {
            ids[n]: matches(passing[own][:, [n]], windows.start[own], windows.spec) > 0
            for n in np.flatnonzero(passing[own].any(axis=0))
        }
        for n in np.flatnonzero(windows.present[own].any(axis=0)):
            count = found[ids[n]]
            count.recordings += 1
            count.first += best == ids[n]
            count.reported += reports.pop(ids[n], False)
        for species, reported in reports.items():
            found[species].other += reported


def rows(bundle: Bundle, found: dict[str, Heard]) -> Iterator[str]:
    """A row a species that was asked, by its name; then those that were not."""
    known = {one.species_id: one for one in bundle.taxonomy.species}
    unasked = []
    for species_id in sorted(found, key=lambda one: known[one].common_name):
        species, count = known[species_id], found[species_id]
        if count.recordings:
            counts = (count.recordings, count.first, count.reported, count.other)
            names = f"{species.common_name} | *{species.scientific_name}*"
            yield f"| {names} | {' | '.join(map(str, counts))} |"
        else:
            wrong = f", {count.other} for another" if count.other else ""
            unasked.append(f"{species.common_name} (*{species.scientific_name}*{wrong})")
    yield f"\n{len(unasked)} more: {', '.join(unasked)}."


def main() -> None:
    """Run the command."""
    args = fold_parser(__doc__).parse_args()
    models = folds_of(args)
    target = models[0].hearing.bundle
    name = target.manifest.default_species_set
    known = models[0].hearing.known[name]
    ids = list(target.species_ids(name))
    found = {species_id: Heard() for species_id in ids}
    for split in (TEST, OTHERS, UNSEEN):
        asked = shared_out([model.part(split).recordings for model in models])
        for model, recordings in zip(models, asked, strict=True):
            part = embed_recordings(recordings, model.hearing.ear)
            windows = score(part, target, known.weights)[name]
            passing = known.probability(windows.score) >= known.threshold
            add(found, windows, passing & windows.audible[:, None], ids)
    print(machine())
    print("\n| | | recordings | first | reported | for another |\n|---|---|---|---|---|---|")
    print(*rows(target, found), sep="\n")


if __name__ == "__main__":
    main()
