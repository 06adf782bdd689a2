"""Ten minutes with known times: one bird at a time, at signal-to-noise ratios from +20 to -5 dB."""

import csv
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from train.aviary.background import background
from train.aviary.chance import generator
from train.aviary.chorus import NOISE, add_song, sing
from train.aviary.dataset import write_flac
from train.aviary.repertoire import Singer
from train.aviary.scene import SingerPosition
from train.aviary.song import RATE_HZ, Waveform, samples
from train.aviary.species import SPECIES

LENGTH_S = 600
RATIOS_DB = (20, 15, 10, 5, 0, -5)
_SONG_S = (3.5, 5.0)
_PAUSE_S = 5.0
"""Least silence between two birds; longer than a window, so that an event is an event."""
NAME = "soundscape"


@dataclass(frozen=True)
class Event:
    """One bird, singing once."""

    start_s: float
    end_s: float
    scientific_name: str
    ratio_db: int
    """Loudness over that of the background."""


@dataclass(frozen=True)
class Soundscape:
    """The sound and the truth."""

    waveform: Waveform
    """float32[600 s at 48 kHz], peak below 1."""
    events: tuple[Event, ...]
    """In order of time."""


def compose(seed: int) -> Soundscape:
    """Let all species sing in turn, every ratio as often as any other.

    Args:
        seed: Chooses individuals, places, ratios and backgrounds; no bird of it is in a data set.
    """
    rng = generator(seed, NAME)
    kind = str(rng.choice(["air", "wind", "traffic", "stream"]))
    mixture = background(kind, samples(LENGTH_S), rng) * np.float32(NOISE)
    order = rng.permutation(len(SPECIES))
    events: list[Event] = []
    start_s = float(rng.uniform(2, _PAUSE_S))
    while start_s < LENGTH_S - 2 * _SONG_S[1]:
        species = SPECIES[order[len(events) % len(order)]]
        rounds = len(events) // len(order)
        ratio_db = RATIOS_DB[(len(events) + rounds) % len(RATIOS_DB)]
        singer = Singer.hatch(species.species_id, seed, f"{NAME}{len(events)}")
        song = sing(singer, float(rng.uniform(*_SONG_S)), rng)
        add_song(
            mixture[samples(start_s) :],
            song=song,
            place=SingerPosition.draw(rng, 8.0, 50.0),
            gain_db=ratio_db,
            rng=rng,
        )
        end_s = start_s + len(song) / RATE_HZ
        events.append(Event(start_s, end_s, species.scientific_name, ratio_db))
        start_s = end_s + _PAUSE_S + float(rng.uniform(0, 2))
    mixture *= np.float32(min(1.0, 0.9 / float(np.abs(mixture).max())))
    return Soundscape(mixture, tuple(events))


def write(soundscape: Soundscape, output: Path) -> Path:
    """Write ``soundscape.flac`` and its truth, ``soundscape.csv``, a row an event."""
    output.mkdir(parents=True, exist_ok=True)
    write_flac(output / f"{NAME}.flac", soundscape.waveform)
    with (output / f"{NAME}.csv").open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(("start_s", "end_s", "scientific_name", "ratio_db"))
        for event in soundscape.events:
            times = (f"{event.start_s:.3f}", f"{event.end_s:.3f}")
            writer.writerow((*times, event.scientific_name, event.ratio_db))
    return output / f"{NAME}.flac"
