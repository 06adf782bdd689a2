"""Cost of large galleries: memory to load one, time a window, hold-up by learning, identify.

python scripts/bench/large_gallery.py [--species 10000] [--pictures 10] [--rounds 30] [--minutes 10]

Galleries are random, around the mean of the packaged bundle's, whose encoder hears noise. Memory to
load is the peak of a process less that of one which loads the packaged bundle. In an uneven gallery
one species has half of the rows, and sounds like the noise; it is held against an even one of as
many rows, window by window in turn. A hold-up is the longest window while a verdict is learnt, less
the usual one. The encoder has one thread. Ends with 1 if a limit is not kept.
"""

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import soundfile

from edge.command.identify import identify
from edge.command.opening import open_recognizer
from edge.config import PACKAGED_BUNDLE, Settings
from edge.contract.arrays import Float16s, Float32s
from edge.contract.bundle import Bundle, load_bundle, npy_bytes, write_bundle
from edge.contract.gallery import Gallery, GalleryRow
from edge.contract.roles import read_role
from edge.contract.taxonomy import Species, Taxonomy
from edge.recognition.overlay import Overlay, packed
from edge.recognition.recognizer import WindowScores
from edge.recognition.trial import peak_mb
from edge.records.inbox import REJECTED, Lesson, Review
from edge.records.lessons import give
from edge.source.framing import Window
from edge.system.machine import processor

_RATE_HZ, _SPREAD = 48_000, 0.06
_RANKS = ("Animalia", "Chordata", "Aves", "Order", "Family")
_SMALL = 2000
"""Species of a gallery of which every row is looked at."""
Measured = dict[str, float]


@dataclass(frozen=True)
class Figure:
    """A measured figure, and the most that it may be."""

    name: str
    value: float
    limit: float

    def __str__(self) -> str:
        return f"| {self.name} | {self.value:.2f} | {self.limit:g} |"


class Opened:
    """A bundle made ready for live sound at a station of its own, and a window of noise."""

    def __init__(self, bundle: str) -> None:
        self.station = Path(tempfile.mkdtemp())
        begun = time.perf_counter()
        settings = Settings(bundle=bundle, station=str(self.station), threads=1)
        self.recognizer = open_recognizer(settings, live=True)
        self.load_s = time.perf_counter() - begun
        samples = self.recognizer.bundle.manifest.audio.window_samples
        noise = 0.05 * np.random.default_rng(1).standard_normal(samples)
        self._window = Window(0, noise.astype(np.float32))

    def listen(self) -> WindowScores:
        """Hear the window, as the listener hears each."""
        self.recognizer.refresh()
        return self.recognizer.score([self._window])[0]

    def window_ms(self) -> float:
        """Time of one window."""
        begun = time.perf_counter()
        self.listen()
        return 1000 * (time.perf_counter() - begun)

    def usual_ms(self, rounds: int) -> float:
        """Median time of a window."""
        return statistics.median(self.window_ms() for _ in range(rounds))

    def held_up_ms(self, learnt: Callable[[WindowScores], bool]) -> float:
        """Longest time of a window until something is learnt."""
        longest, known = 0.0, False
        while not known:
            begun = time.perf_counter()
            known = learnt(self.listen())
            longest = max(longest, 1000 * (time.perf_counter() - begun))
        return longest


