"""`birdlisten species add`: a bird of this station, by pictures and sounds.

Pictures are shown, sounds are heard: an encoder that never heard a species finds it by its sounds
alone. A running listener takes up what is added with its next window.
"""

import logging
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import chain
from pathlib import Path
from typing import TypeVar

import numpy as np

from edge.command.opening import open_bundle, open_overlay, open_recognizer, own_species
from edge.config import Settings
from edge.contract.bundle import Bundle
from edge.contract.errors import BirdlistenError, ConfigError, PictureError
from edge.contract.taxonomy import Species
from edge.contract.text import counted
from edge.decision.naming import find_species, is_known, new_species
from edge.recognition.doubts import default_threshold
from edge.recognition.own_species import NewPicture, StationPicture, is_listened_for
from edge.recognition.picture_intake import NEW, PictureIntake, same_cosine
from edge.recognition.picture_rows import bundle_rows
from edge.recognition.pictures import SUFFIXES
from edge.recognition.songs import Song, read_song
from edge.recognition.tower_file import check_tower
from edge.source.tree import find_recordings
from edge.system import clock
from edge.system.terminal import say

_LOG = logging.getLogger(__name__)
LABEL = "add-"
"""Beginning of the labels of additions."""
T = TypeVar("T")


@dataclass(frozen=True, kw_only=True)
class SpeciesRequest:
    """A species as a person gives it."""

    name: str
    common: str = ""
    family: str = ""
    order: str = ""
    pictures: Sequence[Path] = ()
    """Files, and folders of them."""
    sounds: Sequence[Path] = ()
    author: str = ""
    licence: str = ""


@dataclass(frozen=True)
class Addition:
    """A species with what can be used of it."""

    species: Species
    pictures: list[NewPicture]
    songs: list[Song]


def add(settings: Settings, request: SpeciesRequest) -> int:
    """Add a species, or pictures and sounds of a known one; 1 if a file could not be used.

    Raises:
        BirdlistenError: no such name, or not one file that can be used: nothing is added.
    """
    bundle = open_bundle(settings)
    species = _species(bundle, request)
    pictures, sounds = _picture_files(request.pictures), _sound_files(request.sounds)
    recognizer = open_recognizer(settings) if sounds else None
    addition = Addition(
        species,
        pictures=_new_pictures(bundle, species, pictures, request) if pictures else [],
        songs=list(_usable(sounds, partial(read_song, recognizer))) if recognizer else [],
    )
    found = len(addition.pictures) + len(addition.songs)
    if (pictures or sounds) and not found:
        raise ConfigError(f"{request.name}: no file of use; nothing was added")
    _keep(settings, bundle, addition)
    for line in chain(
        _told(addition), _heard(settings, bundle, addition), _nearest(bundle, addition)
    ):
        say(line)
    return 0 if found == len(pictures) + len(sounds) else 1


def _species(bundle: Bundle, request: SpeciesRequest) -> Species:
    if is_known(bundle.taxonomy, request.name):
        return find_species(bundle.taxonomy, request.name)
    species = new_species(
        bundle.taxonomy,
        name=request.name,
        common=request.common,
        family=request.family,
        order=request.order,
    )
    if not request.pictures and not request.sounds:
        raise ConfigError(f"{request.name}: give --sounds to hear it by, --pictures to see it by")
    return species


def _picture_files(paths: Iterable[Path]) -> list[Path]:
    """Pictures, and those in folders.

    Raises:
        PictureError: a folder holds none.
    """
    files: list[Path] = []
    for path in paths:
        inside = sorted(file for file in path.rglob("*") if file.suffix.lower() in SUFFIXES)
        if path.is_dir() and not inside:
            raise PictureError(f"{path}: no picture in it; expected {', '.join(SUFFIXES)}")
        files += inside if path.is_dir() else [path]
    return files


def _sound_files(paths: Iterable[Path]) -> list[Path]:
    lists = (find_recordings(path) if path.is_dir() else [path] for path in paths)
    return [file for files in lists for file in files]


def _usable(files: Iterable[Path], read: Callable[[Path], T]) -> Iterator[T]:
    """Contents of files; those that can't be read are named and left out."""
    for file in files:
        try:
            yield read(file)
        except BirdlistenError as error:
            _LOG.error("%s; skipped", error)


