"""Pictures, names and sounds as evidence for a species, alone and together, out of fold.

python scripts/bench/evidence.py edge/bundles/starter --fold BUNDLE DIR ... [--background DIR ...]

Every recording is heard by the fold that never heard its recordist. A species' sounds are the mean
embedding of the recordings that the fold was trained on. Each kind is standardised over the
background, and a species that lacks one is scored by the others. Of each choice of weights the
calibration is fitted anew, with recordings of other species (strangers), to the usual limits.
"""

import argparse
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from edge.contract.bundle import Bundle, load_bundle
from edge.recognition.background import BackgroundBank
from edge.recognition.prototypes import Prototypes
from edge.recognition.search import Search
from gallery.calibration.embedding import embed, embed_recordings, open_model
from gallery.calibration.recordings import read_background, read_recordings, shared_out
from gallery.calibration.scored_windows import ScoredWindows
from gallery.calibration.scoring import EmbeddedRecordings, ScoringModel
from gallery.calibration.threshold import (
    false_matches,
    fit_calibration,
    misled,
    true_matches,
)
from scripts.bench.ears import count_first
from scripts.bench.noise import fold_parser
from train.birds.folds import OTHERS, TEST, TRAIN, UNSEEN
from train.birds.report import machine

KINDS = ("pictures", "name", "sounds")
_WEIGHTS = ("1 0 0", "0 1 0", "0 0 1", "1 1 0", "1 3 0", "0 1 1", "0 3 1", "1 0 1", "1 1 1")


@dataclass(frozen=True)
class Evidence:
    """Embedded recordings, and what each kind says of every species."""

    part: EmbeddedRecordings
    scores: np.ndarray
    """float32[kinds, windows, species], standardised; NaN where the kind is lacking."""

    def windows(self, weights: Sequence[float], ids: Sequence[str], chosen: Sequence[str]):
        """The chosen species' windows by a weighted mean; a window more like another is inaudible.

        Args:
            weights: of the kinds.
            ids: of the scores' columns.
            chosen: some of them.
        """
        found = np.full(self.scores.shape[1:], -np.inf, np.float32)
        held = ~np.isnan(self.scores[:, 0])
        shares = np.array(weights, np.float32)[:, None] * held
        usable = shares.sum(axis=0) > 0
        shares = shares[:, usable] / shares[:, usable].sum(axis=0)
        known = np.nan_to_num(self.scores[:, :, usable])
        found[:, usable] = np.einsum("kws,ks->ws", known, shares)
        place = {species: n for n, species in enumerate(ids)}
        own = found[:, [place[species] for species in chosen if usable[place[species]]]]
        kept = [species for species in chosen if usable[place[species]]]
        audible = self.part.audible & (own.max(axis=1) >= found.max(axis=1))
        return replace(self.part, audible=audible).windows(own, kept)


def evidence(model: ScoringModel, part: EmbeddedRecordings, sounds: dict[str, np.ndarray]):
    """The fold's pictures, names and sounds on some recordings."""
    bundle = model.bundle
    ids, bank = bundle.taxonomy.ids, BackgroundBank(model.bank)
    scores = np.full((len(KINDS), len(part.embeddings), len(ids)), np.nan, np.float32)
    place = {species: n for n, species in enumerate(ids)}
    shown = [species for species in ids if species in bundle.gallery.members]
    search = Search(bundle.gallery, shown, bundle.manifest.top_pictures, model.bank)
    scores[0][:, [place[one] for one in shown]] = search.scores(part.embeddings).score
    for n, rows in ((1, bundle.anchors_by_id), (2, sounds)):
        known = [species for species in ids if species in rows]
        _, standard = Prototypes([rows[one] for one in known], bank).scores(part.embeddings)
        scores[n][:, [place[one] for one in known]] = standard
    return Evidence(part, scores)


def sounds_of(model: ScoringModel, folder: Path) -> dict[str, np.ndarray]:
    """Mean embedding of the audible windows that the fold was trained on, by species id."""
    spec = model.bundle.manifest.audio
    side_by_side = replace(spec, hop_samples=spec.window_samples)
    recordings = read_recordings(folder, TRAIN, spec.sample_rate_hz, birds=True)
    found = embed(recordings, model.encoder, side_by_side)
    rows: dict[str, list[np.ndarray]] = {}
    for owner, row, audible in zip(found.owners, found.embeddings, found.audible, strict=True):
        for species in recordings[owner].species_ids if audible else ():
            rows.setdefault(species, []).append(row)
    return {species: np.mean(one, axis=0) for species, one in rows.items()}


def evidence_of(args: argparse.Namespace) -> Iterator[Evidence]:
    """Of each fold the birds, strangers and the background."""
    rate_hz = load_bundle(args.bundle).manifest.audio.sample_rate_hz
    bank = read_background(args.background, "train", rate_hz)
    quiet = read_background(args.background, "validation", rate_hz)
    asked = shared_out(
        [
            [
                recording
                for split in (TEST, OTHERS, UNSEEN)
                for recording in read_recordings(Path(folder), split, rate_hz, birds=True)
            ]
            for _, folder in args.fold
        ]
    )
    for n, ((bundle, folder), birds) in enumerate(zip(args.fold, asked, strict=True)):
        model = open_model(load_bundle(Path(bundle)), "fp32", bank)
        sounds = sounds_of(model, Path(folder))
        yield evidence(model, embed_recordings(birds, model), sounds)
        yield evidence(model, embed_recordings(quiet[n :: len(args.fold)], model), sounds)


def row(parts: Sequence[Evidence], target: Bundle, weights: Sequence[float], name: str) -> str:
    """Cells of one choice of weights over a species set."""
    ids = target.taxonomy.ids
    scored = ScoredWindows.joined(
        [part.windows(weights, ids, target.species_ids(name)) for part in parts]
    )
    found = fit_calibration(scored)
    probability = found.probability(scored.score)
    right, takes = true_matches(probability, scored, found.threshold)
    own = ~scored.strangers
    wrong = false_matches(probability[own], scored.part(own), found.threshold)
    reported = f"{right / takes:.3f} | {wrong} | {misled(probability, scored, found.threshold):.3f}"
    first = count_first(scored, scored.audible) / takes
    return f"{first:.3f} | {reported} | {found.threshold:.3f}"


def main() -> None:
    """Run the command."""
    args = fold_parser(__doc__).parse_args()
    print(machine())
    target, parts = load_bundle(args.bundle), list(evidence_of(args))
    print(
        f"\n| {', '.join(KINDS)} | species set | first | reported | wrong | strangers | threshold |"
    )
    print("|---" * 7 + "|")
    for weights in _WEIGHTS:
        for name in target.manifest.species_sets:
            cells = row(parts, target, [float(weight) for weight in weights.split()], name)
            print(f"| {weights.replace(' ', ' : ')} | {name} | {cells} |", flush=True)


if __name__ == "__main__":
    main()
