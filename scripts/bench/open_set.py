"""False matches an hour and what is found, over thresholds; and whether probabilities are true.

python scripts/bench/open_set.py [--bundle DIR] [--recordings DIR ...] [--fold BUNDLE DIR ...]
                                 [--hours 6] [--speech 1] [--seeds 11 ...] [--real DIR]
                                 [--output FILE.png]

Background that calibration never heard: another generator and other voices (train/noise), of
real recordings without a bird the clips in split test, and of calibration's own generator the
classes that neither it nor training was given. Birds: recordings in split test, whose individuals
or recordists no training heard. Gate, encoder, search and confirmation are the listener's.
"""

import argparse
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

import numpy as np

from edge.contract.bundle import Bundle, load_bundle
from edge.recognition.encoder import open_encoder
from edge.recognition.runtime import RuntimeOptions
from gallery.calibration.embedding import embed_recordings, open_model
from gallery.calibration.fit import brier, calibration_error, reliability
from gallery.calibration.recordings import (
    LabelledRecording,
    mixtures,
    read_background,
    read_recordings,
)
from gallery.calibration.scored_windows import ScoredWindows
from gallery.calibration.scoring import ScoringModel, score
from gallery.calibration.threshold import false_matches, true_matches
from train.aviary.dataset import AviaryConfig, items, waveform
from train.birds.report import machine
from train.noise.build import TEST, BackgroundConfig, backgrounds

_SEED = 11
_AT_ONCE = 20
_PRECISION = "fp32"
_THRESHOLDS = np.linspace(0.05, 0.99, 95)
_SAMPLES, _RATE_HZ = 480_000, 48_000


@dataclass(frozen=True)
class ScoredSet:
    """Some takes as a bundle heard them."""

    name: str
    windows: ScoredWindows
    probability: np.ndarray
    """float64[windows, species]."""

    def false(self, threshold: float) -> int:
        """False matches in all."""
        return false_matches(self.probability, self.windows, threshold)

    def found(self, threshold: float) -> float:
        """Share of the recordings in which the right species is reported."""
        right, recordings = true_matches(self.probability, self.windows, threshold)
        return right / recordings


class Listening:
    """A bundle, and how its default set of species is heard."""

    def __init__(self, bundle: Bundle) -> None:
        self.bundle, self.name = bundle, bundle.manifest.default_species_set
        calibration = bundle.calibrated(_PRECISION, self.name)
        bank = bundle.background(_PRECISION)
        if calibration is None or bank is None:
            raise SystemExit(f"{bundle.path}: not calibrated; python -m gallery.calibrate")
        encoder = open_encoder(bundle, _PRECISION, RuntimeOptions(threads=0))
        self.calibration, self._ear = calibration, ScoringModel(bundle, encoder, bank)

    def embed(
        self, name: str, recordings: Iterable[LabelledRecording], model: ScoringModel | None = None
    ) -> ScoredSet:
        """Score takes, some at a time: hours of them don't fit in memory."""
        parts, left = [], iter(recordings)
        while chunk := list(islice(left, _AT_ONCE)):
            scored = score(
                embed_recordings(chunk, model or self._ear), self.bundle, self.calibration.weights
            )
            parts.append(scored[self.name])
        windows = ScoredWindows.joined(parts)
        return ScoredSet(name, windows, self.calibration.probability(windows.score))


def synthetic(hours: float, seed: int, kinds: Sequence[str] = ()) -> Iterator[LabelledRecording]:
    """Recordings of the generator that calibration doesn't know."""
    config = BackgroundConfig(TEST, hours, seed)
    return (
        LabelledRecording(background.waveform, frozenset())
        for background in backgrounds(config, kinds)
    )


