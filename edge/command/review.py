"""`birdlisten confirm ID` and `reject ID`: a person says what it was, and the station learns it.

A confirmed sound becomes an exemplar of its species, a rejected one joins the background; a running
listener takes either up with its next window. Both lie in the station's folder, and `--undo` takes
them back.
"""

from contextlib import closing, suppress

from edge.command.opening import open_bundle, own_species
from edge.config import Settings
from edge.contract.arrays import Float16s
from edge.contract.bundle import Bundle
from edge.contract.errors import ConfigError, StoreError
from edge.decision.selection import named
from edge.recognition.overlay import Overlay
from edge.recognition.own_species import forget_species, is_listened_for
from edge.records.detection import Detection, Rejection
from edge.records.inbox import CONFIRMED, REJECTED, leave
from edge.records.lock import StationLock
from edge.records.reader import open_records
from edge.records.store import Store
from edge.system.terminal import say


def confirm(part: str, settings: Settings, name: str | None = None) -> int:
    """It was this species, or the named one.

    Raises:
        BirdlistenError: there is no such record or species.
    """
    record, overlay, rows = _heard(part, settings)
    bundle = None if name is None else open_bundle(settings)
    species_id = record.species_id if not bundle or not name else _species(name, bundle)
    _forget(record, overlay, settings)
    overlay.add_exemplar(species_id, record.id, rows)
    if bundle:
        _listen_for(species_id, record, settings, bundle)
    _review(settings, record.id, CONFIRMED, species_id)
    say(f"{record.id}: confirmed as {species_id}; it is an exemplar of it from now on")
    return 0


def reject(part: str, settings: Settings) -> int:
    """It was no bird that is listened for.

    Raises:
        StoreError: there is no such record.
    """
    record, overlay, rows = _heard(part, settings)
    _forget(record, overlay, settings)
    overlay.add_rejected(record.id, rows)
    _review(settings, record.id, REJECTED)
    say(f"{record.id}: rejected; what sounds like it is background from now on")
    return 0


def take_back(part: str, settings: Settings) -> int:
    """Forget what was said of it.

    Raises:
        StoreError: there is no such record.
    """
    record, overlay, _ = _heard(part, settings)
    _forget(record, overlay, settings)
    _review(settings, record.id, None)
    say(f"{record.id}: not reviewed")
    return 0


def _heard(part: str, settings: Settings) -> tuple[Detection, Overlay, Float16s]:
    """A record, the overlay of its kind, and how it was heard."""
    with open_records(settings.station_path) as records:
        found = records.find(part)
        record = found.candidate if isinstance(found, Rejection) else found
        rows = records.embedding(record.id)[None]
    return record, Overlay(settings.station_path, record.model_id, rows.shape[1]), rows


def _review(settings: Settings, record: str, verdict: str | None, note: str = "") -> None:
    """Leave it to whoever owns the database: a listener, else this command for a moment."""
    station = settings.station_path
    leave(station, record, verdict, note)
    with suppress(StoreError), StationLock(station, patience_s=0), closing(Store(station)) as store:
        store.take_reviews()


def _listen_for(species_id: str, record: Detection, settings: Settings, bundle: Bundle) -> None:
    """Add a species outside the usual set: what was taught of it shall be reported."""
    species = bundle.taxonomy.by_id()[species_id]
    if not is_listened_for(bundle, species):
        own_species(settings, bundle.manifest).add(species, [], record.id)


def _forget(record: Detection, overlay: Overlay, settings: Settings) -> None:
    """Take back what an earlier verdict has taught, and the species that it has added."""
    overlay.forget(record.id)
    forget_species(settings.station_path, record.id)


def _species(name: str, bundle: Bundle) -> str:
    found = named(bundle.taxonomy, name)
    if len(found) != 1:
        raise ConfigError(f"{name!r} stands for {len(found)} species; name one")
    return found.pop()
