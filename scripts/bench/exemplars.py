"""Effect of 1, 3 and 10 confirmed sounds on a species that training never heard.

python scripts/bench/exemplars.py --bundle DIR [--archive data/archive] [--core data/birds-fold0]

The bundle's training left out the species of ARCHIVE/more that have recordings enough. Each is
added to the core species by itself: by its pictures where there are some, else by its name (text
anchor), and by the best window of n recordings, as `birdlisten confirm` keeps it. It is tested on
recordings by other recordists, ROUNDS times. "Reported": above the starter's default threshold.
"Taken for it": recordings of core species, which it must not attract.
"""

import argparse
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from edge.config import PACKAGED_BUNDLE
from edge.contract.bundle import Bundle, load_bundle
from edge.contract.errors import AudioError
from edge.recognition.search import Search
from edge.source.recording import read_recording
from edge.source.resampling import resample
from gallery.calibration.embedding import embed, open_model
from gallery.calibration.recordings import LabelledRecording, read_recordings
from train.birds.archive import read_archive
from train.birds.report import machine

_COUNTS, _ROUNDS, _LEAST, _LONGEST_S = (0, 1, 3, 10), 10, 8, 20
_RATE_HZ = 48_000


@dataclass(frozen=True)
class Recordings:
    """Recordings as a bundle hears them."""

    embeddings: np.ndarray
    """float32[windows, dim]."""
    recording: np.ndarray
    species: list[str]
    """Of every take."""
    author: list[str]

    def best(self, scores: np.ndarray) -> np.ndarray:
        """The best score of each take's windows, float32[takes, species]."""
        return np.stack([scores[self.recording == n].max(axis=0) for n in range(len(self.species))])


def unknown(archive: Path) -> Iterator[tuple[LabelledRecording, str, str]]:
    """Recordings of the species of `more` that have enough, with species and recordist."""
    rows = [one for one in read_archive(archive) if (one.set_name, one.kind) == ("more", "audio")]
    count = Counter(row.species_id for row in rows)
    for row in rows:
        if count[row.species_id] < _LEAST:
            continue
        try:
            wave = resample(*read_recording(row.path), _RATE_HZ)
        except AudioError:
            continue
        recording = LabelledRecording(wave[: _LONGEST_S * _RATE_HZ], frozenset({row.species_id}))
        yield recording, row.species_id, row.author


@dataclass(frozen=True)
class Result:
    """Of one species, one count and one choice of exemplars."""

    first: float
    """Share of its recordings for which it is the best species."""
    reported: float
    taken: float
    """Share of the core's recordings that are reported as it."""
    core_first: float
    """R@1 of the core's recordings."""


class BenchTrial:
    """A bundle without the unknown species, and everything as it hears it."""

    def __init__(self, bundle: Bundle, archive: Path, core: Path) -> None:
        bank = read_recordings(core, "train", _RATE_HZ, birds=False)
        self._bundle, model = bundle, open_model(bundle, "fp32", bank)
        self._bank, spec = model.bank, bundle.manifest.audio
        recordings, species, authors = zip(*unknown(archive), strict=True)
        rows, owner, *_ = embed(recordings, model.encoder, spec)
        self.more = Recordings(rows, owner, list(species), list(authors))
        birds = read_recordings(core, "test", _RATE_HZ, birds=True)
        rows, owner, *_ = embed(birds, model.encoder, spec)
        names = [next(iter(bird.species_ids)) for bird in birds]
        self._core = Recordings(rows, owner, names, [""] * len(birds))
        starter = load_bundle(PACKAGED_BUNDLE)
        known = starter.calibrated("fp32", starter.manifest.default_species_set)
        assert known is not None
        self._threshold = float(np.interp(known.threshold, known.probabilities, known.scores))
        self._ids = bundle.species_ids(bundle.manifest.default_species_set)
        self._best = self._searched(None, {}).scores(self.more.embeddings).score.max(axis=1)

    def pictured(self, species: str) -> bool:
        """True if the gallery has a picture of it."""
        return any(row.species_id == species for row in self._bundle.gallery.table)

    def run(self, species: str, count: int, random: np.random.Generator) -> Result | None:
        """One choice of exemplars; None if no recordist is left for the test."""
        own = [n for n, one in enumerate(self.more.species) if one == species]
        exemplars: list[int] = []
        authors = list(random.permutation(sorted({self.more.author[n] for n in own})))
        while len(exemplars) < count and len(authors) > 1:
            author = authors.pop()
            exemplars += [n for n in own if self.more.author[n] == author]
        tested = [n for n in own if self.more.author[n] in authors]
        if len(exemplars) < count or not tested:
            return None
        kept = {species: self._windows(exemplars[:count])} if count else {}
        search = self._searched(species, kept)
        return self._measure(search, search.species_ids.index(species), tested)

    def _measure(self, search: Search, column: int, tested: list[int]) -> Result:
        found, core_found = (search.scores(one.embeddings) for one in (self.more, self._core))
        scores, core = self.more.best(found.score)[tested], self._core.best(core_found.score)
        reported = scores[:, column] >= self._threshold
        taken = core[:, column] >= self._threshold
        known = [n for n, species in enumerate(self._core.species) if species in search.species_ids]
        right = [search.species_ids.index(self._core.species[n]) for n in known]
        return Result(
            float((scores.argmax(axis=1) == column).mean()),
            float(reported.mean()),
            float(taken.mean()),
            float((core[known].argmax(axis=1) == right).mean()),
        )

    def _windows(self, recordings: list[int]) -> np.ndarray:
        """The window of each recording that is most like any bird."""
        places = [np.flatnonzero(self.more.recording == n) for n in recordings]
        best = [place[self._best[place].argmax()] for place in places]
        return self.more.embeddings[best].astype(np.float16)

    def _searched(self, species: str | None, exemplars: Mapping[str, np.ndarray]) -> Search:
        ids = [*self._ids, *([species] if species else [])]
        anchors = self._bundle.anchors_by_id
        top = self._bundle.manifest.top_pictures
        return Search(
            self._bundle.gallery,
            ids,
            top,
            self._bank,
            anchors=anchors,
            exemplars=exemplars,
        )


def line(count: int, results: list[Result]) -> str:
    """Means over species and choices."""
    names = ("first", "reported", "taken", "core_first")
    means = [f"{np.mean([getattr(result, name) for result in results]):.3f}" for name in names]
    return f"| {count} | {len(results)} | {' | '.join(means)} |"


def main() -> None:
    """Run the command."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--bundle", type=Path, required=True)
    parser.add_argument("--archive", type=Path, default=Path("data/archive"))
    parser.add_argument("--core", type=Path, default=Path("data/birds-fold0"))
    args = parser.parse_args()
    trial = BenchTrial(load_bundle(args.bundle), args.archive, args.core)
    species = sorted(set(trial.more.species))
    seen = [one for one in species if trial.pictured(one)]
    print(f"{machine()}; {len(species)} species that training never heard, {len(seen)} of them "
          "with pictures; 29 core species beside\n")  # fmt: skip
    print("| exemplars | trials | first of 30 | reported | core taken for it | R@1 of core |")
    print("|---|---|---|---|---|---|")
    for count in _COUNTS:
        random = np.random.default_rng(0)
        rounds = [trial.run(one, count, random) for one in species for _ in range(_ROUNDS)]
        print(line(count, [outcome for outcome in rounds if outcome is not None]))


if __name__ == "__main__":
    main()
