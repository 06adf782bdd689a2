"""Inbox of a station: reviews that wait for the one who owns the database.

    reviews/<nanoseconds>-<random>.json      {"record", "verdict", "note", "reviewed_at", "lesson"}

Whoever reviews a record writes here, and only the owner of the database takes it up: a running
listener with its next look, else the command itself.
"""

import json
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from edge.contract.atomic import write_atomic
from edge.contract.taxonomy import check_species_id

FOLDER = "reviews"
_LATEST_MS, _MOST_BYTES = 1 << 48, 1 << 20
CONFIRMED, REJECTED = "confirmed", "rejected"
"""The two verdicts of a person on a record."""
UNREVIEWED = "unreviewed"
"""Verdict of a record that nobody has reviewed."""
VERDICTS = (CONFIRMED, REJECTED, UNREVIEWED)


@dataclass(frozen=True, kw_only=True)
class Lesson:
    """Content that a verdict teaches, beside its word on a record."""

    by: str
    """The command, or the page, that it came from."""
    source: str = ""
    """The recording that it rests on."""
    model: str = ""
    """Id of the encoder that heard the sounds."""
    taught: str | None = None
    """Id of the species whose sounds these are."""
    mistaken: str | None = None
    """Id of the species that they were taken for."""
    species: dict[str, str] | None = None
    """Line of the taxonomy of a species that shall be listened for from now on."""
    dim: int = 0
    rows: str = ""
    """float16[windows, dim] in base64: the sounds. Without `taught` they are of no bird."""
    undoes: tuple[str, ...] = ()
    """Names of the lessons that are taken back; those of former versions go by their record."""


@dataclass(frozen=True)
class Review:
    """A person's word on a record."""

    record: str
    """Its id; of a lesson from a recording none."""
    verdict: str | None
    """None takes back what was said before."""
    note: str
    reviewed_at: int
    """UTC in milliseconds."""
    lesson: Lesson | None = None
    """Teaches; None: nothing is taught."""


def write(file: Path, review: Review) -> None:
    """Write a review whole, or not at all.

    Raises:
        OSError: it can't be written.
    """
    content = asdict(review)
    if review.lesson is None:
        del content["lesson"]
    file.parent.mkdir(parents=True, exist_ok=True)
    write_atomic(file, json.dumps(content).encode())


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
        if not path.is_file() or path.stat().st_size > _MOST_BYTES:
            return None
        content = json.loads(path.read_bytes())
        review = Review(**{**content, "lesson": _lesson(content.get("lesson"))})
        (review.record + review.note).encode()
    except (OSError, ValueError, TypeError, AttributeError, RecursionError):
        return None
    known = review.verdict in (None, CONFIRMED, REJECTED)
    dated = isinstance(review.reviewed_at, int) and 0 <= review.reviewed_at < _LATEST_MS
    return review if known and dated else None


def _lesson(content: dict[str, Any] | None) -> Lesson | None:
    """Raises what a damaged one brings about: TypeError, ValueError or AttributeError."""
    if content is None:
        return None
    lesson = Lesson(**{**content, "undoes": tuple(content.get("undoes", ()))})
    texts = (lesson.by, lesson.source, lesson.model, lesson.rows, *lesson.undoes)
    for species_id in filter(None, (lesson.taught, lesson.mistaken)):
        check_species_id(species_id, "a lesson")
    "".join((*texts, *(lesson.species or {}).values())).encode()
    if type(lesson.dim) is not int:
        raise TypeError(lesson.dim)
    return lesson
