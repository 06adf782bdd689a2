"""`birdlisten confirm ID` and `reject ID`: a person says what it was, and the station learns it.

What was taught lies in the station's folder (`edge.recognition.teaching`), and `--undo` takes it
back. How much would now be decided otherwise is said at once.
"""

import logging
from contextlib import closing, suppress
from functools import cache

from edge.command.opening import open_bundle, open_overlay, open_weighing
from edge.config import Settings
from edge.contract.bundle import Bundle
from edge.contract.errors import BirdlistenError, StoreError
from edge.contract.text import counted
from edge.pipeline.effect import of_late
from edge.recognition.doubts import doubts_about_lessons
from edge.recognition.teaching import Teaching
from edge.records.lock import StationLock
from edge.records.reader import open_records
from edge.records.store import Store
from edge.system.terminal import say

_LOG = logging.getLogger(__name__)


def confirm(part: str, settings: Settings, name: str | None = None) -> int:
    """It was this species, or the named one.

    Raises:
        BirdlistenError: there is no such record or species; nothing has changed.
    """
    taught = teaching_of(settings).confirm(part, name)
    say(
        f"{taught.record}: confirmed as {taught.species_id}; "
        f"{counted(taught.windows, 'window')} of it stand for the species from now on"
    )
    finish(settings, [taught.lesson])
    return 0


def reject(part: str, settings: Settings) -> int:
    """It was no bird that is listened for.

    Raises:
        StoreError: there is no such record; nothing has changed.
    """
    taught = teaching_of(settings).reject(part)
    say(f"{taught.record}: rejected; what sounds like it is not reported from now on")
    finish(settings, [taught.lesson])
    return 0


def take_back(part: str, settings: Settings) -> int:
    """Forget what was said of it.

    Raises:
        StoreError: there is no such record.
    """
    record = teaching_of(settings).take_back(part)
    take_up(settings)
    say(f"{record}: not reviewed")
    return 0


def teaching_of(settings: Settings) -> Teaching:
    """Teaching of the station; the bundle is opened when it is first asked for."""
    return Teaching(settings.station_path, cache(lambda: open_bundle(settings)))


def finish(settings: Settings, lessons: list[str]) -> None:
    """Note what was taught in the database, and say what it changes.

    A bundle that can't be used now says nothing: the verdict stands.
    """
    take_up(settings)
    with suppress(BirdlistenError):
        bundle = open_bundle(settings)  # anew: with a species that was taught just now
        for doubt in doubts_about_lessons(bundle):
            _LOG.warning("%s", doubt)
        say(_effect(settings, bundle, lessons))


def _effect(settings: Settings, bundle: Bundle, lessons: list[str]) -> str:
    overlay = open_overlay(settings, bundle.manifest)
    with open_records(settings.station_path) as records:
        decided = of_late(records, bundle)
    weighing = open_weighing(settings, bundle)
    return str(weighing.effect(decided, overlay.load(without=lessons), overlay.load()))


def take_up(settings: Settings) -> None:
    """Leave it to whoever owns the database: a listener, else this command for a moment."""
    station = settings.station_path
    with suppress(StoreError), StationLock(station, patience_s=0), closing(Store(station)) as store:
        store.take_reviews()
