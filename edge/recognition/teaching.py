"""Teaching of a station by a person's verdicts on its records.

A confirmed sound becomes an exemplar of its species, a rejected one joins the background; a running
listener takes either up with its next window. The verdict itself is left in the station's inbox for
the one who owns the database.
"""

from collections.abc import Callable
from pathlib import Path

from edge.contract.arrays import Float16s
from edge.contract.bundle import Bundle
from edge.contract.errors import ConfigError
from edge.decision.selection import named
from edge.recognition.overlay import Overlay
from edge.recognition.own_species import OwnSpecies, forget_species, is_listened_for
from edge.records.detection import Detection, Rejection
from edge.records.inbox import CONFIRMED, REJECTED, leave
from edge.records.reader import open_records


class Teaching:
    """Verdicts on the records of a station.

    Args:
        station: its folder.
        bundle: opens the bundle, which is asked for the names of other species.
    """

    def __init__(self, station: Path, bundle: Callable[[], Bundle]) -> None:
        self._station, self._bundle = station, bundle

    def confirm(self, part: str, name: str | None = None) -> tuple[str, str]:
        """It was this species, or the named one.

        Returns:
            Ids of the record and of the species.

        Raises:
            BirdlistenError: there is no such record or species.
        """
        record, overlay, rows = self._heard(part)
        bundle = None if name is None else self._bundle()
        species_id = record.species_id if not bundle or not name else _species(name, bundle)
        self._forget(record, overlay)
        overlay.add_exemplar(species_id, record.id, rows)
        if bundle:
            self._listen_for(species_id, record, bundle)
        leave(self._station, record.id, CONFIRMED, species_id)
        return record.id, species_id

    def reject(self, part: str) -> str:
        """It was no bird that is listened for; the record's id.

        Raises:
            StoreError: there is no such record.
        """
        record, overlay, rows = self._heard(part)
        self._forget(record, overlay)
        overlay.add_rejected(record.id, rows)
        leave(self._station, record.id, REJECTED)
        return record.id

    def take_back(self, part: str) -> str:
        """Forget what was said of a record; its id.

        Raises:
            StoreError: there is no such record.
        """
        record, overlay, _ = self._heard(part)
        self._forget(record, overlay)
        leave(self._station, record.id, None)
        return record.id

    def _heard(self, part: str) -> tuple[Detection, Overlay, Float16s]:
        """A record, the overlay of its kind, and how it was heard."""
        with open_records(self._station) as records:
            found = records.find(part)
            record = found.candidate if isinstance(found, Rejection) else found
            rows = records.embedding(record.id)[None]
        return record, Overlay(self._station, record.model_id, rows.shape[1]), rows

    def _forget(self, record: Detection, overlay: Overlay) -> None:
        """Take back what an earlier verdict has taught, and the species that it has added."""
        overlay.forget(record.id)
        forget_species(self._station, record.id)

    def _listen_for(self, species_id: str, record: Detection, bundle: Bundle) -> None:
        """Add a species outside the usual set: what was taught of it shall be reported."""
        species, manifest = bundle.taxonomy.by_id()[species_id], bundle.manifest
        if not is_listened_for(bundle, species):
            own = OwnSpecies(self._station, manifest.space_id, manifest.embedding_dim)
            own.add(species, [], record.id)


def _species(name: str, bundle: Bundle) -> str:
    found = named(bundle.taxonomy, name)
    if len(found) != 1:
        raise ConfigError(f"{name!r} stands for {len(found)} species; name one")
    return found.pop()
