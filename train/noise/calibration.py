"""The classes of sound that calibration knows."""

from collections.abc import Callable, Mapping

from numpy.random import Generator

from train.aviary.background import BACKGROUNDS
from train.aviary.song import Waveform
from train.noise.creatures import cicadas, crickets, frogs, katydids
from train.noise.shaped import engine, music
from train.noise.things import alarms, clicks, drips, rattle, squeaks

KINDS: Mapping[str, Callable[[int, Generator], Waveform]] = {
    **BACKGROUNDS,
    "alarms": alarms,
    "cicadas": cicadas,
    "clicks": clicks,
    "crickets": crickets,
    "drips": drips,
    "engine": engine,
    "frogs": frogs,
    "katydids": katydids,
    "music": music,
    "rattle": rattle,
    "squeaks": squeaks,
}
UNHEARD = frozenset({"handling", "rattle", "stream"})
"""In split test only: what neither training nor calibration knows. (The aviary's own scenes have
two of them.)"""
