"""What a score means: background bank, score -> probability, and the default threshold.

python -m gallery.calibrate BUNDLE --recordings DIR [--background DIR] [--split validation]

Recordings that training never heard are scored window by window, alone and two at a time over
background, as birds sing. The map is a logistic curve fitted to "this species is there" (Platt
1999). The threshold is the lowest at which the listener's own confirmation, replayed on the
recordings and the background, makes at most one false match an hour.
"""

import json
import logging
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import islice
from pathlib import Path

import numpy as np
import numpy.typing as npt
from tqdm import tqdm

from edge.confirm import Confirmer, Hit
from edge.contract.audio import AudioSpec, Waveform, repeat_pad
from edge.contract.bundle import Bundle, load_bundle, npy_bytes, write_bundle
from edge.contract.calibration import Calibration
from edge.contract.errors import AudioError, BundleError, DatasetError
from edge.contract.taxonomy import read_table, slug
from edge.encoder import Encoder, open_encoder
from edge.framing import frame_waveform, resample
from edge.recording import read_recording
from edge.search import Search
from edge.usage import Parser
from gallery.command import run

_LOG = logging.getLogger(__name__)
_KNOTS = 33
_PASSES = 1
"""Mixtures a recording takes part in."""
_BACKGROUND_ROWS = 512
_BATCH = 8
_LEAST_THRESHOLD, _MOST_THRESHOLD, _CANDIDATES = 0.5, 0.99, 99
COLUMNS = ("path", "kind", "scientific_name")


@dataclass(frozen=True)
class Take:
    """A recording to score, with the species that are in it."""

    waveform: Waveform
    species_ids: frozenset[str]


@dataclass(frozen=True)
class ScoredWindows:
    """Every window of every take."""

    score: npt.NDArray[np.float32]
    """float32[windows, species]."""
    there: npt.NDArray[np.bool_]
    """bool[windows, species]: the species sings in the take."""
    take: npt.NDArray[np.intp]
    """int[windows], ascending."""


def calibrate(bundle_path: Path, recordings: Path, background: Path, split: str) -> list[str]:
    """Write background bank and calibration of every precision into a bundle.

    Returns:
        A line a precision, for a person.

    Raises:
        BirdlistenError: the bundle or the recordings can't be used.
    """
    bundle = load_bundle(bundle_path)
    rate_hz = bundle.manifest.audio.sample_rate_hz
    birds = read_takes(recordings, split, rate_hz, birds=True)
    quiet = read_takes(background, split, rate_hz, birds=False)
    bank_takes = read_takes(background, "train", rate_hz, birds=False) or quiet
    if not birds or not quiet:
        raise DatasetError(
            f"calibration needs recordings of birds ({len(birds)} in {recordings}, split {split}) "
            f"and of background ({len(quiet)} in {background})"
        )
    alone = [*birds, *quiet]
    takes = [*alone, *mixtures(birds, quiet)]
    contents, calibrations, lines = {}, {}, []
    for precision in bundle.manifest.precisions:
        encoder = open_encoder(bundle, precision)
        bank = _background_bank(bank_takes, encoder, bundle.manifest.audio)
        contents[f"background.{precision}"] = npy_bytes(bank)
        sets = _calibrations(bundle, encoder, bank, takes, len(alone))
        calibrations[precision] = {name: one.to_json() for name, one in sets.items()}
        lines += [f"{precision}, {name}: threshold {c.threshold:.3f}" for name, c in sets.items()]
    contents["calibration"] = json.dumps(calibrations, indent=1).encode()
    write_bundle(bundle_path, bundle.manifest, contents)
    return lines


