"""Write a synthetic data set in the folder format of real ones: manifest, taxonomy, files.

``DIR/manifest.csv`` is written last, so a folder with a manifest is complete.
"""

import csv
import multiprocessing
import os
import sys
from collections.abc import Iterable, Iterator
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, fields
from functools import partial
from pathlib import Path

import numpy as np
import soundfile
from tqdm import tqdm

from edge.contract.taxonomy import Species
from train.aviary.background import BACKGROUNDS, background
from train.aviary.chance import generator
from train.aviary.picture import picture
from train.aviary.repertoire import Singer, bout
from train.aviary.scene import field_recording, recorded
from train.aviary.song import RATE_HZ, Waveform, samples
from train.aviary.species import SPECIES_IDS, chosen

LICENCE = "CC0"
ATTRIBUTION = "birdlisten aviary"

_IN_PROCESS = 64
"""Data sets of fewer items are made without other processes."""


@dataclass(frozen=True)
class AviaryConfig:
    """Configuration of a data set; the same one always gives the same data."""

    seed: int = 0
    species: tuple[str, ...] = SPECIES_IDS
    individuals: int = 28
    """Singing individuals a species, at least 3."""
    recordings: int = 1
    """Recordings an individual."""
    pictures: int = 14
    """Pictures a species, each of another individual, at least 3."""
    backgrounds: int = 8
    """Clips a background class, at least 3, or 0 for none."""
    shortest_s: float = 6.0
    longest_s: float = 8.0

    def __post_init__(self) -> None:
        """Refuse numbers that leave a split empty."""
        chosen(self.species)
        if self.seed < 0:
            raise ValueError(f"seed must not be negative, got {self.seed}")
        if min(self.individuals, self.pictures) < 3 or self.backgrounds in (1, 2):
            raise ValueError(
                "individuals, pictures and backgrounds must be at least 3, one for each split; "
                f"got {self.individuals}, {self.pictures} and {self.backgrounds}"
            )
        if self.recordings < 1 or not 3.0 <= self.shortest_s <= self.longest_s:
            raise ValueError("at least one recording of at least 3 s is needed")


@dataclass(frozen=True)
class PlannedFile:
    """One file of the data set; the fields are the columns of the manifest."""

    path: str
    kind: str
    """audio or image."""
    scientific_name: str
    """Empty for background."""
    common_name: str
    """Of the species, or the class of background."""
    individual: str
    split: str
    """train, validation or test; an individual is in one only."""
    licence: str = LICENCE
    attribution: str = ATTRIBUTION


COLUMNS = tuple(field.name for field in fields(PlannedFile))


def split_of(index: int, count: int) -> str:
    """Return the split of one of ``count`` individuals: about 9 to 2 to 3, none empty."""
    test, validation = max(1, round(count * 3 / 14)), max(1, round(count * 2 / 14))
    if index < count - test - validation:
        return "train"
    return "validation" if index < count - test else "test"


def _of_species(config: AviaryConfig, species: Species) -> Iterator[PlannedFile]:
    slug, names = species.species_id, (species.scientific_name, species.common_name)
    for i in range(config.individuals):
        who, split = f"{slug}_song_{i + 1:02}", split_of(i, config.individuals)
        for take in range(1, config.recordings + 1):
            path = f"audio/{slug}/{slug}_{i + 1:02}_{take}.flac"
            yield PlannedFile(path, "audio", *names, who, split)
    for i in range(config.pictures):
        path, who = f"images/{slug}/{slug}_{i + 1:02}.jpg", f"{slug}_picture_{i + 1:02}"
        yield PlannedFile(path, "image", *names, who, split_of(i, config.pictures))


def items(config: AviaryConfig) -> list[PlannedFile]:
    """Return every file of the data set, in the order of the manifest."""
    every = [
        item for species in chosen(config.species).species for item in _of_species(config, species)
    ]
    for kind in BACKGROUNDS:
        for i in range(config.backgrounds):
            path, who = f"audio/background/{kind}_{i + 1:02}.flac", f"background_{kind}_{i + 1:02}"
            every.append(
                PlannedFile(
                    path=path,
                    kind="audio",
                    scientific_name="",
                    common_name=kind,
                    individual=who,
                    split=split_of(i, config.backgrounds),
                )
            )
    return every


def waveform(config: AviaryConfig, item: PlannedFile) -> Waveform:
    """Make one recording: float32[n] at 48 kHz, peak below 1."""
    rng = generator(config.seed, item.path)
    length_s = float(rng.uniform(config.shortest_s, config.longest_s))
    if not item.scientific_name:
        noise = background(item.common_name, samples(length_s), rng)
        return recorded(noise, rng.uniform(0.05, 0.4))
    species_id = item.scientific_name.lower().replace(" ", "_")
    singer = Singer.hatch(species_id, config.seed, item.individual)
    song = bout(singer, length_s - rng.uniform(0.0, 0.6), rng)
    return field_recording(song, length_s, rng)


def write_flac(path: Path, wave: Waveform) -> None:
    """Write 16-bit mono FLAC at 48 kHz."""
    pcm = np.round(wave * 32767).astype(np.int16)
    soundfile.write(path, pcm, RATE_HZ, subtype="PCM_16", format="FLAC", compression_level=0.3)


def _write(config: AviaryConfig, output: Path, item: PlannedFile) -> None:
    path = output / item.path
    if item.kind == "audio":
        write_flac(path, waveform(config, item))
    else:
        species_id = item.scientific_name.lower().replace(" ", "_")
        image = picture(species_id, generator(config.seed, item.path))
        image.save(path, "JPEG", quality=88)


def _write_all(
    config: AviaryConfig, output: Path, every: list[PlannedFile], workers: int
) -> Iterable[None]:
    write = partial(_write, config, output)
    if workers < 2:
        yield from map(write, every)
        return
    spawn = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(workers, mp_context=spawn) as pool:
        yield from pool.map(write, every, chunksize=8)


def write_manifest(path: Path, every: list[PlannedFile]) -> None:
    """Write the manifest to a temporary sibling, then rename it."""
    partial_path = path.with_name(path.name + ".partial")
    with partial_path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(COLUMNS)
        writer.writerows([getattr(item, column) for column in COLUMNS] for item in every)
    partial_path.replace(path)


def build(
    config: AviaryConfig, output: Path, progress: bool = True, workers: int | None = None
) -> Path:
    """Make a whole data set.

    Args:
        config: What to make.
        output: Folder to write; files of the same names are replaced.
        progress: Show a bar on stderr if that is a terminal.
        workers: Number of processes; by default one a core, or none extra for a small set.

    Returns:
        The path of the manifest.
    """
    every = items(config)
    manifest = output / "manifest.csv"
    manifest.unlink(missing_ok=True)
    for folder in sorted({(output / item.path).parent for item in every}):
        folder.mkdir(parents=True, exist_ok=True)
    chosen(config.species).save(output / "taxonomy.csv")
    if workers is None:
        workers = (os.cpu_count() or 1) if len(every) >= _IN_PROCESS else 1
    quiet = not (progress and sys.stderr.isatty())
    written = _write_all(config, output, every, workers)
    for _ in tqdm(written, total=len(every), desc="aviary", unit="file", disable=quiet):
        pass
    write_manifest(manifest, every)
    return manifest