def build(path: Path, counts: list[int], sound: Float32s | None = None) -> Path:
    """A bundle of random pictures and names.

    Args:
        path: its folder.
        counts: pictures of each species.
        sound: float32[dim] that the last species is like.
    """
    path.mkdir()
    known, random = load_bundle(PACKAGED_BUNDLE), np.random.default_rng(0)
    centre = known.gallery.rows.astype(np.float32).mean(axis=0)
    rows, names = around(centre, sum(counts), random), around(centre, len(counts), random)
    if sound is not None:
        rows[-counts[-1] :] = around(sound, counts[-1], random)
    taxonomy = birds(len(counts))
    taxonomy.save(path / "table.csv")
    table = tuple(
        GalleryRow(bird.species_id, "", f"https://x/{bird.species_id}/{n}.jpg", "me", "CC0")
        for bird, count in zip(taxonomy.species, counts, strict=True)
        for n in range(count)
    )
    contents = kept_roles(known) | {
        "gallery.rows": npy_bytes(rows),
        "gallery.table": Gallery(rows, table).table_csv(),
        "taxonomy": (path / "table.csv").read_bytes(),
        "anchors": npy_bytes(names),
    }
    sets = {"species_sets": {"all": None}, "default_species_set": "all"}
    write_bundle(path, replace(known.manifest, name=path.name, roles={}, **sets), contents)
    return path


def birds(count: int) -> Taxonomy:
    """Species that there are not."""
    names = [f"Genus{n // 5} species{n}" for n in range(count)]
    return Taxonomy(
        tuple(
            Species(name.lower().replace(" ", "_"), name, f"Bird {n}", *_RANKS, *name.split())
            for n, name in enumerate(names)
        )
    )


def around(centre: Float32s, count: int, random: np.random.Generator) -> Float16s:
    """float16[count, dim], unit rows around a centre."""
    rows = centre + _SPREAD * random.standard_normal((count, len(centre)), np.float32)
    rows /= np.linalg.norm(rows, axis=1, keepdims=True)
    return rows.astype(np.float16)


def kept_roles(known: Bundle) -> dict[str, bytes]:
    """Encoders, axes, background and calibration of the packaged bundle."""
    kept = {
        role: read_role(known.path, known.manifest, role)
        for role in known.manifest.roles
        if role.startswith(("encoder", "background", "features"))
    }
    sets = {precision: {"all": entry["all"]} for precision, entry in known.calibration.items()}
    return kept | {"calibration": json.dumps(sets).encode()}


def measure_load(bundle: str) -> Measured:
    """Memory and time to load."""
    opened = Opened(bundle)
    return {"peak_mb": peak_mb(), "load_s": opened.load_s}


def measure_ratio(even: str, uneven: str, rounds: str) -> Measured:
    """Median times of a window, taken in turn."""
    pair = (Opened(even), Opened(uneven))
    times = [[opened.window_ms() for opened in pair] for _ in range(int(rounds) + 1)][1:]
    even_ms, uneven_ms = (statistics.median(column) for column in zip(*times, strict=True))
    return {"even_ms": even_ms, "uneven_ms": uneven_ms}


def measure_learning(bundle: str, rounds: str) -> Measured:
    """Hold-ups while a confirmed, then a rejected sound is learnt."""
    opened = Opened(bundle)
    usual, manifest = opened.usual_ms(int(rounds)), opened.recognizer.bundle.manifest
    sound = opened.listen().sound[None].astype(np.float16)
    overlay = Overlay(opened.station, manifest.model_id, manifest.embedding_dim, manifest.sound_dim)
    overlay.add_exemplar(opened.recognizer.species[-1].species_id, "one", sound)
    confirm = opened.held_up_ms(lambda scores: float(scores.similarity[-1]) > 0.99)
    overlay.forget("one")
    lesson = Lesson(by="bench", model=manifest.model_id, dim=sound.shape[1], rows=packed(sound))
    give(opened.station, Review("two", REJECTED, "", 0, lesson=lesson))
    reject = opened.held_up_ms(lambda scores: scores.rejected)
    return {"confirm_ms": confirm - usual, "reject_ms": reject - usual, "window_ms": usual}


def measure_identify(bundle: str, minutes: str) -> Measured:
    """The most memory of a minute, and of some."""
    opened, peaks = Opened(bundle), []
    for length in (1, int(minutes)):
        file = opened.station / f"{length}.flac"
        write_noise(file, length)
        identify(file, opened.recognizer, 5)
        peaks.append(peak_mb())
    return {"one_mb": peaks[0], "all_mb": peaks[1]}


