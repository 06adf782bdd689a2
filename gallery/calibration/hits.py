"""Species in windows that some threshold lets pass, and the matches that they make."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np

from edge.contract.arrays import Array, Flags, Floats, Places
from edge.contract.audio_spec import AudioSpec
from edge.decision.confirm import Confirmer, Hit
from gallery.calibration.scored_windows import ScoredWindows, hours, of_strangers


@dataclass(frozen=True, kw_only=True)
class Hits:
    """The few pairs of window and species that reach a probability, and all windows."""

    window: Array
    """int32[hits], ascending: place among the windows."""
    species: Array
    """int32[hits], ascending in a window."""
    probability: Floats
    """float64[hits]."""
    present: Flags
    """bool[hits]: the species sings in the take."""
    recording: Places
    """int[windows], ascending."""
    start: Places
    """int[windows], samples since the take's start."""
    audible: Flags
    """bool[windows]: the gate lets it pass."""
    background: Flags
    """bool[windows]: of a take without a bird."""
    sung: Flags
    """bool[windows]: any of the species sings in the take."""
    width: int
    """Count of the species."""
    spec: AudioSpec

    @classmethod
    def of(cls, scored: Iterable[tuple[Floats, ScoredWindows]], least: float) -> "Hits":
        """Those of windows with their probabilities, float64[windows, species], block by block.

        Args:
            scored: one block at least.
            least: the lowest threshold that will be asked for.
        """
        columns, begin = dict[str, list[Array]](), 0
        for probability, windows in scored:
            window, species = np.nonzero(probability >= least)
            block: dict[str, Any] = {
                "window": (window + begin).astype(np.int32),
                "species": species.astype(np.int32),
                "probability": probability[window, species],
                "present": windows.present[window, species],
                "recording": windows.recording,
                "start": windows.start,
                "audible": windows.audible,
                "background": windows.background,
                "sung": windows.present.any(axis=1),
            }
            for name, values in block.items():
                columns.setdefault(name, []).append(values)
            begin += len(probability)
        arrays: dict[str, Any] = {name: np.concatenate(parts) for name, parts in columns.items()}
        return cls(**arrays, width=probability.shape[1], spec=windows.spec)

    def part(self, kept: Flags) -> "Hits":
        """Those of some of the windows, bool[windows]."""
        own = kept[self.window]
        place = (np.cumsum(kept) - 1).astype(np.int32)
        return Hits(
            window=place[self.window[own]],
            species=self.species[own],
            probability=self.probability[own],
            present=self.present[own],
            recording=self.recording[kept],
            start=self.start[kept],
            audible=self.audible[kept],
            background=self.background[kept],
            sung=self.sung[kept],
            width=self.width,
            spec=self.spec,
        )

    @property
    def strangers(self) -> Flags:
        """bool[windows]: of a take of birds that are none of the species."""
        return of_strangers(self.recording, self.sung, self.background)

    @property
    def hours(self) -> float:
        """Length of the takes."""
        return hours(self.recording, self.spec)

    def false_matches(self, threshold: float) -> int:
        """Count of wrong species that the listener's confirmation would report, take by take."""
        return sum(self._matches(~self.present & self._pass(threshold)))

    def true_matches(self, threshold: float) -> tuple[int, int]:
        """Counts of takes of birds: reported right by the listener's confirmation, and all."""
        right = self._matches(self.present & self._pass(threshold))
        return sum(count > 0 for count in right), len(np.unique(self.recording[self.sung]))

    def misled(self, threshold: float) -> float:
        """Share of the takes that are reported as some species."""
        reported = sum(count > 0 for count in self._matches(self._pass(threshold)))
        return reported / max(len(np.unique(self.recording)), 1)

    def _pass(self, threshold: float) -> Flags:
        passing: Flags = (self.probability >= threshold) & self.audible[self.window]
        return passing

    def _matches(self, passing: Flags) -> Iterator[int]:
        """Matches of each take in which anything passes, bool[hits]."""
        window, species = self.window[passing], self.species[passing]
        for recording in np.unique(self.recording[window]):
            first, end = np.searchsorted(self.recording, [recording, recording + 1])
            own = np.searchsorted(window, np.arange(first, end + 1))
            rows = (species[begin:stop] for begin, stop in pairwise(own))
            yield _confirmed(rows, self.start[first:end], self.spec)


def matches(passing: Flags, starts: Places, spec: AudioSpec) -> int:
    """Matches in one take, bool[windows, species], whose windows begin at int[windows]."""
    return _confirmed(map(np.flatnonzero, passing), starts, spec)


def _confirmed(passing: Iterable[Array], starts: Places, spec: AudioSpec) -> int:
    """Matches of the species that pass in each window of a take."""
    confirmer: Confirmer[None] = Confirmer(spec)
    count = 0
    for start, row in zip(starts.tolist(), passing, strict=True):
        hits = {int(species): Hit(start, 1.0, None) for species in row}
        count += len(confirmer.update(start, hits))
    return count + len(confirmer.finish())
