"""Records of a BirdNET-Pi: its birds.db, or its BirdDB.txt, as ours.

Its table `detections` holds dates and times in the recorder's local time, and no key. A record's id
is made of its moment and its content, so that what was imported once isn't again.
"""

import csv
import hashlib
import logging
import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from datetime import datetime, tzinfo
from pathlib import Path

from edge.contract.errors import ConfigError
from edge.contract.taxonomy import slug
from edge.contract.text import counted
from edge.records.detection import Detection
from edge.records.reader import connect, told
from edge.system import clock

MODEL = "birdnet-pi"
COLUMNS = ("Date", "Time", "Sci_Name", "Com_Name", "Confidence", "Lat", "Lon")
"""Those that are read, in the order of BirdDB.txt."""
_SQLITE = b"SQLite format 3\0"
_WINDOW_S = 3.0
"""Of BirdNET."""
_LOG = logging.getLogger(__name__)


def count_birdnet_pi(path: Path) -> int:
    """Lines of it, about.

    Raises:
        StoreError: the file can't be read.
        ConfigError: it is neither birds.db nor BirdDB.txt.
    """
    with told(path):
        return _count_of_database(path) if _is_database(path) else _count_of_text(path)


def read_birdnet_pi(path: Path, zone: tzinfo, zone_name: str, station: str) -> Iterator[Detection]:
    """Its detections, oldest first; lines that are none are counted and told.

    Args:
        path: birds.db or BirdDB.txt.
        zone: in which it noted dates and times.
        zone_name: of that zone.
        station: to which they belong.

    Raises:
        StoreError: the file can't be read.
        ConfigError: it is neither.
    """
    unread = 0
    with told(path):
        for row in _rows(path):
            try:
                detection = _detection(row, zone, zone_name=zone_name, station=station)
            except (ValueError, TypeError, OverflowError) as error:
                _LOG.debug("%s: %r: %s", path, row, error)
                unread += 1
            else:
                yield detection
    if unread:
        _LOG.warning("%s: %s left out: no date, name or confidence", path, counted(unread, "line"))


def _rows(path: Path) -> Iterator[Sequence[object]]:
    return _rows_of_database(path) if _is_database(path) else _rows_of_text(path)


def _is_database(path: Path) -> bool:
    with path.open("rb") as file:
        return file.read(len(_SQLITE)) == _SQLITE


def _count_of_database(path: Path) -> int:
    with _opened(path) as database:
        (count,) = database.execute("SELECT count(*) FROM detections").fetchone()
    return int(count)


def _count_of_text(path: Path) -> int:
    return sum(1 for _ in _rows_of_text(path))


def _rows_of_database(path: Path) -> Iterator[Sequence[object]]:
    query = f"SELECT {', '.join(COLUMNS)} FROM detections ORDER BY Date, Time"
    with _opened(path) as database:
        yield from map(tuple, database.execute(query))


@contextmanager
def _opened(path: Path) -> Iterator[sqlite3.Connection]:
    with closing(connect(path, "ro")) as database:
        held = {row["name"] for row in database.execute("PRAGMA table_info(detections)")}
        if missing := set(COLUMNS) - held:
            raise ConfigError(
                f"{path}: no birds.db of a BirdNET-Pi: its table `detections` has no column "
                f"{sorted(missing)[0]}"
            )
        yield database


def _rows_of_text(path: Path) -> Iterator[Sequence[object]]:
    with path.open(encoding="utf-8", errors="replace", newline="") as file:
        head = next(rows := csv.reader(file, delimiter=";"), [])
        if [name.strip("\ufeff ") for name in head[: len(COLUMNS)]] != list(COLUMNS):
            raise ConfigError(
                f"{path}: neither birds.db nor BirdDB.txt of a BirdNET-Pi; its first line is "
                f"{';'.join(head)[:60]!a}"
            )
        yield from (row for row in rows if row)


def _detection(row: Sequence[object], zone: tzinfo, zone_name: str, station: str) -> Detection:
    day, time, scientific, common, confidence, *place = row[: len(COLUMNS)]
    moment = datetime.fromisoformat(f"{day} {time}").replace(tzinfo=zone)
    milliseconds = round(moment.timestamp() * 1000)
    name, probability = _text(scientific), float(str(confidence))
    if not 0 <= probability <= 1:
        raise ValueError("confidence")
    content = "\0".join(map(str, row)).encode()
    latitude, longitude = (_degrees(value) for value in place)
    return Detection(
        id=clock.uuid7(milliseconds, int.from_bytes(hashlib.sha256(content).digest()[:10], "big")),
        station=station,
        detected_at=clock.iso_utc(milliseconds),
        time_zone=zone_name,
        clock_synchronised=True,
        start_s=0.0,
        end_s=_WINDOW_S,
        source=MODEL,
        species_id=slug(name),
        scientific_name=name,
        common_name=_text(common),
        probability=probability,
        score=probability,
        similarity=0.0,
        hits=1,
        hits_needed=1,
        pictures=(),
        top=(),
        clip=None,
        model_id=MODEL,
        bundle=MODEL,
        precision="unknown",
        provider="unknown",
        latitude=latitude,
        longitude=longitude,
    )


def _text(value: object) -> str:
    if not isinstance(value, str) or not value.strip():
        raise ValueError("no name")
    return value.strip()


def _degrees(value: object) -> float | None:
    """None where it was never set: BirdNET-Pi writes 0 then, or -1."""
    try:
        degrees = float(str(value))
    except ValueError:
        return None
    return degrees if degrees not in (0.0, -1.0) else None