def write_noise(path: Path, minutes: int) -> None:
    """Noise of some minutes, which swells so that the gate lets it pass."""
    random = np.random.default_rng(0)
    with soundfile.SoundFile(path, "w", _RATE_HZ, 1) as file:
        for n in range(60 * minutes):
            file.write((0.05 + 0.04 * (n % 3)) * random.standard_normal(_RATE_HZ))


MEASURES = {
    "load": measure_load,
    "ratio": measure_ratio,
    "learning": measure_learning,
    "identify": measure_identify,
}


def measured(name: str, *arguments: object) -> Measured:
    """A measure in a process of its own."""
    command = [sys.executable, __file__, "--measure", name, *map(str, arguments)]
    ended = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True)
    found: Measured = json.loads(ended.stdout)
    print(name, {key: round(value, 2) for key, value in found.items()}, file=sys.stderr)
    return found


def figures(folder: Path, args: argparse.Namespace) -> Iterator[Figure]:
    """All of them."""
    many = args.species * args.pictures
    large = build(folder / "large", [args.pictures] * args.species)
    sound = Opened(str(PACKAGED_BUNDLE)).listen().embedding
    yield loading(large, many)
    halves = [args.pictures // 2] * args.species + [many // 2]
    even = build(folder / "even", [2] * _SMALL)
    uneven = build(folder / "uneven", [1] * _SMALL + [_SMALL], sound)
    halved = build(folder / "halved", halves, sound)
    for name, first, second in (
        (f"{2 * _SMALL:,} rows", even, uneven),
        (f"{many:,} rows", large, halved),
    ):
        times = measured("ratio", first, second, args.rounds)
        ratio = times["uneven_ms"] / times["even_ms"]
        yield Figure(f"window, uneven / even, {name}", ratio, 1.5)
    base, *peaks = (measured("load", b)["peak_mb"] for b in (PACKAGED_BUNDLE, even, uneven))
    yield Figure("memory, uneven / even", (peaks[1] - base) / (peaks[0] - base), 1.5)
    learning = measured("learning", large, args.rounds)
    yield Figure("hold-up by confirm, ms", learning["confirm_ms"], 100)
    yield Figure("hold-up by reject, ms", learning["reject_ms"], 100)
    memory = measured("identify", large, args.minutes)
    grown = memory["all_mb"] - memory["one_mb"]
    yield Figure(f"identify, {args.minutes} minutes above one, MiB", grown, 8)


def loading(large: Path, rows: int) -> Figure:
    """Memory to load the large gallery, as a share of it in float32."""
    wide_mb = rows * load_bundle(PACKAGED_BUNDLE).manifest.embedding_dim * 4 / 2**20
    base, loaded = (measured("load", bundle)["peak_mb"] for bundle in (PACKAGED_BUNDLE, large))
    return Figure(f"load, of {wide_mb:.0f} MiB in float32", (loaded - base) / wide_mb, 1.3)


def main() -> int:
    """Run the command."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--species", type=int, default=10_000)
    parser.add_argument("--pictures", type=int, default=10)
    parser.add_argument("--rounds", type=int, default=30)
    parser.add_argument("--minutes", type=int, default=10)
    parser.add_argument("--measure", nargs="+", help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.measure:
        name, *arguments = args.measure
        print(json.dumps(MEASURES[name](*arguments)))
        return 0
    print(f"Machine: {processor()}, {os.cpu_count()} cores.\n")
    print("| figure | measured | at most |\n|---|---|---|")
    kept = True
    with tempfile.TemporaryDirectory() as folder:
        for figure in figures(Path(folder), args):
            print(figure, flush=True)
            kept &= figure.value <= figure.limit
    return 0 if kept else 1


if __name__ == "__main__":
    sys.exit(main())
