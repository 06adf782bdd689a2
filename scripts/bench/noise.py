"""Recordings over background, by the ratio of powers, and at other levels; another ear beside.

python scripts/bench/noise.py edge/bundles/starter [--fold BUNDLE DIR ...] [--beside BUNDLE]
                              [--recordings data/birds] [--output FILE.png]

The recordings of split test; with folds each is heard by the one that never heard its recordist,
with the thresholds of the bundle. The ear beside, such as what `./scripts/ear birdnet` makes, has
probably heard them all. The recordings of other species (strangers) are asked for reports of the
set's species only.
"""

import argparse
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from edge.contract.bundle import load_bundle
from gallery.calibration.embedding import open_model
from gallery.calibration.recordings import LabelledRecording, read_background, read_recordings
from scripts.bench.ears import RATIOS_DB, Count, Hearing, noisy, table
from train.birds.folds import OTHERS, TEST, UNSEEN
from train.birds.report import machine

PEAKS_DBFS = (0, -10, -20, -30, -40)
Counts = dict[str, Count]
"""By species set."""


@dataclass(frozen=True)
class Part:
    """A listener, and the recordings that it is asked about."""

    hearing: Hearing
    recordings: list[LabelledRecording]


@dataclass(frozen=True)
class FoldModel:
    """A model that never heard some recordings, with the thresholds of the bundle."""

    hearing: Hearing
    folder: Path

    def part(self, split: str) -> Part:
        """The model with its recordings of a split."""
        rate_hz = self.hearing.bundle.manifest.audio.sample_rate_hz
        return Part(self.hearing, read_recordings(self.folder, split, rate_hz, birds=True))


def fold_parser(description: str | None, required: bool = True) -> argparse.ArgumentParser:
    """A parser of a bundle, its folds, and the background of their banks."""
    parser = argparse.ArgumentParser(description=description)
    parser.add_argument("bundle", type=Path)
    parser.add_argument("--fold", nargs=2, action="append", default=None if required else [],
                        required=required, metavar=("BUNDLE", "DIR"))  # fmt: skip
    parser.add_argument("--background", type=Path, nargs="+",
                        default=[Path("data/birds"), Path("data/background")])  # fmt: skip
    return parser


def folds_of(args: argparse.Namespace) -> list[FoldModel]:
    """The models of the bundle's folds; the bundle itself, if it has none."""
    target = load_bundle(args.bundle)
    if not args.fold:
        return [FoldModel(Hearing(target), args.recordings)]
    bank = read_background(args.background, "train", target.manifest.audio.sample_rate_hz)
    found = []
    for bundle, folder in args.fold:
        hearing = Hearing(target)
        hearing.ear = open_model(load_bundle(Path(bundle)), "fp32", bank)
        found.append(FoldModel(hearing, Path(folder)))
    return found


def together(found: Sequence[Counts]) -> Counts:
    """The sums of some counts."""
    return {
        name: Count(*(sum(getattr(one[name], key) for one in found) for key in vars(first)))
        for name, first in found[0].items()
    }


def count(parts: Sequence[Part], noise: Sequence[LabelledRecording], ratio: float | None) -> Counts:
    """Counts over all parts at a ratio."""
    return together([part.hearing.count(noisy(part.recordings, noise, ratio)) for part in parts])


def rows_of(
    parts: Sequence[Part], noise: Sequence[LabelledRecording], into: list[Counts]
) -> Iterator[tuple[str, Counts]]:
    """A row a ratio."""
    for ratio in RATIOS_DB:
        into.append(count(parts, noise, ratio))
        yield "clean" if ratio is None else f"{ratio:+} dB", into[-1]


def level_rows(parts: Sequence[Part]) -> Iterator[tuple[str, Counts]]:
    """A row a peak level."""
    for level in PEAKS_DBFS:
        peak = 10 ** (level / 20)
        yield (
            f"{level} dBFS",
            together([part.hearing.count(at_peak(part.recordings, peak)) for part in parts]),
        )


def at_peak(recordings: Sequence[LabelledRecording], peak: float) -> list[LabelledRecording]:
    """The recordings, scaled."""
    return [
        replace(
            one, waveform=one.waveform * np.float32(peak / max(np.abs(one.waveform).max(), 1e-9))
        )
        for one in recordings
    ]


def plot(output: Path, curves: dict[str, list[Counts]]) -> None:
    """Right species first, and reported rightly, against the ratio."""
    import matplotlib

    matplotlib.use("agg")
    from matplotlib import pyplot

    figure, panels = pyplot.subplots(1, 2, figsize=(9, 4), sharey=True, constrained_layout=True)
    labels = ["clean" if one is None else f"{one:+}" for one in RATIOS_DB]
    for name, found in curves.items():
        for set_name in found[0] if found else ():
            counts = [one[set_name] for one in found]
            for axes, key in zip(panels, ("first", "right"), strict=True):
                shares = [getattr(one, key) / one.recordings for one in counts]
                axes.plot(labels, shares, "o-", label=f"{name}, {set_name}")
    for axes, title in zip(panels, ("right species first", "reported rightly"), strict=True):
        axes.set(ylim=(0, 1), xlabel="bird to background, dB", title=title)
    panels[0].legend(fontsize="small")
    figure.savefig(output, dpi=80)
    pyplot.close(figure)


def main() -> None:
    """Run the command."""
    parser = fold_parser(__doc__, required=False)
    parser.add_argument("--beside", type=Path, help="such as birdnet's bundle")
    parser.add_argument("--recordings", type=Path, default=Path("data/birds"))
    parser.add_argument("--output", type=Path)
    args = parser.parse_args()
    print(machine())
    models, curves = folds_of(args), {"starter": [], "ear": []}
    folds = [model.part(TEST) for model in models]
    spec = folds[0].hearing.bundle.manifest.audio
    noise = read_background([args.recordings], "test", spec.sample_rate_hz)
    sets = folds[0].hearing.sets
    table("The bundle, out of fold", rows_of(folds, noise, curves["starter"]), sets)
    table("By peak level", level_rows(folds), sets)
    if args.fold:
        strangers = (
            (split, count([model.part(split) for model in models], noise, None))
            for split in (OTHERS, UNSEEN)
        )
        table("Recordings of other species", strangers, sets)
    if args.beside and args.beside.is_dir():
        ear = Hearing(load_bundle(args.beside))
        beside = [Part(ear, [one for part in folds for one in part.recordings])]
        table(f"{args.beside.name}", rows_of(beside, noise, curves["ear"]), ear.sets)
    if args.output:
        plot(args.output, {name: found for name, found in curves.items() if found})


if __name__ == "__main__":
    main()
