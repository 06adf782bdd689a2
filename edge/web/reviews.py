"""Reviews from the web: taught to the station, and left in its inbox for who owns the records."""

from edge.contract.errors import ConfigError, StoreError
from edge.recognition.teaching import Teaching
from edge.records.detection import Detection
from edge.records.inbox import CONFIRMED, REJECTED, UNREVIEWED, VERDICTS, leave
from edge.web.station import StationView


def leave_review(
    station: StationView, record: Detection, verdict: str, name: str | None = None
) -> dict[str, object]:
    """Leave a verdict on a record; where its sound's embedding is gone, nothing is taught by it.

    Args:
        station: that is looked at.
        record: that was looked at.
        verdict: `confirmed`, `rejected`, or `unreviewed`, which takes one back.
        name: of another species, which it was.

    Raises:
        ConfigError: an unknown verdict or species.
        StoreError: the station can't be written.
    """
    if verdict not in VERDICTS or (name is not None and verdict != CONFIRMED):
        raise ConfigError(
            f"verdict: {verdict!r}, expected {', '.join(VERDICTS)}; only one that is "
            "confirmed can be another species"
        )
    teaches = _is_held(station, record)
    if not teaches and name is not None:
        raise ConfigError("species: the embedding of the sound is not kept any more")
    species_id = record.species_id
    if not teaches:
        note = species_id if verdict == CONFIRMED else ""
        leave(station.path, record.id, None if verdict == UNREVIEWED else verdict, note)
    elif verdict == CONFIRMED:
        _, species_id = _teacher(station).confirm(record.id, name)
    elif verdict == REJECTED:
        _teacher(station).reject(record.id)
    else:
        _teacher(station).take_back(record.id)
    return {"record": record.id, "verdict": verdict, "species_id": species_id, "taught": teaches}


def _teacher(station: StationView) -> Teaching:
    return Teaching(station.path, lambda: station.bundle)


def _is_held(station: StationView, record: Detection) -> bool:
    with station.records() as records:
        try:
            records.embedding(record.id)
        except StoreError:
            return False
    return True
