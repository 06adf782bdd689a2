"""Calibration: background bank, score -> probability, and the default threshold.

python -m gallery.calibrate BUNDLE --recordings DIR [--background DIR ...] [--split validation]
                                   [--twin BUNDLE DIR ...] [--fuse] [--least-right 0.83]
                                   [--false-per-hour 1]

Recordings that training never heard are scored window by window, alone and two at a time over
background, as birds sing. The map is a curve fitted to "this species is there", logistic or
isotonic. The threshold is the lowest at which the listener's own gate and confirmation, replayed on
recordings and background, make at most one false match an hour of background, and are right five
times of six among birds, or what else is asked for.

A bundle that was trained on every recording there is has none left; then its twins are scored, each
on the test split of the data set whose training split made it, and all are fitted together.

With --fuse a species is scored by its pictures and by its name, in fitted weights, and beside the
chosen species every name that the bundle knows: a window that is more like another is no match.
"""

import json
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from tqdm import tqdm

from edge.contract.audio import AudioSpec
from edge.contract.bundle import Bundle, load_bundle, npy_bytes, write_bundle
from edge.contract.calibration import Calibration, Weights
from edge.contract.errors import DatasetError
from edge.encoder import Encoder, open_encoder
from edge.gate import Gate, GateConfig, lively
from edge.search import BANK_ROWS, thinned
from edge.session import Running
from edge.source.framing import Window, frame_waveform
from edge.usage import Parser
from gallery.command import run
from gallery.curve import Limits, ScoredWindows, fit_calibration, true_matches
from gallery.scoring import Ear, EmbeddedTakes, Scored, fit_weights, score
from gallery.takes import Take, mixtures, read_background, read_takes

QUIET = "validation"
"""Split of the background that is scored."""
_BATCH = 8


@dataclass(frozen=True)
class Source:
    """A bundle, and recordings of birds that its training never heard."""

    bundle: Path
    recordings: Path
    split: str


def calibrate(
    bundle_path: Path,
    backgrounds: Sequence[Path],
    sources: Sequence[Source],
    fuse: bool = False,
    limits: Limits | None = None,
) -> list[str]:
    """Write background bank and calibration of every precision into a bundle.

    Args:
        bundle_path: the bundle.
        backgrounds: data sets with recordings without a bird: split train makes the bank, split
            validation is scored beside the birds.
        sources: the bundle itself; or its twins, each trained without the recordings that it is
            scored on, for a bundle that was trained on all of them.
        fuse: score by pictures and names, all names.
        limits: of the threshold.

    Returns:
        A line a precision and species set, for a person.

    Raises:
        BirdlistenError: a bundle or the recordings can't be used.
    """
    bundle = load_bundle(bundle_path)
    rate_hz = bundle.manifest.audio.sample_rate_hz
    quiet = read_background(backgrounds, QUIET, rate_hz)
    if not quiet:
        folders = ", ".join(map(str, backgrounds))
        raise DatasetError(f"{folders}: calibration needs background in split {QUIET}, has none")
    bank_takes = read_background(backgrounds, "train", rate_hz) or quiet
    birds = [_birds(one, rate_hz) for one in sources]
    contents, calibrations, lines = {}, {}, []
    for precision in bundle.manifest.precisions:
        own = open_ear(bundle, precision, bank_takes)
        contents[f"background.{precision}"] = npy_bytes(own.bank)
        parts = [embed_takes(quiet, own)]
        for one, sung in zip(sources, birds, strict=True):
            twin = one.bundle != bundle_path
            ear = open_ear(load_bundle(one.bundle), precision, bank_takes) if twin else own
            parts.append(embed_takes(sung, ear))
            parts.append(embed_takes([*mixtures(sung, quiet)], ear, mixed=True))
        weights = fit_weights(parts) if fuse else None
        scored = [score(part, bundle, weights) for part in parts]
        sets: dict[str, Any] = {}
        for name in bundle.manifest.species_sets:
            windows = ScoredWindows.joined([one[name] for one in scored])
            found = replace(fit_calibration(windows, limits or Limits()), weights=weights)
            sets[name] = found.to_json()
            lines.append(f"{precision}, {name}: {_line(found, windows.alone())}")
        calibrations[precision] = sets
    contents["calibration"] = json.dumps(calibrations, indent=1).encode()
    write_bundle(bundle_path, bundle.manifest, contents)
    return lines