def read_takes(folder: Path, split: str, rate_hz: int, birds: bool) -> list[Take]:
    """The readable recordings of a data set's split; others are named and left out.

    Args:
        folder: holds manifest.csv.
        split: rows of another split are left out; rows without one are taken.
        rate_hz: what to resample to.
        birds: recordings of a species, or else those without a bird.

    Raises:
        DatasetError: there is no manifest.csv.
    """
    manifest = folder / "manifest.csv"
    if not manifest.is_file():
        raise DatasetError(f"{folder}: no manifest.csv with {', '.join(COLUMNS)} here")
    rows = [
        one
        for one in read_table(manifest, COLUMNS)
        if one["kind"] == "audio"
        and one.get("split") in (None, "", split)
        and bool(one["scientific_name"]) == birds
    ]
    takes = (_read_take(folder, row, rate_hz) for row in tqdm(rows, split, disable=None))
    return [one for one in takes if one is not None]


def _read_take(folder: Path, row: dict[str, str], rate_hz: int) -> Take | None:
    try:
        waveform = resample(*read_recording(folder / row["path"]), rate_hz)
    except AudioError as error:
        _LOG.warning("%s; skipped", error)
        return None
    named = [slug(row["scientific_name"])] if row["scientific_name"] else []
    return Take(waveform, frozenset(named))


def mixtures(birds: list[Take], quiet: list[Take], seed: int = 0) -> Iterator[Take]:
    """Two birds at unequal levels over background: what a dawn chorus is made of."""
    random = np.random.default_rng(seed)
    for one in birds * _PASSES:
        other = birds[random.integers(len(birds))]
        noise = quiet[random.integers(len(quiet))]
        parts = [one.waveform]
        for added, low_db, high_db in ((other, -12, 0), (noise, -30, -6)):
            level = 10 ** (random.uniform(low_db, high_db) / 20)
            parts.append(_fitted(added.waveform, one.waveform) * np.float32(level))
        mixed: Waveform = np.sum(np.stack(parts), axis=0, dtype=np.float32)
        peak = max(float(np.abs(mixed).max()), 1.0)
        yield Take(mixed / np.float32(peak), one.species_ids | other.species_ids)


def fit_platt(
    score: npt.NDArray[np.floating], there: npt.NDArray[np.bool_], steps: int = 100
) -> tuple[float, float]:
    """Slope and intercept of P(there | score) by Newton's method on the logistic loss.

    Targets are smoothed as Platt 1999 section 2.2 has them, so that a perfect split stays finite.
    """
    present = int(there.sum())
    target = np.where(there, (present + 1) / (present + 2), 1 / (there.size - present + 2))
    inputs = np.stack([score.ravel(), np.ones(score.size)], axis=1).astype(np.float64)
    weights = np.zeros(2)
    for _ in range(steps):
        probability = 1 / (1 + np.exp(-np.clip(inputs @ weights, -30, 30)))
        gradient = inputs.T @ (probability - target.ravel())
        curvature = (inputs * (probability * (1 - probability))[:, None]).T @ inputs
        step = np.linalg.solve(curvature + 1e-6 * np.eye(2), gradient)
        weights -= step
        if np.abs(step).max() < 1e-8:
            break
    return float(weights[0]), float(weights[1])


def false_matches(
    probability: npt.NDArray[np.floating],
    windows: ScoredWindows,
    spec: AudioSpec,
    threshold: float,
) -> int:
    """How many wrong species the listener's confirmation would report, take by take."""
    wrong = (probability >= threshold) & ~windows.there
    return sum(
        _confirmed(wrong[windows.take == take], spec)
        for take in np.unique(windows.take[wrong.any(axis=1)])
    )


def false_threshold(
    probability: npt.NDArray[np.floating], windows: ScoredWindows, spec: AudioSpec
) -> float:
    """The lowest threshold, from even odds up, with at most one false match an hour."""
    hours = len(windows.take) * spec.hop_samples / spec.sample_rate_hz / 3600
    candidates = np.linspace(_LEAST_THRESHOLD, _MOST_THRESHOLD, _CANDIDATES)
    for threshold in candidates:
        if false_matches(probability, windows, spec, float(threshold)) <= hours:
            return float(threshold)
    return _MOST_THRESHOLD


