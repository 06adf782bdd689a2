"""Comments of people on records, a line each, in the order in which they were said.

    comments.jsonl      {"record", "comment", "said_at"}

They lie beside the database, for whoever comments does not own that. A line that can't be read is
left out.
"""

import json
import os
from collections.abc import Collection
from pathlib import Path
from typing import BinaryIO, NamedTuple

from edge.contract.errors import StoreError
from edge.contract.text import json_line, well_formed
from edge.system import clock

FILE_NAME = "comments.jsonl"
MOST_CHARACTERS = 1000
_MOST_BYTES = 20_000_000


class Comment(NamedTuple):
    """A person's words on a record."""

    number: int
    """Of its line, from 1 on."""
    text: str
    said_at: int
    """UTC in milliseconds."""


def comment(station: Path, record: str, text: str) -> None:
    """Keep a comment; once this returns it survives a crash.

    Raises:
        StoreError: the station can't be written, or holds too many already.
    """
    path = station / FILE_NAME
    said = {"record": record, "comment": well_formed(text)[:MOST_CHARACTERS]}
    line = json_line({**said, "said_at": clock.now_ms()}).encode() + b"\n"
    try:
        with path.open("a+b") as file:
            line = line if _is_whole(file) else b"\n" + line
            if file.tell() + len(line) > _MOST_BYTES:
                raise StoreError(f"{path}: larger than {_MOST_BYTES} bytes; move it away")
            file.write(line)
            file.flush()
            os.fsync(file.fileno())
    except OSError as error:
        raise StoreError(f"{path}: the comment can't be written ({error.strerror})") from error


def _is_whole(file: BinaryIO) -> bool:
    """True unless a crash has left half of a line at the end of the file, where this stands."""
    if file.seek(0, os.SEEK_END) == 0:
        return True
    file.seek(-1, os.SEEK_END)
    return file.read(1) == b"\n"


def comments(station: Path, records: Collection[str]) -> dict[str, list[Comment]]:
    """Comments by the record, of those asked for that have any."""
    found: dict[str, list[Comment]] = {}
    try:
        with (station / FILE_NAME).open("rb") as file:
            lines = file.read(_MOST_BYTES).splitlines()
    except OSError:
        return found
    for number, line in enumerate(lines, 1):
        record, said = _read(number, line)
        if record in records and said is not None:
            found.setdefault(record, []).append(said)
    return found


def _read(number: int, line: bytes) -> tuple[str, Comment | None]:
    try:
        told = json.loads(line)
        record, text, said_at = str(told["record"]), str(told["comment"]), int(told["said_at"])
    except (ValueError, TypeError, KeyError, OverflowError, RecursionError):
        return "", None
    return record, Comment(number, text, said_at)
