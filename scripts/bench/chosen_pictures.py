"""From sound to picture among all species, before and after `birdlisten gallery choose`.

python scripts/bench/chosen_pictures.py --fold BUNDLE DIR ... [--keep 3 1]

Every recording is asked of a fold that never heard its recordist: the 29 species (test), others
that training heard (others), and such as no training heard, saw or read of (unseen). A picture is
as near as the nearest window of a recording; a species as its nearest picture. Of a species
without a picture nothing is asked.
"""

import argparse
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from edge.command.gallery_choose import ChoiceRequest, chosen
from edge.contract.arrays import Flags, Float32s
from edge.contract.bundle import Bundle, load_bundle
from edge.recognition.encoder import Encoder, open_encoder
from edge.recognition.picture_fit import picture_fit
from edge.recognition.runtime import RuntimeOptions
from gallery.calibration.embedding import embed
from gallery.calibration.recordings import LabelledRecording, read_recordings, shared_out
from scripts.bench.verdicts import interval
from train.birds.folds import OTHERS, TEST, UNSEEN
from train.birds.report import machine

SPLITS = (TEST, OTHERS, UNSEEN)


@dataclass(frozen=True)
class FoldGallery:
    """A fold's model, and its pictures as they are and as they would be chosen."""

    bundle: Bundle
    encoder: Encoder
    kept: dict[int, Flags]
    """bool[pictures] by how many stay; 0: all."""

    @classmethod
    def of(cls, path: Path, keep: Sequence[int]) -> "FoldGallery":
        """That of a bundle."""
        bundle = load_bundle(path)
        fit = picture_fit(bundle)
        stays = {count: chosen(bundle, fit, ChoiceRequest(keep=count)) for count in keep}
        kept = {0: np.ones(len(bundle.gallery.table), bool), **stays}
        encoder = open_encoder(bundle, "fp32", RuntimeOptions("cpu", threads=1))
        return cls(bundle, encoder, kept)

    def ranks(self, recordings: Sequence[LabelledRecording]) -> Iterator[dict[int, int]]:
        """Of each recording of a species with pictures: its rank, 1 the best, by how many stay."""
        gallery, members = self.bundle.gallery, self.bundle.gallery.members
        asked = [one for one in recordings if next(iter(one.species_ids)) in members]
        if not asked:
            return
        found = embed(asked, self.encoder, self.bundle.manifest.audio)
        cosine = found.embeddings @ gallery.rows.astype(np.float32).T
        for number, recording in enumerate(asked):
            nearest = cosine[found.owners == number].max(axis=0)
            own = next(iter(recording.species_ids))
            yield {count: self._rank(nearest, stays, own) for count, stays in self.kept.items()}

    def _rank(self, nearest: Float32s, stays: Flags, own: str) -> int:
        members = self.bundle.gallery.members
        best = {name: nearest[rows[stays[rows]]].max() for name, rows in members.items()}
        return 1 + sum(value > best[own] for value in best.values())


def line(name: str, ranks: Sequence[int]) -> str:
    """Shares among the first, and quartiles."""
    held = np.array(ranks)
    first, five = (interval((held <= top).astype(float)) for top in (1, 5))
    quartiles = ", ".join(f"{value:g}" for value in np.percentile(held, [25, 50, 75]))
    return f"| {name} | {len(held)} | {first} | {five} | {quartiles} |"


def main() -> None:
    """Run the command."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument(
        "--fold", nargs=2, action="append", required=True, metavar=("BUNDLE", "DIR")
    )
    parser.add_argument("--keep", type=int, nargs="+", default=[3, 1])
    args = parser.parse_args()
    folds = [(FoldGallery.of(Path(bundle), args.keep), folder) for bundle, folder in args.fold]
    gallery = folds[0][0].bundle.gallery
    rate_hz = folds[0][0].bundle.manifest.audio.sample_rate_hz
    print(f"{machine()}; {len(gallery.table)} pictures of {len(gallery.members)} species\n")
    print("| recordings, pictures | asked | R@1 | R@5 | quartiles of the rank |")
    print("|---|---|---|---|---|")
    for split in SPLITS:
        heard = [read_recordings(folder, split, rate_hz, birds=True) for _, folder in folds]
        shared = heard if split == TEST else shared_out(heard)
        ranks = [
            rank
            for (fold, _), recordings in zip(folds, shared, strict=True)
            for rank in fold.ranks(recordings)
        ]
        for count in (0, *args.keep) if ranks else ():
            name = f"{split}, {f'at most {count} a species' if count else 'all'}"
            print(line(name, [rank[count] for rank in ranks]), flush=True)


if __name__ == "__main__":
    main()