def _confirmed(passing: npt.NDArray[np.bool_], spec: AudioSpec) -> int:
    """Matches in one take, bool[windows, species]."""
    confirmer: Confirmer[None] = Confirmer(spec)
    count = 0
    for n, row in enumerate(passing):
        start = n * spec.hop_samples
        hits = {int(species): Hit(start, 1.0, None) for species in np.flatnonzero(row)}
        count += len(confirmer.update(start, hits))
    return count + len(confirmer.finish())


def _calibrations(
    bundle: Bundle,
    encoder: Encoder,
    bank: npt.NDArray[np.float16],
    takes: Sequence[Take],
    alone: int,
) -> dict[str, Calibration]:
    """A calibration a species set; the first `alone` takes are no mixtures."""
    manifest = bundle.manifest
    embeddings, owners = _embed(takes, encoder, manifest.audio)
    found = {}
    for name in manifest.species_sets:
        search = Search(bundle.gallery, bundle.species_ids(name), manifest.top_pictures, bank)
        ids = search.species_ids
        there = np.array([[one in takes[owner].species_ids for one in ids] for owner in owners])
        windows = ScoredWindows(search.scores(embeddings).score, there, owners)
        found[name] = _calibration(windows, owners < alone, manifest.audio)
    return found


def _calibration(
    windows: ScoredWindows, alone: npt.NDArray[np.bool_], spec: AudioSpec
) -> Calibration:
    slope, intercept = fit_platt(windows.score, windows.there)
    if slope <= 0:
        raise BundleError("calibration: higher scores are not more often right; train longer")
    knots = np.linspace(windows.score.min(), windows.score.max(), _KNOTS)
    curve = 1 / (1 + np.exp(-np.clip(slope * knots + intercept, -30, 30)))
    mapped = Calibration(tuple(map(float, knots)), tuple(map(float, curve)), 0.0)
    single = ScoredWindows(windows.score[alone], windows.there[alone], windows.take[alone])
    threshold = false_threshold(mapped.probability(single.score), single, spec)
    return replace(mapped, threshold=threshold)


def _background_bank(
    takes: Sequence[Take], encoder: Encoder, spec: AudioSpec
) -> npt.NDArray[np.float16]:
    embeddings, _ = _embed(takes, encoder, spec)
    stride = -(-len(embeddings) // _BACKGROUND_ROWS)
    return embeddings[::stride].astype(np.float16)


def _embed(
    takes: Sequence[Take], encoder: Encoder, spec: AudioSpec
) -> tuple[npt.NDArray[np.float32], npt.NDArray[np.intp]]:
    """float32[windows, dim] and the take of every window."""
    rows, owners = [], []
    for owner, take in enumerate(tqdm(takes, "windows", disable=None)):
        windows = frame_waveform(take.waveform, spec.sample_rate_hz, spec)
        while chunk := list(islice(windows, _BATCH)):
            rows.append(encoder.encode(np.stack([one.samples for one in chunk])))
            owners += [owner] * len(chunk)
    return np.concatenate(rows), np.array(owners)


def _fitted(waveform: Waveform, like: Waveform) -> Waveform:
    """Another recording, as long and as loud as `like`."""
    cut = repeat_pad(waveform, len(like))[: len(like)]
    loudness = float(np.sqrt(np.square(like).mean() / max(np.square(cut).mean(), 1e-12)))
    return cut * np.float32(loudness)


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command."""
    parser = Parser(prog="python -m gallery.calibrate", description=__doc__)
    parser.add_argument("bundle", type=Path)
    parser.add_argument("--recordings", type=Path, default=Path("data/aviary"))
    parser.add_argument("--background", type=Path, help="default: the recordings' folder")
    parser.add_argument("--split", default="validation")
    args = parser.parse_args(argv)

    def command() -> None:
        background = args.background or args.recordings
        print("\n".join(calibrate(args.bundle, args.recordings, background, args.split)))

    return run(command)


if __name__ == "__main__":
    sys.exit(main())
