"""Calibration: background bank, score -> probability, and the default threshold.

python -m gallery.calibrate BUNDLE --recordings DATA [--background DATA ...] [--split validation]
                                   [--fold BUNDLE DATA ...] [--fuse] [--strangers SPLIT ...]
                                   [--least-right 0.83] [--false-per-hour 1] [--choose-set]

DATA is a folder or KIND:FOLDER of a published corpus, such as ssw60:FOLDER, as train takes it.
Recordings that training never heard are scored window by window, alone and two at a time over
background, as birds sing. The map is a curve fitted to "this species is there", logistic or
isotonic. The threshold is the lowest at which the listener's own gate and confirmation, replayed on
recordings and background, make at most one false match an hour of background, and are right five
times of six among birds, or what else is asked for.

A bundle that was trained on every recording there is has none left; then the models of its
cross-validation are scored out of fold: each on the test split of the data set whose training split
made it, and all are fitted together.

With --fuse a species is scored by its pictures and by its name, and beside the chosen species every
name that the bundle knows: a window that is more like another is no match. Of some weights those
are taken with which most recordings are reported rightly within the limits, over all sets.

Windows wait in a file in TMPDIR, else /var/tmp: per window and name five bytes.

A precision that hears the background as one before it does (cosines of 0.9999 and more) shares its
bank and calibration.

With --strangers recordings of further splits are heard, too, each by one fold of those that never
heard it. Of species that a set lacks at most one in twenty of them may be reported.

With --choose-set the default set is the largest one that reports four fifths of what the best does
of the species in all of them; not that of all names, some of which no fold may have heard.
"""

import json
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from edge.command.parser import Parser
from edge.contract.arrays import Float16s
from edge.contract.bundle import load_bundle, npy_bytes, write_bundle
from edge.contract.calibration import Calibration
from edge.contract.editing import editing
from edge.contract.errors import DatasetError
from edge.contract.taxonomy import Taxonomy
from gallery.calibration.embedding import embed_recordings, open_model
from gallery.calibration.hits import Hits
from gallery.calibration.likeness import kept_maps
from gallery.calibration.recordings import (
    LabelledRecording,
    check_recorded,
    mixtures,
    read_background,
    read_recordings,
    shared_out,
)
from gallery.calibration.scoring import EmbeddedRecordings, ScoringModel
from gallery.calibration.species_sets import FittedSet, fit_sets, largest_set
from gallery.calibration.threshold import ThresholdLimits
from gallery.command import run

_ALIKE = 0.9999
"""Least cosine of embeddings that are the same but for rounding."""
VALIDATION = "validation"
"""Split of the background that is scored."""


@dataclass(frozen=True)
class Source:
    """A bundle, and recordings of birds that its training never heard."""

    bundle: Path
    recordings: str | Path
    """See `gallery.data.corpora`."""
    split: str
    strangers: Sequence[str] = ()
    """Further splits; of species that a set lacks hardly any may be reported."""


@dataclass(frozen=True)
class Singers:
    """Recordings of a source: birds, and those of further splits."""

    source: Source
    birds: list[LabelledRecording]
    strangers: list[LabelledRecording]

    def parts(
        self, model: ScoringModel, background: list[LabelledRecording]
    ) -> Iterator[EmbeddedRecordings]:
        """As a model hears them: birds alone, two at a time over background, strangers."""
        yield embed_recordings(self.birds, model, in_file=True)
        mixed = mixtures(self.birds, background)
        yield embed_recordings(mixed, model, mixed=True, in_file=True)
        if self.strangers:
            yield embed_recordings(self.strangers, model, in_file=True)


def calibrate(
    bundle_path: Path,
    backgrounds: Sequence[str | Path],
    sources: Sequence[Source],
    fuse: bool = False,
    limits: ThresholdLimits | None = None,
    choose_set: bool = False,
) -> list[str]:
    """Write background bank and calibration of every precision into a bundle.

    Args:
        bundle_path: the bundle.
        backgrounds: data sets with recordings without a bird: split train makes the bank, split
            validation is scored beside the birds.
        sources: the bundle itself; or the models of its folds, each trained without the
            recordings that it is scored on, for a bundle that was trained on all of them.
        fuse: score by pictures and names, all names.
        limits: of the threshold.
        choose_set: the default set becomes the largest one that reports about as much as the best.

    Returns:
        A line a precision and species set, for a person.

    Raises:
        BirdlistenError: a bundle or the recordings can't be used.
    """
    _check_all(backgrounds, sources)
    bundle = load_bundle(bundle_path)
    rate_hz = bundle.manifest.audio.sample_rate_hz
    background = read_background(backgrounds, VALIDATION, rate_hz)
    if not background:
        folders = ", ".join(map(str, backgrounds))
        raise DatasetError(
            f"{folders}: no background in split {VALIDATION} is readable; see the lines above"
        )
    bank_recordings = read_background(backgrounds, "train", rate_hz) or background
    strangers = shared_out([_strangers(source, rate_hz, bundle.taxonomy) for source in sources])
    singers = [
        Singers(source, _birds(source, rate_hz, bundle.taxonomy), strange)
        for source, strange in zip(sources, strangers, strict=True)
    ]
    calibrations, lines, first = dict[str, Any](), list[str](), dict[str, FittedSet]()
    banks, hears_as = dict[str, Float16s](), dict[str, str]()
    for precision in bundle.manifest.precisions:
        own = open_model(bundle, precision, bank_recordings)
        twin = next((name for name in banks if _is_alike(banks[name], own.bank)), None)
        hears_as[precision] = twin or precision
        if twin is not None:
            calibrations[precision] = calibrations[twin]
            lines.append(f"{precision}: as {twin}, which hears the same")
            continue
        banks[precision] = own.bank
        parts = [embed_recordings(background, own, in_file=True)]
        for sung in singers:
            out_of_fold = sung.source.bundle != bundle_path
            other = load_bundle(sung.source.bundle) if out_of_fold else bundle
            model = open_model(other, precision, bank_recordings) if out_of_fold else own
            parts += sung.parts(model, background)
        fitted = fit_sets(bundle, parts, fuse, limits or ThresholdLimits())
        calibrations[precision] = {
            name: kept_maps(bundle, precision, name, found).to_json()
            for name, (found, _) in fitted.items()
        }
        lines += [f"{precision}, {name}: {_line(*found)}" for name, found in fitted.items()]
        first = first or fitted
    contents = {
        f"background.{precision}": npy_bytes(banks[twin]) for precision, twin in hears_as.items()
    }
    contents["calibration"] = json.dumps(calibrations, indent=1).encode()
    manifest = bundle.manifest
    if choose_set:  # as the most exact precision has it
        named = [name for name, ids in manifest.species_sets.items() if ids is not None]
        chosen = largest_set({name: first[name] for name in named or first})
        manifest = replace(manifest, default_species_set=chosen)
        lines.append(f"default set: {chosen}")
    write_bundle(bundle_path, manifest, contents)
    return lines


