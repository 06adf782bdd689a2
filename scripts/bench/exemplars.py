"""A bird that training never heard: what `birdlisten species add` makes of pictures and sounds.

python scripts/bench/exemplars.py BUNDLE [--archive data/archive] [--background data/birds ...]
                                  [--rounds 2]

BUNDLE has heard none of the core species, and its default set holds none. Each is added by the
command itself, to a station of its own: by 0, 1, 3 or 5 recordings, with its photographs and
without, and tested on recordings by other recordists. Beside it stands every recording of known
species by recordists that nobody trained on. A species is reported in a recording as
`scripts/bench/verdicts.py` has it. Intervals are of a bootstrap over trials, 95 %.
"""

import argparse
import contextlib
import io
import sys
import tempfile
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from tqdm import tqdm

from edge.cli import main as birdlisten
from edge.command.opening import open_bundle, open_overlay
from edge.config import Settings
from edge.contract.arrays import Flags
from edge.contract.bundle import Bundle, load_bundle
from edge.contract.errors import AudioError
from edge.recognition.doubts import default_threshold, usable_calibration
from edge.recognition.knowledge import Heard, Knowledge
from edge.source.recording import read_recording
from edge.source.resampling import resample
from gallery.calibration.recordings import LabelledRecording, read_background
from scripts.bench.verdicts import interval, open_windows
from train.birds.archive import ArchiveRow, read_archive
from train.birds.folds import reserved
from train.birds.report import machine

_COUNTS, _LONGEST_S, _PICTURES = (0, 1, 3, 5), 20, 5


@dataclass(frozen=True)
class Trial:
    """A newcomer, what it is added by, and the recordings that it is asked about."""

    species: str
    sounds: Sequence[ArchiveRow]
    tested: Sequence[int]


@dataclass(frozen=True)
class Outcome:
    """Of one trial, as shares of recordings."""

    first: float
    """Of its own: it is the best species."""
    reported: float
    taken: float
    """Of known species: it is reported."""
    known_first: float
    """Of known species: theirs is the best."""
    in_noise: float
    """Of background: it is reported."""


class Newcomers:
    """Recordings of core species, then of known ones, then background, as a bundle hears them."""

    def __init__(self, bundle: Bundle, archive: Path, background: Sequence[Path]) -> None:
        rows, self._bundle = read_archive(archive), bundle
        audio = [row for row in rows if row.kind == "audio"]
        usual = {*bundle.species_ids(bundle.manifest.default_species_set)}
        known = [row for row in reserved(rows) if row.species_id in usual]
        read = [*_readable([row for row in audio if row.set_name == "core"], bundle)]
        beside = [*_readable(known, bundle)]
        rate_hz = bundle.manifest.audio.sample_rate_hz
        quiet = read_background(background, "test", rate_hz)
        self.rows = [row for row, _ in read]
        heard = [one for _, one in (*read, *beside)]
        self._windows = open_windows(bundle, [*heard, *quiet])
        self._known = range(len(read), len(heard))
        self._quiet = range(len(heard), len(heard) + len(quiet))
        self._pictures = defaultdict(list)
        for row in rows:
            if row.kind == "image" and row.set_name == "core":
                self._pictures[row.species_id].append(row.path)

    def trial(self, species: str, count: int, random: np.random.Generator) -> Trial | None:
        """Sounds by some recordists, tests by the others; None if none are left for these."""
        own = [n for n, row in enumerate(self.rows) if row.species_id == species]
        authors = list(random.permutation(sorted({self.rows[n].author for n in own})))
        given: list[int] = []
        while len(given) < count and len(authors) > 1:
            author = authors.pop()
            given += [n for n in own if self.rows[n].author == author]
        tested = [n for n in own if self.rows[n].author in authors]
        enough = len(given) >= count and tested
        return Trial(species, [self.rows[n] for n in given[:count]], tested) if enough else None

    def run(self, trial: Trial, pictured: bool) -> Outcome:
        """Add the newcomer, and ask for it."""
        pictures = self._pictures[trial.species][:_PICTURES] if pictured else []
        with tempfile.TemporaryDirectory() as station:
            settings = Settings(bundle=str(self._bundle.path), station=station)
            _add(settings, trial, pictures)
            return self._measure(settings, trial)

    def _measure(self, settings: Settings, trial: Trial) -> Outcome:
        bundle, manifest = open_bundle(settings), self._bundle.manifest
        name = manifest.default_species_set
        calibration = usable_calibration(bundle, manifest.precisions[0], name)
        chosen = dict.fromkeys([*bundle.species_ids(name), trial.species])
        knowledge = Knowledge(
            bundle=bundle,
            chosen=list(chosen),
            calibration=calibration,
            background=bundle.background(manifest.precisions[0]),
            learnt=open_overlay(settings, manifest).load(),
        )
        heard = knowledge.hear(self._windows.embeddings, self._windows.sounds)
        best = self._best(heard)
        reported = self._reported(heard, default_threshold(calibration))
        column = {species: n for n, species in enumerate(knowledge.species_ids)}
        newcomer, known = column[trial.species], list(self._known)
        right = [column.get(self._windows.species[n], -1) for n in known]
        return Outcome(
            first=float((best[trial.tested] == newcomer).mean()),
            reported=float(reported[trial.tested, newcomer].mean()),
            taken=float(reported[known, newcomer].mean()),
            known_first=float((best[known] == right).mean()),
            in_noise=float(reported[list(self._quiet), newcomer].mean()),
        )

    def _best(self, heard: Heard) -> np.ndarray:
        """Place of each recording's best species; that of the gate's silence is -1."""
        scores = np.full((len(self._windows.species), heard.score.shape[1]), -np.inf)
        np.maximum.at(scores, self._windows.owners, heard.score)
        return np.where(np.isfinite(scores).any(axis=1), scores.argmax(axis=1), -1)

    def _reported(self, heard: Heard, threshold: float) -> Flags:
        """bool[recordings, species]."""
        assert heard.probability is not None
        held = heard.is_rejected | (heard.rivals >= 0)
        hits = np.zeros((len(self._windows.species), heard.score.shape[1]), int)
        np.add.at(hits, self._windows.owners, (heard.probability >= threshold) & ~held[:, None])
        counts = np.bincount(self._windows.owners, minlength=len(hits))
        return hits >= np.clip(counts, 1, 2)[:, None]


