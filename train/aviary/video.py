"""Write synthetic clips in SSW60's layout: videos, photographs, their tables, and the truth.

``DIR/video_ml.csv`` is written last, so a folder with it is complete. Beyond SSW60's columns it
says `licence`, `attribution`, `individual` and `also`, ids of others that are heard or seen;
`truth.csv` says who sings when, and where in the picture (train/bridges/truth.py).
"""

import csv
import multiprocessing
import os
import sys
from collections.abc import Iterable, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from tqdm import tqdm

from edge.contract.taxonomy import Species
from train.aviary.chance import generator
from train.aviary.dataset import ATTRIBUTION, LICENCE, split_of
from train.aviary.film import write_film
from train.aviary.filming import SIDE_PX, FilmedBird, film, still_picture
from train.aviary.species import SPECIES_IDS, chosen
from train.aviary.staging import draw_size, stage

_TAXA = ("label", "species_code", "inat_taxon_id", "inat2021_label", "nabirds_labels",
         "common_name", "scientific_name", "family", "order")  # fmt: skip
_CLIPS = (
    *("asset_id", "label", "split", "fps", "frame_count", "duration_seconds", "frame_height"),
    *("frame_width", "frame_channels", "orginal_video_start_second", "original_video_end_second"),
    *("original_video_target_second", "target_second", "reliable_audio"),
    *("licence", "attribution", "individual", "also"),
)
"""SSW60's, spelled as there, and ours."""
_STILLS = (
    "asset_id",
    "label",
    "split",
    "height",
    "width",
    "channels",
    "rights_holder",
    "license_id",
)
_TRUTH = ("clip", "bird", "species_id", "off_screen", "size", "songs", "boxes")
_SPLITS = {"validation": "val"}
"""As SSW60 calls them."""
_IN_PROCESS = 16


