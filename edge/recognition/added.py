"""Additions of a station by species: which there are, and the last or all of them taken back."""

from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path

from edge.contract.manifest import Manifest
from edge.recognition.overlay import Overlay
from edge.recognition.own_species import OwnSpecies

LABEL = "add-"
"""Beginning of the labels of additions."""


@dataclass(frozen=True)
class TakenBack:
    """Pictures and sounds that were taken back."""

    pictures: int
    sounds: int


class AddedSpecies:
    """A species of a station, as far as people have added to it.

    Args:
        station: the station's folder.
        manifest: of its bundle.
        species_id: of the species.
    """

    def __init__(self, station: Path, manifest: Manifest, species_id: str) -> None:
        self._own = OwnSpecies(station, manifest.space_id, manifest.embedding_dim)
        dim, sound_dim = manifest.embedding_dim, manifest.sound_dim
        self._overlay = Overlay(station, manifest.model_id, dim, sound_dim)
        self._species_id = species_id

    def labels(self) -> list[str]:
        """Labels of its additions, oldest first."""
        return sorted({*self._own.labels(self._species_id), *map(_label, self._sounds())})

    def take_back(self, gone: Collection[str]) -> TakenBack:
        """Take some of them back, by their labels.

        Raises:
            BundleError: a table is damaged.
        """
        pictures = sum(self._own.remove(self._species_id, label) for label in gone)
        taken = [sound for sound in self._sounds() if _label(sound) in gone]
        for sound in taken:
            self._overlay.forget(sound)
        return TakenBack(pictures, len(taken))

    def _sounds(self) -> list[str]:
        named = self._overlay.exemplars(self._species_id)
        return [name for name in named if name.startswith(LABEL)]


def _label(sound: str) -> str:
    """The label of the addition that a sound belongs to."""
    return sound.rpartition("-")[0]
