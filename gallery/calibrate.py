"""What a score means: background bank, score -> probability, and the default threshold.

python -m gallery.calibrate BUNDLE --recordings DIR [--background DIR] [--split validation]
                                   [--twin BUNDLE DIR ...]

Recordings that training never heard are scored window by window, alone and two at a time over
background, as birds sing. The map is a logistic curve fitted to "this species is there" (Platt
1999). The threshold is the lowest at which the listener's own confirmation, replayed on the
recordings and the background, makes at most one false match an hour.

A bundle that was trained on every recording there is has none left; then its twins are scored, each
on the test split of the data set whose training split made it, and all are fitted together.
"""

import json
import sys
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from tqdm import tqdm

from edge.contract.audio import AudioSpec
from edge.contract.bundle import Bundle, load_bundle, npy_bytes, write_bundle
from edge.contract.calibration import Calibration
from edge.contract.errors import DatasetError
from edge.encoder import Encoder, open_encoder
from edge.gate import GateConfig, lively
from edge.search import Search
from edge.session import Running
from edge.source.framing import Window, frame_waveform
from edge.usage import Parser
from gallery.command import run
from gallery.curve import ScoredWindows, fit_calibration, true_matches
from gallery.takes import Take, mixtures, read_takes, thinned

QUIET = "validation"
"""Split of the background that is scored."""
_BATCH = 8


@dataclass(frozen=True)
class Source:
    """A bundle, and recordings of birds that its training never heard."""

    bundle: Path
    recordings: Path
    split: str


def calibrate(bundle_path: Path, background: Path, sources: Sequence[Source]) -> list[str]:
    """Write background bank and calibration of every precision into a bundle.

    Args:
        bundle_path: the bundle.
        background: data set with recordings without a bird: split train makes the bank, split
            validation is scored beside the birds.
        sources: the bundle itself; or its twins, each trained without the recordings that it is
            scored on, for a bundle that was trained on all of them.

    Returns:
        A line a precision, for a person.

    Raises:
        BirdlistenError: a bundle or the recordings can't be used.
    """
    bundle = load_bundle(bundle_path)
    rate_hz = bundle.manifest.audio.sample_rate_hz
    quiet = read_takes(background, QUIET, rate_hz, birds=False)
    bank_takes = read_takes(background, "train", rate_hz, birds=False) or quiet
    if not quiet:
        raise DatasetError(f"{background}: calibration needs background in split {QUIET}, has none")
    birds = [_birds(one, rate_hz) for one in sources]
    contents, calibrations, lines = {}, {}, []
    for precision in bundle.manifest.precisions:
        own = _open(bundle, precision, bank_takes)
        contents[f"background.{precision}"] = npy_bytes(own.bank)
        scored = []
        for one, sung in zip(sources, birds, strict=True):
            twin = one.bundle != bundle_path
            ear = _open(load_bundle(one.bundle), precision, bank_takes) if twin else own
            scored.append(_score(sung, ear, bundle, quiet))
        sets: dict[str, Any] = {}
        for name in scored[0]:
            windows = ScoredWindows.joined([one[name] for one in scored])
            found = fit_calibration(windows)
            sets[name] = found.to_json()
            lines.append(f"{precision}, {name}: {_line(found, windows.alone())}")
        calibrations[precision] = sets
    contents["calibration"] = json.dumps(calibrations, indent=1).encode()
    write_bundle(bundle_path, bundle.manifest, contents)
    return lines


def _line(calibration: Calibration, windows: ScoredWindows) -> str:
    probability = calibration.probability(windows.score)
    found, takes = true_matches(probability, windows, calibration.threshold)
    return f"threshold {calibration.threshold:.3f} reports {found} of {takes} recordings rightly"


@dataclass(frozen=True)
class _Ear:
    """A bundle, one of its encoders, and background as it hears it."""

    bundle: Bundle
    encoder: Encoder
    bank: npt.NDArray[np.float16]


def _open(bundle: Bundle, precision: str, bank_takes: Sequence[Take]) -> _Ear:
    encoder = open_encoder(bundle, precision, Running(threads=0))
    return _Ear(bundle, encoder, _background_bank(bank_takes, encoder, bundle.manifest.audio))


def _birds(source: Source, rate_hz: int) -> list[Take]:
    birds = read_takes(source.recordings, source.split, rate_hz, birds=True)
    if not birds:
        raise DatasetError(
            f"{source.recordings}: calibration needs recordings of birds in split {source.split}"
        )
    return birds


def _score(
    birds: list[Take], ear: _Ear, target: Bundle, quiet: list[Take]
) -> dict[str, ScoredWindows]:
    """A source's windows over each of the target's species sets."""
    manifest, spec = ear.bundle.manifest, target.manifest.audio
    takes = [*birds, *quiet, *mixtures(birds, quiet)]
    embeddings, owners = _embed(takes, ear.encoder, lambda one: _windows(one, spec))
    found = {}
    for name in target.manifest.species_sets:
        ids = target.species_ids(name)
        search = Search(ear.bundle.gallery, ids, manifest.top_pictures, ear.bank)
        there = np.array(
            [[one in takes[owner].species_ids for one in search.species_ids] for owner in owners]
        )
        score = search.scores(embeddings).score
        mixed = owners >= len(birds) + len(quiet)
        found[name] = ScoredWindows(score, there, owners, mixed, spec)
    return found


def _background_bank(
    takes: Sequence[Take], encoder: Encoder, spec: AudioSpec
) -> npt.NDArray[np.float16]:
    """Only of windows that pass the gate: the others are never scored."""
    embeddings, _ = _embed(takes, encoder, lambda one: lively([*_windows(one, spec)], GateConfig()))
    return thinned(embeddings.astype(np.float16))


def _windows(take: Take, spec: AudioSpec) -> Iterable[Window]:
    return frame_waveform(take.waveform, spec.sample_rate_hz, spec)


def _embed(
    takes: Sequence[Take], encoder: Encoder, cut: Callable[[Take], Iterable[Window]]
) -> tuple[npt.NDArray[np.float32], npt.NDArray[np.intp]]:
    """float32[windows, dim] and the take of every window."""
    rows, owners = [], []
    for owner, take in enumerate(tqdm(takes, "windows", disable=None)):
        windows = iter(cut(take))
        while chunk := list(islice(windows, _BATCH)):
            rows.append(encoder.encode(np.stack([one.samples for one in chunk])))
            owners += [owner] * len(chunk)
    return np.concatenate(rows), np.array(owners)


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command."""
    parser = Parser(prog="python -m gallery.calibrate", description=__doc__)
    parser.add_argument("bundle", type=Path)
    parser.add_argument("--recordings", type=Path, default=Path("data/aviary"))
    parser.add_argument("--background", type=Path, help="default: the recordings' folder")
    parser.add_argument("--split", default=QUIET)
    parser.add_argument(
        "--twin", nargs=2, metavar=("BUNDLE", "DIR"), action="append", default=[], help="see above"
    )
    args = parser.parse_args(argv)

    def command() -> None:
        twins = [Source(Path(bundle), Path(folder), "test") for bundle, folder in args.twin]
        sources = twins or [Source(args.bundle, args.recordings, args.split)]
        print("\n".join(calibrate(args.bundle, args.background or args.recordings, sources)))

    return run(command)


if __name__ == "__main__":
    sys.exit(main())