def _line(found: Calibration, single: ScoredWindows) -> str:
    right, takes = true_matches(found.probability(single.score), single, found.threshold)
    said = f"threshold {found.threshold:.3f} reports {right} of {takes} recordings rightly"
    return said if right else f"{said}: none keeps to the limits (--least-right, --false-per-hour)"


def open_ear(bundle: Bundle, precision: str, bank_takes: Sequence[Take]) -> Ear:
    """Open an encoder, and let it hear the background."""
    encoder = open_encoder(bundle, precision, Running(threads=0))
    return Ear(bundle, encoder, _background_bank(bank_takes, encoder, bundle.manifest.audio))


def _birds(source: Source, rate_hz: int) -> list[Take]:
    birds = read_takes(source.recordings, source.split, rate_hz, birds=True)
    if not birds:
        raise DatasetError(
            f"{source.recordings}: calibration needs recordings of birds in split {source.split}"
        )
    return birds


def score_takes(
    takes: Sequence[Take], ear: Ear, target: Bundle, weights: Weights | None = None
) -> Scored:
    """The windows of some takes over each of the target's species sets."""
    return score(embed_takes(takes, ear), target, weights)


def embed_takes(takes: Sequence[Take], ear: Ear, mixed: bool = False) -> EmbeddedTakes:
    """The windows of some takes as an ear hears them."""
    found = embed(takes, ear.encoder, ear.bundle.manifest.audio)
    return EmbeddedTakes(ear, tuple(one.species_ids for one in takes), *found, mixed)


def _background_bank(
    takes: Sequence[Take], encoder: Encoder, spec: AudioSpec
) -> npt.NDArray[np.float16]:
    """Of windows that pass the gate, BANK_ROWS at most: the others are never scored."""
    total = sum(len(one.waveform) for one in takes) // spec.hop_samples
    windows = (one for take in takes for one in lively([*_windows(take, spec)], GateConfig()))
    chosen = islice(windows, 0, None, max(1, -(-total // BANK_ROWS)))
    rows = [encoder.encode(one.samples[None]) for one in tqdm(chosen, "bank", disable=None)]
    return thinned(np.concatenate(rows).astype(np.float16))


def embed(
    takes: Sequence[Take], encoder: Encoder, spec: AudioSpec
) -> tuple[npt.NDArray[np.float32], npt.NDArray[np.intp], npt.NDArray[np.bool_]]:
    """float32[windows, dim], the take of every window, and whether it passes the gate."""
    rows, owners, heard = [], [], []
    for owner, take in enumerate(tqdm(takes, "windows", disable=None)):
        windows, gate = _windows(take, spec), Gate(spec.sample_rate_hz)
        while chunk := list(islice(windows, _BATCH)):
            rows.append(encoder.encode(np.stack([one.samples for one in chunk])))
            owners += [owner] * len(chunk)
            heard += [gate.judge(one).reason is None for one in chunk]
    return np.concatenate(rows), np.array(owners), np.array(heard)


def _windows(take: Take, spec: AudioSpec) -> Iterator[Window]:
    return frame_waveform(take.waveform, spec.sample_rate_hz, spec)


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command."""
    parser = Parser(prog="python -m gallery.calibrate", description=__doc__)
    parser.add_argument("bundle", type=Path)
    parser.add_argument("--recordings", type=Path, default=Path("data/aviary"))
    parser.add_argument(
        "--background", type=Path, nargs="+", metavar="DIR", help="default: the recordings' folder"
    )
    parser.add_argument("--split", default=QUIET)
    parser.add_argument("--fuse", action="store_true", help="score by pictures and names")
    usual = Limits()
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
        "--twin", nargs=2, metavar=("BUNDLE", "DIR"), action="append", default=[], help="see above"
    )
    args = parser.parse_args(argv)

    def command() -> None:
        twins = [Source(Path(bundle), Path(folder), "test") for bundle, folder in args.twin]
        sources = twins or [Source(args.bundle, args.recordings, args.split)]
        folders = args.background or [args.recordings]
        limits = Limits(args.least_right, args.false_per_hour)
        print(*calibrate(args.bundle, folders, sources, args.fuse, limits), sep="\n")

    return run(command)


if __name__ == "__main__":
    sys.exit(main())