def signals() -> Iterator[LabelledRecording]:
    """Sounds of a broken cable, a bad supply and an overload, ten seconds each."""
    time, random = np.arange(_SAMPLES) / _RATE_HZ, np.random.default_rng(0)
    tone = np.sin(2 * np.pi * 1000 * time)
    hum = sum(np.sin(2 * np.pi * 50 * n * time) / n for n in (1, 2, 3, 5, 7))
    dither = random.integers(-1, 2, _SAMPLES) / 32768
    noise = random.standard_normal(_SAMPLES)
    for one in (0 * time, dither, 0 * time + 0.3, 0.1 * hum, 0.1 * noise, np.clip(9 * tone, -1, 1)):
        yield LabelledRecording(one.astype(np.float32), frozenset())


def aviary_windows(seed: int) -> Iterator[LabelledRecording]:
    """Recordings of a whole new aviary: other individuals of the same species."""
    config = AviaryConfig(seed=seed)
    for item in items(config):
        if item.kind == "audio" and item.scientific_name:
            species = item.scientific_name.lower().replace(" ", "_")
            yield LabelledRecording(waveform(config, item), frozenset({species}))


def truth_lines(scored: ScoredSet) -> Iterator[str]:
    """Reliability of probabilities: of all pairs, and of the best species of a window."""
    kept = scored.windows.audible
    probability, present = scored.probability[kept], scored.windows.present[kept]
    rows, best = np.arange(len(present)), probability.argmax(axis=1)
    top, right = probability[rows, best], present[rows, best]
    recording = scored.windows.recording[kept]
    yield (
        f"| {scored.name} | {len(present):,} | {calibration_error(probability, present):.4f} | "
        f"{calibration_error(top, right):.3f} | {_interval(top, right, recording)} |"
    )


def _interval(top: np.ndarray, right: np.ndarray, recording: np.ndarray) -> str:
    """Brier score of the best species with a bootstrap over takes."""
    random, recordings = np.random.default_rng(0), np.unique(recording)
    places = {one: np.flatnonzero(recording == one) for one in recordings}
    drawn = [
        np.concatenate([places[one] for one in random.choice(recordings, len(recordings))])
        for _ in range(200)
    ]
    low, high = np.quantile([brier(top[rows], right[rows]) for rows in drawn], [0.025, 0.975])
    return f"{brier(top, right):.3f} [{low:.3f}, {high:.3f}]"


def plot(output: Path, background: ScoredSet, birds: ScoredSet, threshold: float) -> None:
    """The trade-off and the reliability diagram beside each other."""
    import matplotlib

    matplotlib.use("agg")
    from matplotlib import pyplot

    figure, (left, right) = pyplot.subplots(1, 2, figsize=(9, 4), constrained_layout=True)
    rates = [background.false(threshold) / background.windows.hours for threshold in _THRESHOLDS]
    found = [birds.found(threshold) for threshold in _THRESHOLDS]
    left.plot(rates, found, "-", color="tab:blue")
    left.plot(
        background.false(threshold) / background.windows.hours,
        birds.found(threshold),
        "o",
        color="tab:red",
    )
    left.axvline(1, color="grey", linewidth=0.8, linestyle=":")
    left.set(xscale="symlog", xlim=(0, None), ylim=(0, 1))
    left.set(xlabel="false matches an hour of background", ylabel="recordings reported rightly")
    mean, share, _ = reliability(birds.probability, birds.windows.present)
    right.plot([0, 1], [0, 1], ":", color="grey", linewidth=0.8)
    right.plot(mean, share, "o-", color="tab:blue")
    right.set(xlabel="probability", ylabel="share that was there", xlim=(0, 1), ylim=(0, 1))
    figure.savefig(output, dpi=80)
    pyplot.close(figure)


def birds_of(args: argparse.Namespace, listening: Listening) -> ScoredSet:
    """The recordings that no training heard: one model's, or each fold its own."""
    rate_hz = listening.bundle.manifest.audio.sample_rate_hz
    if not args.fold:
        recordings = read_recordings(args.recordings, "test", rate_hz, birds=True)
        return listening.embed("birds", recordings)
    bank = read_background(args.background, "train", rate_hz)
    parts = []
    for bundle, folder in args.fold:
        model = open_model(load_bundle(Path(bundle)), _PRECISION, bank)
        recordings = read_recordings(Path(folder), "test", rate_hz, birds=True)
        parts.append(listening.embed("birds", recordings, model).windows)
    windows = ScoredWindows.joined(parts)
    return ScoredSet("birds", windows, listening.calibration.probability(windows.score))