def _new_pictures(
    bundle: Bundle, species: Species, files: Sequence[Path], request: SpeciesRequest
) -> list[NewPicture]:
    """Pictures that the species has not got yet."""
    check_tower(bundle.path, bundle.manifest)
    intake = PictureIntake(bundle.gallery, lambda species_id: (), same_cosine(bundle.manifest))
    rows = bundle_rows(bundle.path, bundle.manifest)
    names = _free_names(species.species_id, {row.picture for row in bundle.gallery.table})
    credit = {"author": request.author or "unknown", "licence": request.licence or "unknown"}
    new: list[NewPicture] = []
    for picture, small in _usable(files, rows.read):
        if intake.take(species.species_id, picture) != NEW:
            _LOG.error("a picture of %s that is there already; skipped", species.scientific_name)
            continue
        origin = StationPicture(species.species_id, picture=next(names), url="", **credit)
        new.append(NewPicture(origin, small(), picture.row))
    return new


def _free_names(species_id: str, taken: set[str]) -> Iterator[str]:
    number = 0
    while True:
        number += 1
        if (name := f"{species_id}_own_{number:02}.jpg") not in taken:
            yield name


def _keep(settings: Settings, bundle: Bundle, addition: Addition) -> None:
    """The table of species comes last: until then nothing is there."""
    species, label = addition.species, LABEL + clock.iso_utc(clock.now_ms()).replace(":", "")
    overlay = open_overlay(settings, bundle.manifest)
    for number, song in enumerate(addition.songs, start=1):
        overlay.add_exemplar(species.species_id, f"{label}-{number}", song.rows)
    unlisted = None if is_listened_for(bundle, species) else species
    own_species(settings, bundle.manifest).add(unlisted, addition.pictures, label)


def _told(addition: Addition) -> Iterator[str]:
    species, pictures, songs = addition.species, addition.pictures, addition.songs
    windows = sum(len(song.windows) for song in songs)
    yield f"{species.common_name} ({species.scientific_name}) is listened for from now on"
    heard = f"{counted(windows, 'window')} of {counted(len(songs), 'sound')}"
    yield f"new: {counted(len(pictures), 'picture')}, and {heard}"


def _heard(settings: Settings, bundle: Bundle, addition: Addition) -> Iterator[str]:
    """An expectation, by what the bundle makes now of the very sounds that it was given."""
    species_id = addition.species.species_id
    if not addition.songs:
        if species_id not in bundle.anchors_by_id:
            yield "pictures alone are hardly ever enough to hear a new bird by: add --sounds of it"
        return
    recognizer = open_recognizer(settings)
    listened = [species.species_id for species in recognizer.species]
    if species_id not in listened:
        yield "but not with these settings: --species, --include or --exclude leave it out"
        return
    place = listened.index(species_id)
    scores = [scores for song in addition.songs for scores in recognizer.score(song.windows)]
    best = max(float(window.confidence[place]) for window in scores)
    usual = default_threshold(recognizer.calibration)
    threshold = usual if settings.threshold is None else settings.threshold
    yield f"its own sounds reach {best:.2f}; what reaches {threshold:.2f} is reported"
    if best < threshold:
        yield "so it is named by `identify` and `why`, and reported only below --threshold"


def _nearest(bundle: Bundle, addition: Addition) -> Iterator[str]:
    """Known species that it may be taken for, or that may be taken for it."""
    if addition.songs:
        yield f"nearest by sound: {addition.songs[0].nearest.common_name}"
    others = np.flatnonzero(
        [row.species_id != addition.species.species_id for row in bundle.gallery.table]
    )
    if addition.pictures and len(others):
        rows = np.stack([picture.embedding for picture in addition.pictures]).astype(np.float32)
        cosine = rows @ bundle.gallery.rows[others].astype(np.float32).T
        likest = [bundle.gallery.table[others[n]].species_id for n in cosine.argmax(axis=1)]
        name = Counter(likest).most_common(1)[0][0]
        yield f"nearest by picture: {bundle.taxonomy.by_id()[name].common_name}"
