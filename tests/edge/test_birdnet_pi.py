"""`birdlisten import birdnet-pi`, and the view of that shape."""

import json
import os
import sqlite3
import subprocess
import sys
from pathlib import Path

import pytest

from edge.records.reader import open_records
from edge.records.store import Store
from tests.support.factories import detection

TABLE = (
    "CREATE TABLE detections (Date DATE, Time TIME, Sci_Name VARCHAR(100) NOT NULL, "
    "Com_Name VARCHAR(100) NOT NULL, Confidence FLOAT, Lat FLOAT, Lon FLOAT, Cutoff FLOAT, "
    "Week INT, Sens FLOAT, Overlap FLOAT, File_Name VARCHAR(100) NOT NULL)"
)
ROBIN = ("Erithacus rubecula", "European Robin")
LINES = (
    ("2024-05-02", "04:31:07", *ROBIN, 0.91, 52.5, 13.25, 0.7, 17, 1.25, 0.0, "r.mp3"),
    ("2024-05-01", "23:59:59", "Strix aluco", "Tawny Owl", 0.8, 0, 0, 0.7, 17, 1.25, 0.0, ""),
    ("2024-05-02", "04:31:07", *ROBIN, 0.75, 52.5, 13.25, 0.7, 17, 1.25, 0.0, "r.mp3"),
    ("yesterday", "04:31:07", *ROBIN, 0.75, 52.5, 13.25, 0.7, 17, 1.25, 0.0, "r.mp3"),
    ("2024-05-02", "04:31:07", "", "", 0.75, 52.5, 13.25, 0.7, 17, 1.25, 0.0, "r.mp3"),
    ("2024-05-02", "04:31:07", *ROBIN, "high", 52.5, 13.25, 0.7, 17, 1.25, 0.0, "r.mp3"),
    ("2024-05-02", "04:31:07", *ROBIN, "nan", 52.5, 13.25, 0.7, 17, 1.25, 0.0, "r.mp3"),
)
GOOD = 3


@pytest.fixture
def database(tmp_path: Path) -> Path:
    path = tmp_path / "birds.db"
    with sqlite3.connect(path) as opened:
        opened.execute(TABLE)
        opened.executemany(f"INSERT INTO detections VALUES ({', '.join('?' * 12)})", LINES)
    opened.close()
    return path


@pytest.fixture
def text(tmp_path: Path) -> Path:
    path = tmp_path / "BirdDB.txt"
    head = "Date;Time;Sci_Name;Com_Name;Confidence;Lat;Lon;Cutoff;Week;Sens;Overlap"
    lines = (";".join(map(str, line[:-1])) for line in LINES)
    path.write_text("\n".join([head, *lines, "", "cut;off"]))
    return path


@pytest.mark.parametrize("form", ["database", "text"])
def test_its_records_are_ours_from_then_on(
    birdlisten, tmp_path: Path, form: str, request: pytest.FixtureRequest
) -> None:
    given, station = request.getfixturevalue(form), tmp_path / "station"
    where = ("--time-zone", "Europe/Berlin", "--station", station)
    ended = birdlisten("import", "birdnet-pi", given, *where)
    assert ended.code == 0
    assert f"3 records in {given}, 3 of them new here" in ended.out
    assert "left out" in ended.err
    with open_records(station) as records:
        owl, *robins = records.numbered(range(1, GOOD + 1))
    assert owl.detected_at == "2024-05-01T21:59:59.000Z"
    assert (owl.latitude, owl.longitude) == (None, None)
    assert sorted(robin.probability for robin in robins) == [0.75, 0.91]
    assert {(robin.species_id, robin.latitude) for robin in robins} == {
        ("erithacus_rubecula", 52.5)
    }
    assert robins[0].local_time().isoformat() == "2024-05-02T04:31:07+02:00"
    again = birdlisten("import", "birdnet-pi", given, *where)
    assert "0 of them new here" in again.out
    assert "European Robin" in birdlisten("records", "--station", station).out


@pytest.mark.parametrize(
    ("content", "named"),
    [
        (b"", "neither birds.db"),
        (b"SQLite format 3\0" + b"x" * 999, "birds"),
        (b"\0\xff", "neither"),
    ],
)
def test_what_is_none_is_refused(birdlisten, tmp_path: Path, content: bytes, named: str) -> None:
    (tmp_path / "birds").write_bytes(content)
    station = tmp_path / "station"
    ended = birdlisten("import", "birdnet-pi", tmp_path / "birds", "--station", station)
    assert ended.code in (1, 2)
    assert named in ended.err
    assert ended.err.count("\n") == 1
    assert not station.exists()
    assert "absent" in birdlisten("import", "birdnet-pi", tmp_path / "absent").err


def test_another_database_is_named_by_what_it_lacks(birdlisten, tmp_path: Path) -> None:
    with sqlite3.connect(tmp_path / "x.db") as opened:
        opened.execute("CREATE TABLE detections (Date, Time, Sci_Name)")
    opened.close()
    assert "no column Com_Name" in birdlisten("import", "birdnet-pi", tmp_path / "x.db").err


READ = """
import json, sqlite3, sys
cursor = sqlite3.connect(sys.argv[1]).execute("SELECT * FROM birdnet_pi")
print(json.dumps([[name for name, *_ in cursor.description], cursor.fetchone()]))
"""


def test_ours_can_be_read_as_theirs(tmp_path: Path) -> None:
    """The columns of their table, in their order; dates are of the reader's zone."""
    store = Store(tmp_path)
    store.write(detection(detected_at="2026-05-31T20:30:00.500Z", latitude=1.5, longitude=2.5))
    store.close()
    reader = [sys.executable, "-W", "ignore", "-c", READ, tmp_path / "birdlisten.db"]
    told = subprocess.run(
        reader, env={**os.environ, "TZ": "Asia/Tokyo"}, capture_output=True, check=True
    )
    names, values = json.loads(told.stdout)
    assert names == [column.split()[0] for column in TABLE.partition("(")[2].split(", ")]
    row = dict(zip(names, values, strict=True))
    assert (row["Date"], row["Time"], row["Week"]) == ("2026-06-01", "05:30:00", 21)
    assert (row["Sci_Name"], row["Lat"]) == ("Cuculus canorus", 1.5)