def _readable(
    rows: Sequence[ArchiveRow], bundle: Bundle
) -> Iterator[tuple[ArchiveRow, LabelledRecording]]:
    rate_hz = bundle.manifest.audio.sample_rate_hz
    for row in tqdm(rows, "recordings", disable=None):
        with contextlib.suppress(AudioError):
            waveform = resample(*read_recording(row.path), rate_hz)[: _LONGEST_S * rate_hz]
            yield row, LabelledRecording(waveform, frozenset({row.species_id}), author=row.author)


def _add(settings: Settings, trial: Trial, pictures: Sequence[Path]) -> None:
    """By the command, as a person would."""
    files = {"--sounds": [row.path for row in trial.sounds], "--pictures": pictures}
    given = [str(word) for flag, paths in files.items() if paths for word in (flag, *paths)]
    if not given:
        return
    argv = ["species", "add", trial.species.replace("_", " ").capitalize(), *given, "--quiet"]
    argv += ["--bundle", str(settings.bundle_path), "--station", str(settings.station_path)]
    with contextlib.redirect_stdout(io.StringIO()):
        if birdlisten(argv):
            sys.exit(f"{' '.join(argv)}: failed")


def line(name: str, outcomes: Sequence[Outcome]) -> str:
    """Means over trials."""
    fields = ("first", "reported", "taken", "known_first", "in_noise")
    means = [np.mean([getattr(one, field) for one in outcomes]) for field in fields]
    low_high = interval([one.first for one in outcomes])
    cells = [low_high, *(f"{mean:.3f}" for mean in means[1:])]
    return f"| {name} | {len(outcomes)} | {' | '.join(cells)} |"


def main() -> None:
    """Run the command."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("bundle", type=Path)
    parser.add_argument("--archive", type=Path, default=Path("data/archive"))
    parser.add_argument("--background", type=Path, nargs="+", default=[Path("data/birds")])
    parser.add_argument("--rounds", type=int, default=2)
    args = parser.parse_args()
    bundle = load_bundle(args.bundle)
    newcomers = Newcomers(bundle, args.archive, args.background)
    species = sorted({row.species_id for row in newcomers.rows})
    known = bundle.species_ids(bundle.manifest.default_species_set)
    print(f"{machine()}; {len(species)} species that training never heard, each beside the "
          f"{len(known)} of the bundle\n")  # fmt: skip
    print("| added by | trials | first | reported | known taken for it | R@1 of the known "
          "| background taken for it |")  # fmt: skip
    print("|---" * 7 + "|")
    for count in _COUNTS:
        random = np.random.default_rng(count)
        drawn = [newcomers.trial(one, count, random) for one in species for _ in range(args.rounds)]
        trials = [trial for trial in drawn if trial is not None]
        for pictured in (False, True):
            outcomes = [newcomers.run(trial, pictured) for trial in tqdm(trials, disable=None)]
            name = f"{count} sounds" + (", pictures" if pictured else "")
            print(line(name, outcomes), flush=True)


if __name__ == "__main__":
    main()
