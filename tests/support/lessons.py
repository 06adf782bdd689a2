"""Lessons and files of a station's overlay, made for the tests."""

import secrets
import time
from pathlib import Path

import numpy as np

from edge.contract.bundle import npy_bytes
from edge.recognition.overlay import FOLDER, packed
from edge.records.inbox import CONFIRMED, REJECTED, Lesson, Review, write
from edge.records.inbox import FOLDER as INBOX
from edge.records.lessons import give
from edge.system import clock


def give_lesson(
    station: Path,
    model_id: str,
    rows: np.ndarray,
    record: str = "one",
    taught: str | None = None,
    **more: str,
) -> str:
    """Confirm a record as a species, or without one reject it."""
    verdict = CONFIRMED if taught else REJECTED
    lesson = Lesson(
        by="test", model=model_id, taught=taught, dim=rows.shape[1], rows=packed(rows), **more
    )
    return give(station, Review(record, verdict, taught or "", 0, lesson=lesson))


def leave(station: Path, record: str, verdict: str | None, note: str = "") -> None:
    """A review that teaches nothing, as former versions have left it."""
    file = f"{time.time_ns():020}-{secrets.token_hex(4)}.json"
    write(station / INBOX / file, Review(record, verdict, note, clock.now_ms()))


def put_formerly(station: Path, model_id: str, place: str, rows: np.ndarray) -> Path:
    """A file as former versions have written it, `rejected/NAME` or `exemplars/SPECIES/NAME`."""
    path = station / FOLDER / model_id[:16] / f"{place}.npy"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(npy_bytes(rows))
    return path
