"""Windows of recordings with their scores: in memory, or in a file that is read by blocks."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Protocol

import numpy as np

from edge.contract.arrays import Flags, Float32s, Places
from edge.contract.audio_spec import AudioSpec
from gallery.calibration.row_file import RowFile


class WindowBlocks(Protocol):
    """Windows that may be more than memory holds."""

    def blocks(self) -> Iterator["ScoredWindows"]:
        """They, some at a time, in the order of their recordings; again and again."""


@dataclass(frozen=True, kw_only=True)
class ScoredWindows:
    """Every window of every take."""

    score: Float32s
    """float32[windows, species], what is mapped to a probability."""
    present: Flags
    """bool[windows, species]: the species sings in the take."""
    recording: Places
    """int[windows], ascending."""
    mixed: Flags
    """bool[windows]: of a take with two birds."""
    background: Flags
    """bool[windows]: of a take without a bird."""
    audible: Flags
    """bool[windows]: the gate lets it pass."""
    start: Places
    """int[windows], samples since the take's start."""
    spec: AudioSpec

    @property
    def strangers(self) -> Flags:
        """bool[windows]: of a take of birds that are none of the species."""
        sung: Flags = np.asarray(self.present.any(axis=1))
        return of_strangers(self.recording, sung, self.background)

    @property
    def hours(self) -> float:
        """Length of the takes."""
        return hours(self.recording, self.spec)

    def blocks(self) -> Iterator["ScoredWindows"]:
        """All of them at once."""
        yield self

    def alone(self) -> "ScoredWindows":
        """Without the mixtures."""
        return self.part(~self.mixed)

    def part(self, kept: Flags) -> "ScoredWindows":
        """Some of the windows; bool[windows]."""
        return ScoredWindows(
            score=self.score[kept],
            present=self.present[kept],
            recording=self.recording[kept],
            mixed=self.mixed[kept],
            background=self.background[kept],
            audible=self.audible[kept],
            start=self.start[kept],
            spec=self.spec,
        )

    @classmethod
    def joined(cls, parts: Sequence["ScoredWindows"]) -> "ScoredWindows":
        """All windows; takes are numbered on from part to part."""
        parts = [part for part in parts if len(part.recording)]
        firsts = np.cumsum([0, *(part.recording[-1] + 1 for part in parts[:-1])])
        recordings = [part.recording + first for part, first in zip(parts, firsts, strict=True)]
        return cls(
            score=np.concatenate([part.score for part in parts]),
            present=np.concatenate([part.present for part in parts]),
            recording=np.concatenate(recordings),
            mixed=np.concatenate([part.mixed for part in parts]),
            background=np.concatenate([part.background for part in parts]),
            audible=np.concatenate([part.audible for part in parts]),
            start=np.concatenate([part.start for part in parts]),
            spec=parts[0].spec,
        )


def of_strangers(recording: Places, sung: Flags, background: Flags) -> Flags:
    """bool[windows]: of a take of birds in no window of which a species of the set sings."""
    found: Flags = ~background & ~np.isin(recording, np.unique(recording[sung]))
    return found


def hours(recording: Places, spec: AudioSpec) -> float:
    """Length of the takes that windows are of."""
    hop, window = spec.hop_samples, spec.window_samples
    samples = len(recording) * hop + len(np.unique(recording)) * (window - hop)
    return samples / spec.sample_rate_hz / 3600


class FiledWindows:
    """Windows whose scores lie in files, each block as it was added."""

    def __init__(self) -> None:
        self._score, self._present = RowFile(), RowFile()
        self._blocks: list[ScoredWindows] = []

    def add(self, windows: ScoredWindows, first: int) -> None:
        """Keep a block, whose recordings are numbered from `first` on."""
        self._score.append(windows.score)
        self._present.append(windows.present)
        score, present = windows.score[:, :0].copy(), windows.present[:, :0].copy()
        recording = windows.recording + first
        self._blocks.append(replace(windows, score=score, present=present, recording=recording))

    def blocks(self) -> Iterator[ScoredWindows]:
        """They, a block at a time."""
        begin = 0
        for block in self._blocks:
            end = begin + len(block.recording)
            own = slice(begin, end)
            yield replace(block, score=self._score[own], present=self._present[own])
            begin = end
