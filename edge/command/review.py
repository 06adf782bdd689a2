"""`birdlisten confirm ID` and `reject ID`: a person says what it was, and the station learns it.

What was taught lies in the station's folder (`edge.recognition.teaching`), and `--undo` takes it
back.
"""

from contextlib import closing, suppress

from edge.command.opening import open_bundle
from edge.config import Settings
from edge.contract.errors import StoreError
from edge.recognition.teaching import Teaching
from edge.records.lock import StationLock
from edge.records.store import Store
from edge.system.terminal import say


def confirm(part: str, settings: Settings, name: str | None = None) -> int:
    """It was this species, or the named one.

    Raises:
        BirdlistenError: there is no such record or species.
    """
    record, species_id = _teacher(settings).confirm(part, name)
    _take_up(settings)
    say(f"{record}: confirmed as {species_id}; it is an exemplar of it from now on")
    return 0


def reject(part: str, settings: Settings) -> int:
    """It was no bird that is listened for.

    Raises:
        StoreError: there is no such record.
    """
    record = _teacher(settings).reject(part)
    _take_up(settings)
    say(f"{record}: rejected; what sounds like it is background from now on")
    return 0


def take_back(part: str, settings: Settings) -> int:
    """Forget what was said of it.

    Raises:
        StoreError: there is no such record.
    """
    record = _teacher(settings).take_back(part)
    _take_up(settings)
    say(f"{record}: not reviewed")
    return 0


def _teacher(settings: Settings) -> Teaching:
    return Teaching(settings.station_path, lambda: open_bundle(settings))


def _take_up(settings: Settings) -> None:
    """Leave it to whoever owns the database: a listener, else this command for a moment."""
    station = settings.station_path
    with suppress(StoreError), StationLock(station, patience_s=0), closing(Store(station)) as store:
        store.take_reviews()
