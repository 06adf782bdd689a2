"""A two-minute dawn chorus with its truth: who sings when."""

import csv
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.random import Generator

from train.aviary.background import background
from train.aviary.chance import generator
from train.aviary.dataset import write_flac
from train.aviary.repertoire import Singer, bout
from train.aviary.scene import SingerPosition, heard_from, loudness
from train.aviary.song import RATE_HZ, Waveform, samples
from train.aviary.species import SPECIES

LENGTH_S = 120
NOISE = 0.0025
"""Root mean square of the background; low, so that the file stays small."""
_SOLO_S = (5.0, 7.5)
_FURTHER_S = (3.8, 5.5)
"""Lengths of a singer's first bout and of the others."""
_FURTHER = 24
"""Number of other bouts of all singers together, about."""
_APART_S = 9.0
"""Least time between two starts of one singer."""


@dataclass(frozen=True)
class Bout:
    """One stretch of song in the chorus."""

    start_samples: int
    end_samples: int
    scientific_name: str

    @property
    def row(self) -> tuple[str, str, str]:
        """The bout as a row of the truth: seconds with milliseconds."""
        start_s, end_s = self.start_samples / RATE_HZ, self.end_samples / RATE_HZ
        return f"{start_s:.3f}", f"{end_s:.3f}", self.scientific_name


@dataclass(frozen=True)
class Chorus:
    """The sound and the truth."""

    waveform: Waveform
    """float32[120 s at 48 kHz], peak below 1."""
    bouts: tuple[Bout, ...]
    """Sorted by start."""


@dataclass(frozen=True)
class Turn:
    """Time at which a singer is to sing, in seconds."""

    singer: int
    start_s: float
    length_s: float

    def shared_s(self, other: "Turn") -> float:
        """Return how long both sing."""
        end_s = min(self.start_s + self.length_s, other.start_s + other.length_s)
        return max(0.0, end_s - max(self.start_s, other.start_s))


def _solos(count: int, rng: Generator) -> list[Turn]:
    """Give every singer one long bout in a share of the time that is its own."""
    share_s = LENGTH_S / count
    turns = []
    for slot, singer in enumerate(rng.permutation(count)):
        length_s = float(rng.uniform(*_SOLO_S))
        spare_s = max(share_s - length_s - 0.5, 0.0)
        turns.append(Turn(int(singer), slot * share_s + rng.uniform(0.0, spare_s), length_s))
    return turns


def _further(singer: int, turns: list[Turn], solos: list[Turn], rng: Generator) -> Turn:
    """Find a time when the singer is silent, preferably not in the middle of another's solo."""
    candidates: list[Turn] = []
    while len(candidates) < 12:
        turn = Turn(singer, rng.uniform(0.5, LENGTH_S - 9.0), float(rng.uniform(*_FURTHER_S)))
        own = [other for other in turns if other.singer == singer]
        if all(abs(turn.start_s - other.start_s) > _APART_S for other in own):
            candidates.append(turn)
    return min(candidates, key=lambda turn: sum(map(turn.shared_s, solos)))


def plan(count: int, rng: Generator) -> list[Turn]:
    """Choose who sings when.

    Args:
        count: Number of singers, 6 to 12.
        rng: Source of randomness.

    Returns:
        At least three turns a singer, more in all than fit one after the other: some overlap.
    """
    solos = _solos(count, rng)
    turns = list(solos)
    for _ in range(max(2, round(_FURTHER / count))):
        for singer in range(count):
            turns.append(_further(singer, turns, solos, rng))
    return turns


def compose(seed: int) -> Chorus:
    """Let 6 to 12 species sing, each one individual in a place of its own.

    Args:
        seed: Chooses species, individuals, places and times; none of the birds is in a data set.

    Returns:
        The chorus, every singer 18 to 28 dB above the background.
    """
    rng = generator(seed, "chorus")
    count = int(rng.integers(6, 13))
    cast = [SPECIES[i] for i in rng.choice(len(SPECIES), count, replace=False)]
    singers = [Singer.hatch(species.species_id, seed, "chorus") for species in cast]
    places = [SingerPosition.draw(rng, 8.0, 50.0) for _ in cast]
    gains_db = rng.uniform(18.0, 28.0, count)
    kind = str(rng.choice(["air", "wind", "traffic"]))
    mixture = background(kind, samples(LENGTH_S), rng) * np.float32(NOISE)
    bouts = []
    for turn in plan(count, rng):
        start, who = samples(turn.start_s), turn.singer
        song = sing(singers[who], turn.length_s, rng)
        add_song(
            mixture[start:], song=song, place=places[who], gain_db=float(gains_db[who]), rng=rng
        )
        bouts.append(Bout(start, start + len(song), cast[who].scientific_name))
    mixture *= np.float32(min(1.0, 0.9 / float(np.abs(mixture).max())))
    return Chorus(mixture, tuple(sorted(bouts, key=lambda b: (b.start_samples, b.scientific_name))))


def sing(singer: Singer, length_s: float, rng: Generator) -> Waveform:
    """Sing for about ``length_s``, at least 3 s."""
    song = bout(singer, length_s, rng)
    while len(song) < samples(3.0):
        length_s += 0.5
        song = bout(singer, length_s, rng)
    return song


def add_song(
    air: Waveform, song: Waveform, place: SingerPosition, gain_db: float, rng: Generator
) -> None:
    """Add a song with its echo to the start of ``air``, so much louder than its NOISE."""
    echo = np.zeros(samples(place.reverberation_s), np.float32)
    distant = heard_from(np.concatenate([song, echo]), place, rng)[: len(air)]
    gain = NOISE * 10 ** (gain_db / 20) / loudness(distant[: len(song)])
    air[: len(distant)] += distant * np.float32(gain)


def write(chorus: Chorus, output: Path) -> Path:
    """Write ``chorus.flac`` and ``chorus.csv`` (start_s, end_s, scientific_name)."""
    output.mkdir(parents=True, exist_ok=True)
    write_flac(output / "chorus.flac", chorus.waveform)
    with (output / "chorus.csv").open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(("start_s", "end_s", "scientific_name"))
        writer.writerows(bout.row for bout in chorus.bouts)
    return output / "chorus.flac"
