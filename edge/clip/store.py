"""Store of clips: clips/<species>/<time>-<id>.flac, with a spectrogram beside.

The oldest go when there are too many, but each species keeps its last few. Files by other names are
nobody's business here: they are left alone, and never stop a clean-up.
"""

import logging
import os
import re
import shutil
import time
from collections import defaultdict
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from edge.clip.spectrogram import spectrogram_png
from edge.contract.atomic import write_atomic
from edge.contract.errors import PathError, StoreError
from edge.contract.paths import inside
from edge.records.detection import Clip
from edge.source.libsndfile import encode
from edge.system import clock

_LOG = logging.getLogger(__name__)
FOLDER = "clips"
_NAME = re.compile(r"\d{8}T\d{6}Z-[0-9a-f-]{36}\.(flac|opus)")
_UNFINISHED = re.compile(r"\.\d{8}T\d{6}Z-[0-9a-f-]{36}\.(flac|opus|png)-.*")
_DAY_S = 86_400.0
_TIDY_S = 60.0
_Clip = tuple[float, int, str]
"""Age in seconds, bytes with the spectrogram, and path."""


@dataclass(frozen=True)
class ClipStoreConfig:
    """Retention of clips: bytes, age, and the newest that always stay."""

    format: str = "flac"
    """`flac`, or `opus` for a tenth of its size."""
    most_bytes: int = 2_000_000_000
    """Of all clips together."""
    most_days: float = 0.0
    """Age from which a clip goes; 0 keeps it as long as there is room. An age counts only while the
    clock is synchronised: one that was set wrong must not sweep the folder."""
    least: int = 10
    """Newest clips of each species that stay whatever happens."""
    free_bytes: int = 500_000_000
    """Room on the disk that clips leave to others; below it none is written."""


class ClipStore:
    """The clips of a station.

    Args:
        station: its folder.
        config: how much is kept.
    """

    def __init__(self, station: Path, config: ClipStoreConfig | None = None) -> None:
        self._station, self._folder = station, station / FOLDER
        self._config = config or ClipStoreConfig()
        self._tidied = -_TIDY_S
        self._sweep()

    def put(self, clip: Clip) -> str:
        """Write a clip and its spectrogram, whole or not at all.

        Returns:
            Its path within the station.

        Raises:
            StoreError: the disk is full, or too full for clips.
        """
        found = clip.detection
        made = found.detected_at or clock.iso_utc(clock.now_ms())
        stem = f"{re.sub('[:-]|[.][0-9]+', '', made)}-{found.id}"
        path = self._path(found.species_id, f"{stem}.{self._config.format}")
        try:
            self._check_room()
            path.parent.mkdir(parents=True, exist_ok=True)
            write_atomic(path.with_suffix(".png"), spectrogram_png(clip.samples, clip.rate_hz))
            write_atomic(path, encode(clip.samples, clip.rate_hz, self._config.format))
        except (OSError, RuntimeError, ValueError) as error:
            if isinstance(error, StoreError):
                raise
            with suppress(OSError):
                path.with_suffix(".png").unlink(missing_ok=True)
            raise StoreError(f"{path}: {getattr(error, 'strerror', None) or error}") from error
        return path.relative_to(self._station).as_posix()

    def tidy(self) -> list[str]:
        """Take away what is too much, at most once a minute; the paths of what went."""
        if time.monotonic() - self._tidied < _TIDY_S:
            return []
        self._tidied = time.monotonic()
        try:
            return [self._name(clip) for clip in list(self._too_many()) if _remove(clip)]
        except OSError as error:
            _LOG.debug("%s", error)  # no such folder: then there are no clips
            return []

    def _path(self, species_id: str, name: str) -> Path:
        """Place of a clip; a StoreError where that lies outside."""
        try:
            return inside(self._folder, species_id, name)
        except PathError as error:
            raise StoreError(str(error)) from error

    def _name(self, clip: Path) -> str:
        return clip.relative_to(self._station).as_posix()

    def _check_room(self) -> None:
        free, floor = self._free(), self._config.free_bytes
        if free < floor:
            raise StoreError(
                f"{self._folder}: {free / 1e6:.0f} MB are free, {floor / 1e6:.0f} MB stay free of "
                "clips; make room"
            )

    def _free(self) -> int:
        return shutil.disk_usage(self._station).free

    def _too_many(self) -> Iterator[Path]:
        """The clips to take away, oldest first."""
        clips = sorted(self._clips())
        held, free = sum(size for _, size, _ in clips), self._free()
        for age_s, size, path in self._dispensable(clips):
            old = self._config.most_days and age_s > self._config.most_days * _DAY_S
            tight = held > self._config.most_bytes or free < self._config.free_bytes
            if not tight and not (old and clock.synchronised()):
                return
            held, free = held - size, free + size
            yield Path(path)

    def _dispensable(self, clips: list[_Clip]) -> Iterator[_Clip]:
        """Without the newest of each species; the oldest first."""
        by_species: dict[str, int] = defaultdict(int)
        spare = []
        for clip in clips:
            folder = clip[2].rpartition("/")[0]
            by_species[folder] += 1
            if by_species[folder] > self._config.least:
                spare.append(clip)
        return reversed(spare)

    def _clips(self) -> Iterator[_Clip]:
        # Plain strings: pathlib interns every name, in a table that never gets smaller.
        now = time.time()
        for folder in (entry.path for entry in os.scandir(self._folder)):
            files = _files(folder)
            for name in filter(_NAME.fullmatch, files):
                picture = files.get(f"{name.rpartition('.')[0]}.png")
                beside = picture.st_size if picture else 0
                yield now - files[name].st_mtime, files[name].st_size + beside, f"{folder}/{name}"

    def _sweep(self) -> None:
        """Take away what a crash has left half written."""
        for path in self._folder.glob("*/.*"):
            if _UNFINISHED.fullmatch(path.name):
                _remove(path)
        for path in self._folder.glob("*/*.png"):
            alone = not any(path.with_suffix(f".{suffix}").exists() for suffix in ("flac", "opus"))
            if alone and _NAME.fullmatch(f"{path.stem}.flac"):
                _remove(path)


def _files(folder: str) -> dict[str, os.stat_result]:
    """None of what is no folder, or can't be read."""
    found = {}
    with suppress(OSError):
        for entry in os.scandir(folder):
            with suppress(OSError):  # gone meanwhile
                found[entry.name] = entry.stat()
    return found


def _both(clip: Path) -> tuple[Path, Path]:
    return clip, clip.with_suffix(".png")


def _remove(clip: Path) -> bool:
    """Remove a clip; False leaves one that can't be removed to the next time."""
    try:
        for path in _both(clip):
            path.unlink(missing_ok=True)
    except OSError as error:
        _LOG.warning("%s: can't be removed (%s)", clip, error.strerror)
        return False
    return True