@dataclass(frozen=True)
class VideoConfig:
    """Configuration of a set of clips; the same one always gives the same."""

    seed: int = 0
    species: tuple[str, ...] = SPECIES_IDS
    clips: int = 12
    """Clips a species, at least 3; of six and more, two are of each individual."""
    stills: int = 48
    """Photographs a species, of one bird each; at least 3, or 0 for none."""
    split: str = ""
    """All of them are in it, such as `test`; empty splits them by individual."""
    length_s: float = 8.0
    rate_hz: int = 4
    """Frames a second."""

    def __post_init__(self) -> None:
        """Refuse numbers that leave a split empty."""
        chosen(self.species)
        if self.seed < 0:
            raise ValueError(f"seed must not be negative, got {self.seed}")
        if self.split not in ("", "train", "validation", "test"):
            raise ValueError(f"split must be train, validation or test, got {self.split!r}")
        if self.clips < 3 or self.stills in (1, 2) or self.stills < 0:
            raise ValueError(
                "clips and stills must be at least 3 a species, one for each split; got "
                f"{self.clips} and {self.stills}"
            )

    @property
    def takes(self) -> int:
        """Clips an individual."""
        return 2 if self.clips >= 6 else 1

    @property
    def individuals(self) -> int:
        """Birds a species."""
        return -(-self.clips // self.takes)


@dataclass(frozen=True)
class PlannedClip:
    """One clip, or photograph, of the set."""

    name: str
    species: Species
    individual: str
    split: str
    is_still: bool = False


def planned_clips(config: VideoConfig) -> list[PlannedClip]:
    """All clips, then all photographs, in the order of the tables."""
    clips, stills = [], []
    for species in chosen(config.species).species:
        slug = species.species_id
        for n in range(config.clips):
            individual = n // config.takes
            who = f"{slug}_video_{individual + 1:02}"
            split = config.split or split_of(individual, config.individuals)
            clips.append(PlannedClip(f"{slug}_{n + 1:02}", species, who, split))
        for n in range(config.stills):
            name, split = f"{slug}_still_{n + 1:02}", config.split or split_of(n, config.stills)
            stills.append(PlannedClip(name, species, name, split, is_still=True))
    return [*clips, *stills]


def _others(config: VideoConfig, clip: PlannedClip) -> list[tuple[str, str]]:
    """Species and individual of birds of the same split, of other species."""
    return sorted(
        {
            (other.species.species_id, other.individual)
            for other in planned_clips(config)
            if other.split == clip.split and other.species != clip.species and not other.is_still
        }
    )


def _make(config: VideoConfig, output: Path, clip: PlannedClip) -> list[dict[str, Any]]:
    """Write a clip's file, and give its rows of the truth."""
    species_id = clip.species.species_id
    if clip.is_still:
        side_px = draw_size(generator(config.seed, "still size", clip.name))
        image = still_picture(config.seed, clip.name, species_id, side_px)
        image.save(output / "images_inat" / f"{clip.name}.jpg", "JPEG", quality=90)
        return []
    actors = stage(
        config.seed,
        clip=clip.name,
        singer=(species_id, clip.individual),
        others=_others(config, clip),
        length_s=config.length_s,
    )
    footage = film(
        config.seed,
        clip=clip.name,
        actors=actors,
        length_s=config.length_s,
        rate_hz=config.rate_hz,
    )
    path = output / "video_ml" / f"{clip.name}.mp4"
    write_film(path, footage.frames, config.rate_hz, footage.sound)
    return [_truth(clip.name, bird) for bird in footage.birds]


def _truth(clip: str, bird: FilmedBird) -> dict[str, Any]:
    boxes = (
        f"{time_s:.3f} " + " ".join(f"{side / SIDE_PX:.4f}" for side in box)
        for time_s, box in bird.boxes
    )
    return {
        "clip": clip,
        "bird": bird.actor.individual,
        "species_id": bird.actor.species_id,
        "off_screen": int(not bird.boxes),
        "size": bird.size,
        "songs": ";".join(f"{begin:.3f} {end:.3f}" for begin, end in bird.songs),
        "boxes": ";".join(boxes),
    }


def _label(config: VideoConfig, clip: PlannedClip) -> int:
    return chosen(config.species).ids.index(clip.species.species_id)


def _row(config: VideoConfig, clip: PlannedClip, birds: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """A clip's row of video_ml.csv."""
    label, length_s = _label(config, clip), config.length_s
    target_s = round(length_s / 2, 3)
    values = (
        *(clip.name, label, _SPLITS.get(clip.split, clip.split), config.rate_hz),
        *(round(length_s * config.rate_hz), length_s, SIDE_PX, SIDE_PX, 3, 0.0, length_s),
        *(target_s, target_s, 1, LICENCE, ATTRIBUTION, clip.individual),
        " ".join(bird["species_id"] for bird in birds[1:]),
    )
    return dict(zip(_CLIPS, values, strict=True))


def _still_row(config: VideoConfig, clip: PlannedClip) -> dict[str, Any]:
    label = _label(config, clip)
    split = _SPLITS.get(clip.split, clip.split)
    values = (clip.name, label, split, SIDE_PX, SIDE_PX, 3, ATTRIBUTION, 0)
    return dict(zip(_STILLS, values, strict=True))


def _taxon(label: int, species: Species) -> dict[str, Any]:
    values = (label, "", "", "", "", species.common_name, species.scientific_name,
              species.family, species.order)  # fmt: skip
    return dict(zip(_TAXA, values, strict=True))


def _write_table(path: Path, columns: Sequence[str], rows: Iterable[dict[str, Any]]) -> None:
    """Write a table to a temporary sibling, then rename it."""
    partial_path = path.with_name(path.name + ".partial")
    with partial_path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, columns, lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)
    partial_path.replace(path)


def _make_all(
    config: VideoConfig, output: Path, clips: list[PlannedClip], workers: int
) -> Iterable[list[dict[str, Any]]]:
    make = partial(_make, config, output)
    if workers < 2:
        yield from map(make, clips)
        return
    spawn = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(workers, mp_context=spawn) as pool:
        yield from pool.map(make, clips, chunksize=4)


def build_videos(
    config: VideoConfig, output: Path, progress: bool = True, workers: int | None = None
) -> Path:
    """Make a whole set of clips.

    Args:
        config: what to make.
        output: folder to write; files of the same names are replaced.
        progress: show a bar on stderr if that is a terminal.
        workers: number of processes; by default one a core, or none extra for a small set.

    Returns:
        The path of video_ml.csv.

    Raises:
        MissingPackageError: PyAV is not installed.
    """
    every = planned_clips(config)
    table = output / "video_ml.csv"
    table.unlink(missing_ok=True)
    for folder in ("video_ml", "images_inat"):
        (output / folder).mkdir(parents=True, exist_ok=True)
    if workers is None:
        workers = (os.cpu_count() or 1) if len(every) >= _IN_PROCESS else 1
    quiet = not (progress and sys.stderr.isatty())
    made = _make_all(config, output, every, workers)
    bar = tqdm(made, total=len(every), desc="aviary videos", unit="file", disable=quiet)
    truth = dict(zip((clip.name for clip in every), bar, strict=True))
    taxa = enumerate(chosen(config.species).species)
    _write_table(output / "taxa.csv", _TAXA, (_taxon(*row) for row in taxa))
    (output / "images_inat.csv").unlink(missing_ok=True)
    if config.stills:
        stills = (_still_row(config, clip) for clip in every if clip.is_still)
        _write_table(output / "images_inat.csv", _STILLS, stills)
    _write_table(output / "truth.csv", _TRUTH, (row for rows in truth.values() for row in rows))
    clips = (_row(config, clip, truth[clip.name]) for clip in every if not clip.is_still)
    _write_table(table, _CLIPS, clips)
    return table