def mixed_of(args: argparse.Namespace, listening: Listening) -> list[ScoredSet]:
    """Hours of mixed background, and all of them together if they are several."""
    found = [
        listening.embed(f"synthetic, mixed, seed {seed}", synthetic(args.hours, seed))
        for seed in args.seeds
    ]
    return found if len(found) == 1 else [together("synthetic, mixed, all seeds", found), *found]


def together(name: str, parts: Sequence[ScoredSet]) -> ScoredSet:
    """Several as one."""
    windows = ScoredWindows.joined([part.windows for part in parts])
    return ScoredSet(name, windows, np.concatenate([part.probability for part in parts]))


def quiet_of(args: argparse.Namespace, listening: Listening) -> list[ScoredSet]:
    """Everything else without a bird."""
    found = [
        listening.embed("speech", synthetic(args.speech, args.seeds[0] + 1, ["speech"])),
        listening.embed("silence, dither, DC, hum, white noise, clipped tone", signals()),
    ]
    kept = [one for one in args.background if one != args.real]
    for name, folders in (
        ("classes kept from training and calibration", kept),
        ("real, held out", [args.real]),
    ):
        recordings = read_background(
            [folder for folder in folders if folder.is_dir()], "test", _RATE_HZ
        )
        found += [listening.embed(name, recordings)] if recordings else []
    return found


def main() -> None:
    """Run the command."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--bundle", type=Path, default=Path("edge/bundles/aviary"))
    parser.add_argument("--recordings", type=Path, default=Path("runs/long/aviary"))
    parser.add_argument("--fold", nargs=2, action="append", default=[], metavar=("BUNDLE", "DIR"))
    parser.add_argument("--background", type=Path, nargs="+", default=[Path("data/background")],
                        help="train: the folds' banks; test: heard by nobody")  # fmt: skip
    parser.add_argument("--hours", type=float, default=6.0)
    parser.add_argument("--speech", type=float, default=1.0)
    parser.add_argument("--seeds", type=int, nargs="+", default=[_SEED], help="of the background")
    parser.add_argument("--real", type=Path, default=Path("data/birds"))
    parser.add_argument("--output", type=Path)
    args = parser.parse_args()
    listening = Listening(load_bundle(args.bundle))
    threshold = listening.calibration.threshold
    birds, mixed = birds_of(args, listening), mixed_of(args, listening)
    print(f"{machine()}; {args.bundle}, {_PRECISION}, threshold {threshold:.3f}\n")
    print("| background | hours | false matches | an hour |\n|---|---|---|---|")
    for one in [*mixed, *quiet_of(args, listening)]:
        false = one.false(threshold)
        print(
            f"| {one.name} | {one.windows.hours:.2f} | {false} | {false / one.windows.hours:.2f} |"
        )
    _, recordings = true_matches(birds.probability, birds.windows, threshold)
    wrong = birds.false(threshold)
    right = birds.found(threshold)
    print(f"\nOf {recordings} recordings of birds {right:.3f} are reported rightly, "
          f"with {wrong} wrong reports beside.\n")  # fmt: skip
    print("| windows | count | ECE of all pairs | of the best species | its Brier score |")
    print("|---|---|---|---|---|")
    judged = [birds]
    if listening.bundle.manifest.provenance.get("synthetic"):
        fresh = list(aviary_windows(_SEED))
        judged.append(listening.embed("a new aviary", fresh))
        noise = list(synthetic(0.3, _SEED + 2))
        judged.append(listening.embed("mixtures of it", mixtures(fresh[::2], noise)))
    for one in judged:
        print(*truth_lines(one), sep="\n")
    if args.output:
        plot(args.output, mixed[0], birds, threshold)


if __name__ == "__main__":
    main()
