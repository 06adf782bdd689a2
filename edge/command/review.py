"""`birdlisten confirm ID` and `reject ID`: a person says what it was, and the station learns it.

A confirmed sound becomes an exemplar of its species, a rejected one joins the background; a running
listener takes either up with its next window. Both lie in the station's folder, and `--undo` takes
them back.
"""

from collections.abc import Iterator
from contextlib import closing, contextmanager

from edge.config import Settings
from edge.contract.arrays import Float16s
from edge.contract.bundle import load_bundle
from edge.contract.errors import ConfigError
from edge.decision.selection import named
from edge.recognition.overlay import Overlay
from edge.records.detection import Detection, Rejection
from edge.records.store import CONFIRMED, REJECTED, Store, open_kept


def confirm(part: str, settings: Settings, name: str | None = None) -> int:
    """It was this species, or the named one.

    Raises:
        BirdlistenError: there is no such record or species.
    """
    with _reviewed(part, settings) as (store, record, overlay, rows):
        species_id = record.species_id if name is None else _species(name, settings)
        overlay.add_exemplar(species_id, record.id, rows)
        store.review(record.id, CONFIRMED, species_id)
    print(f"{record.id}: confirmed as {species_id}; it is an exemplar of it from now on")
    return 0


def reject(part: str, settings: Settings) -> int:
    """It was no bird that is listened for.

    Raises:
        StoreError: there is no such record.
    """
    with _reviewed(part, settings) as (store, record, overlay, rows):
        overlay.add_rejected(record.id, rows)
        store.review(record.id, REJECTED)
    print(f"{record.id}: rejected; what sounds like it is background from now on")
    return 0


def take_back(part: str, settings: Settings) -> int:
    """Forget what was said of it.

    Raises:
        StoreError: there is no such record.
    """
    with _reviewed(part, settings) as (store, record, _, _):
        store.review(record.id, None)
    print(f"{record.id}: not reviewed")
    return 0


@contextmanager
def _reviewed(
    part: str, settings: Settings
) -> Iterator[tuple[Store, Detection, Overlay, Float16s]]:
    """A record, how it was heard, and the overlay, which has forgotten what it taught before."""
    with closing(open_kept(settings.station_path)) as store:
        found = store.find(part)
        record = found.candidate if isinstance(found, Rejection) else found
        rows = store.embedding(record.id)[None]
        overlay = Overlay(settings.station_path, record.model_id, rows.shape[1])
        overlay.forget(record.id)
        yield store, record, overlay, rows


def _species(name: str, settings: Settings) -> str:
    found = named(load_bundle(settings.bundle_path).taxonomy, name)
    if len(found) != 1:
        raise ConfigError(f"{name!r} stands for {len(found)} species; name one")
    return found.pop()
