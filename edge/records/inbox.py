"""Inbox of a station: reviews that wait for the one who owns the database.

    reviews/<nanoseconds>-<random>.json      {"record", "verdict", "note", "reviewed_at"}

Whoever reviews a record writes here, and only the owner of the database takes it up: a running
listener with its next look, else the command itself.
"""

import json
import secrets
import time
from dataclasses import asdict, dataclass
from pathlib import Path

from edge.contract.bundle import write_atomic
from edge.contract.errors import StoreError
from edge.system import clock

FOLDER = "reviews"
_LATEST_MS = 1 << 48
CONFIRMED, REJECTED = "confirmed", "rejected"
"""The two verdicts of a person on a record."""
UNREVIEWED = "unreviewed"
"""Verdict of a record that nobody has reviewed."""
VERDICTS = (CONFIRMED, REJECTED, UNREVIEWED)


@dataclass(frozen=True)
class Review:
    """A person's word on a record."""

    record: str
    """Its id."""
    verdict: str | None
    """None takes back what was said before."""
    note: str
    reviewed_at: int
    """UTC in milliseconds."""


def leave(station: Path, record: str, verdict: str | None, note: str = "") -> None:
    """Leave a review; once this returns it survives a crash.

    Raises:
        StoreError: the station can't be written.
    """
    review = Review(record, verdict, note, clock.now_ms())
    folder = station / FOLDER
    try:
        folder.mkdir(exist_ok=True)
        path = folder / f"{time.time_ns():020}-{secrets.token_hex(4)}.json"
        write_atomic(path, json.dumps(asdict(review)).encode())
    except OSError as error:
        raise StoreError(f"{folder}: the review can't be written ({error.strerror})") from error


def waiting(station: Path) -> list[Review]:
    """Reviews that nobody has taken up, oldest first; what is no review is left alone."""
    return [review for review in map(read, files(station)) if review is not None]


def waiting_verdicts(station: Path) -> dict[str, str | None]:
    """The newest verdict on each record that has one waiting; None takes one back."""
    return {review.record: review.verdict for review in waiting(station)}


def files(station: Path) -> list[Path]:
    """Files of the inbox, oldest first."""
    try:
        return sorted((station / FOLDER).glob("*.json"))
    except OSError:
        return []


def read(path: Path) -> Review | None:
    """The review in a file; None if there is none."""
    try:
        if not path.is_file():
            return None
        review = Review(**json.loads(path.read_bytes()))
        (review.record + review.note).encode()
    except (OSError, ValueError, TypeError, RecursionError):
        return None
    known = review.verdict in (None, CONFIRMED, REJECTED)
    dated = isinstance(review.reviewed_at, int) and 0 <= review.reviewed_at < _LATEST_MS
    return review if known and dated else None