def _is_alike(bank: Float16s, other: Float16s) -> bool:
    """Two encoders heard the same in the same windows."""
    if bank.shape != other.shape:
        return False
    rows, others = bank.astype(np.float32), other.astype(np.float32)
    lengths = np.linalg.norm(rows, axis=1) * np.linalg.norm(others, axis=1)  # halves are not unit
    return bool(((rows * others).sum(axis=1) >= _ALIKE * lengths).all())


def _line(found: Calibration, hits: Hits) -> str:
    right, recordings = hits.true_matches(found.threshold)
    said = f"threshold {found.threshold:.3f} reports {right} of {recordings} recordings rightly"
    return said if right else f"{said}: none keeps to the limits (--least-right, --false-per-hour)"


def _check_all(backgrounds: Sequence[str | Path], sources: Sequence[Source]) -> None:
    """Refuse data that can't be used, before hours go into it; one background is enough."""
    purpose = "calibration"
    for source in sources:
        check_recorded(source.recordings, (source.split,), birds=True, purpose=purpose)
    lacking = list[DatasetError]()
    for data in backgrounds:
        try:
            check_recorded(data, (VALIDATION,), birds=False, purpose=purpose)
        except DatasetError as error:
            lacking.append(error)
    if len(lacking) == len(backgrounds):
        raise lacking[0]


def _birds(source: Source, rate_hz: int, taxonomy: Taxonomy) -> list[LabelledRecording]:
    birds = read_recordings(source.recordings, source.split, rate_hz, birds=True, taxonomy=taxonomy)
    if not birds:
        raise DatasetError(f"{source.recordings}: no recording is readable; see the lines above")
    return birds


def _strangers(source: Source, rate_hz: int, taxonomy: Taxonomy) -> list[LabelledRecording]:
    return [
        recording
        for split in source.strangers
        for recording in read_recordings(
            source.recordings, split, rate_hz, birds=True, taxonomy=taxonomy
        )
    ]


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command."""
    parser = Parser(prog="python -m gallery.calibrate", description=__doc__)
    parser.add_argument("bundle", type=Path)
    parser.add_argument(
        "--recordings", metavar="DATA", default="data/aviary", help="a folder, or KIND:FOLDER"
    )
    parser.add_argument(
        "--background", nargs="+", metavar="DATA", help="default: the recordings' folder"
    )
    parser.add_argument("--split", default=VALIDATION)
    parser.add_argument("--fuse", action="store_true", help="score by pictures and names")
    parser.add_argument(
        "--strangers",
        nargs="+",
        default=(),
        metavar="SPLIT",
        help="splits with recordings of species beside",
    )
    usual = ThresholdLimits()
    parser.add_argument(
        "--least-right",
        type=float,
        default=usual.right,
        metavar="SHARE",
        help="of what is reported among birds (default 5/6)",
    )
    parser.add_argument(
        "--false-per-hour",
        type=float,
        default=usual.false_per_hour,
        metavar="N",
        help="matches an hour of background that the threshold may allow (default 1)",
    )
    parser.add_argument(
        "--fold",
        "--twin",
        nargs=2,
        metavar=("BUNDLE", "DATA"),
        action="append",
        default=[],
        help="see above",
    )
    parser.add_argument("--choose-set", action="store_true", help="choose the default species set")
    args = parser.parse_args(argv)

    def command() -> None:
        folds = [
            Source(Path(bundle), folder, "test", args.strangers) for bundle, folder in args.fold
        ]
        sources = folds or [Source(args.bundle, args.recordings, args.split, args.strangers)]
        folders = args.background or [args.recordings]
        limits = ThresholdLimits(args.least_right, args.false_per_hour)
        with editing(args.bundle):  # it takes hours: a gallery that was edited would be lost
            lines = calibrate(
                args.bundle,
                backgrounds=folders,
                sources=sources,
                fuse=args.fuse,
                limits=limits,
                choose_set=args.choose_set,
            )
        print(*lines, sep="\n")

    return run(command)


if __name__ == "__main__":
    sys.exit(main())
