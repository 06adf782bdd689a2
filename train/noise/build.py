"""Recordings without a bird, as a data set.

python scripts/backgrounds.py --output DIR [--hours 6] [--generator calibration|test] [--seed 0]

Every recording is 20 s of one class, or of two at unequal levels. The generators share no code
and no voice, so that a calibration on one can be tested on the other. Of the calibration's
recordings every fourth of a class is in split validation, the others in train (they make the
background bank); three of its twenty classes are in split test only.
"""

import csv
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from numpy.random import Generator
from tqdm import tqdm

from edge.command.parser import Parser
from edge.contract.errors import ConfigError
from edge.contract.taxonomy import Taxonomy
from gallery.command import run
from train.aviary.background import level
from train.aviary.chance import generator
from train.aviary.dataset import write_flac
from train.aviary.scene import recorded
from train.aviary.song import Waveform, samples
from train.noise import calibration, modelled
from train.noise.calibration import UNHEARD
from train.noise.speech import VOICES, available, speech

Maker = Callable[[int, Generator], Waveform]
CALIBRATION, TEST = "calibration", "test"
SPEECH = "speech"
_KINDS = {CALIBRATION: calibration.KINDS, TEST: modelled.KINDS}
_EVERY = 4
"""Of so many rounds through the classes the second is for validation."""
_COLUMNS = ("path", "kind", "scientific_name", "common_name", "split", "licence", "attribution")
_CREDIT = ("CC0", "birdlisten backgrounds (synthetic)")


@dataclass(frozen=True)
class BackgroundConfig:
    """Configuration of the recordings to make.

    Raises:
        ConfigError: an unknown generator, or not a minute of sound.
    """

    generator: str = CALIBRATION
    hours: float = 6.0
    seed: int = 0
    length_s: float = 20.0

    def __post_init__(self) -> None:
        if self.generator not in _KINDS:
            raise ConfigError(f"generator: {self.generator!r} is not one of {sorted(_KINDS)}")
        if self.count < 1:
            raise ConfigError(f"hours: {self.hours} is less than one recording")

    @property
    def count(self) -> int:
        """Count of recordings."""
        return round(self.hours * 3600 / self.length_s)


@dataclass(frozen=True)
class Background:
    """One recording."""

    kinds: tuple[str, ...]
    """Classes of sound, the loudest first."""
    waveform: Waveform


def makers(name: str) -> Mapping[str, Maker]:
    """The classes of a generator; speech only where espeak-ng is installed."""
    talk: Mapping[str, Maker] = {SPEECH: partial(_talk, voices=VOICES[name])}
    return {**_KINDS[name], **(talk if available() else {})}


def backgrounds(config: BackgroundConfig, kinds: Sequence[str] = ()) -> Iterator[Background]:
    """Make recordings, float32 at 48 kHz with peaks below 1.

    Args:
        config: what to make.
        kinds: the classes to make them of; none takes all in turn.
    """
    known = makers(config.generator)
    chosen = list(kinds) or sorted(known)
    for n in range(config.count):
        rng = generator(config.seed, config.generator, n)
        first = chosen[n % len(chosen)]
        alike = [kind for kind in chosen if (kind in UNHEARD) == (first in UNHEARD)]
        yield _background([first, *_second(alike, rng)], known, config, rng)


def _second(chosen: Sequence[str], rng: Generator) -> list[str]:
    return [str(rng.choice(chosen))] if rng.random() < 0.5 else []


def _background(
    kinds: Sequence[str], known: Mapping[str, Maker], config: BackgroundConfig, rng: Generator
) -> Background:
    count = samples(config.length_s)
    wave = level(known[kinds[0]](count, rng))
    for kind in kinds[1:]:
        wave = wave + level(known[kind](count, rng)) * float(rng.uniform(0.1, 0.7))
    return Background(tuple(dict.fromkeys(kinds)), recorded(wave, float(rng.uniform(0.03, 0.9))))


def _talk(count: int, rng: Generator, voices: Sequence[str]) -> Waveform:
    return speech(count, voices, rng)


def build(config: BackgroundConfig, output: Path) -> Path:
    """Write the recordings (FLAC) and manifest.csv.

    Returns:
        The path of the manifest.
    """
    (output / "audio").mkdir(parents=True, exist_ok=True)
    rows, classes = [], len(makers(config.generator))
    made = tqdm(backgrounds(config), "backgrounds", config.count, disable=None)
    for n, sound in enumerate(made):
        path = f"audio/{config.generator}-{n:04}.flac"
        write_flac(output / path, sound.waveform)
        split = _split(config, sound.kinds[0], n // classes)
        rows.append((path, "audio", "", "+".join(sound.kinds), split, *_CREDIT))
    Taxonomy(()).save(output / "taxonomy.csv")
    manifest = output / "manifest.csv"
    with manifest.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(_COLUMNS)
        writer.writerows(rows)
    return manifest


def _split(config: BackgroundConfig, kind: str, rounds: int) -> str:
    if config.generator == TEST or kind in UNHEARD:
        return "test"
    return "validation" if rounds % _EVERY == 1 else "train"


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command line; return the exit status."""
    default = BackgroundConfig()
    parser = Parser(prog="backgrounds.py", description=__doc__)
    parser.add_argument("--output", type=Path, required=True)
    parser.add_argument("--generator", choices=sorted(_KINDS), default=default.generator)
    parser.add_argument("--hours", type=float, default=default.hours)
    parser.add_argument("--seed", type=int, default=default.seed)
    args = parser.parse_args(argv)

    def command() -> None:
        if not available():
            print("backgrounds.py: espeak-ng is not installed: no speech", file=sys.stderr)
        print(build(BackgroundConfig(args.generator, args.hours, args.seed), args.output))

    return run(command)
