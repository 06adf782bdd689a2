"""Records as bytes, for a file they wait in: a JSON object with the kind of the record."""

import base64
import json
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from dataclasses import asdict
from typing import Any

import numpy as np

from edge.records.detection import (
    Candidate,
    ClipGone,
    ClipKept,
    Detection,
    Extension,
    FileBegun,
    FileDone,
    Listened,
    Picture,
    Record,
    Rejection,
)
from edge.records.evidence import Evidence

_ROWS = ("embedding", "others", "sounds")
"""Arrays of an evidence."""


def encode(record: Record) -> bytes:
    """A record as UTF-8 JSON."""
    return json.dumps({"kind": type(record).__name__, **_values(record)}).encode()


def decode(content: bytes) -> Record:
    """Back from `encode`.

    Raises:
        ValueError: this is no record.
    """
    try:
        values = json.loads(content)
        return _KINDS[values.pop("kind")](values)
    except (KeyError, TypeError, AttributeError, RecursionError) as error:
        raise ValueError(f"no record: {error}") from error


def decoded(contents: Iterable[bytes]) -> Iterator[Record]:
    """Back from many; what another version of the program has written is left out."""
    for content in contents:
        with suppress(ValueError):
            yield decode(content)


def _values(record: Record) -> dict[str, Any]:
    if isinstance(record, Evidence):
        parts = {name: getattr(record, name) for name in _ROWS}
        return {"id": record.id} | {
            name: None if rows is None else base64.b64encode(rows.tobytes()).decode()
            for name, rows in parts.items()
        }
    return asdict(record)


def _detection(values: dict[str, Any]) -> Detection:
    pictures = tuple(Picture(**picture) for picture in values.pop("pictures"))
    top = tuple(Candidate(**candidate) for candidate in values.pop("top"))
    return Detection(**values, pictures=pictures, top=top)


def _rejection(values: dict[str, Any]) -> Rejection:
    return Rejection(_detection(values["candidate"]), values["reason"])


def _evidence(values: dict[str, Any]) -> Evidence:
    best, others, sounds = (
        np.frombuffer(base64.b64decode(values.get(name) or ""), np.float16) for name in _ROWS
    )
    further = others.reshape(-1, len(best)) if len(others) else None
    windows = 1 if further is None else 1 + len(further)
    return Evidence(
        values["id"], best, further, sounds.reshape(windows, -1) if len(sounds) else None
    )


_KINDS: dict[str, Callable[[dict[str, Any]], Record]] = {
    "Detection": _detection,
    "Rejection": _rejection,
    "Evidence": _evidence,
    "Extension": lambda values: Extension(**values),
    "ClipKept": lambda values: ClipKept(**values),
    "ClipGone": lambda values: ClipGone(**values),
    "FileBegun": lambda values: FileBegun(**values),
    "Listened": lambda values: Listened(**values),
    "FileDone": lambda values: FileDone(**values),
}
