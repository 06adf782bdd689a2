"""`birdlisten export ebird`: what eBird's import takes, with the effort that there really was."""

from datetime import datetime
from pathlib import Path

import numpy as np
import pytest

from edge.contract.coordinates import Coordinates
from edge.pipeline.effort import Effort
from edge.records.detection import FileDone, Listened
from edge.records.query import listened
from edge.records.store import Store
from edge.report.ebird import COLUMNS, MOST_BYTES, Checklist, to_read, to_upload
from edge.report.row import Row
from edge.source.framing import Window
from edge.system import clock
from tests.support.factories import detection

HOUR = 3_600_000
DAY = clock.milliseconds("2026-05-01T00:00:00.000Z")


def of(number: int, moment: str, **change: object):
    return detection(id=f"01990000-0000-7000-8000-{number:012}", detected_at=moment, **change)


@pytest.fixture
def station(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("TZ", "UTC")
    store = Store(tmp_path / "station")
    owl = {
        "species_id": "strix_aluco",
        "scientific_name": "Strix aluco",
        "common_name": 'Tawny Owl, "grey"',
    }
    store.write_all(
        [
            of(1, "2026-05-01T04:30:00.000Z"),
            of(2, "2026-05-01T05:30:00.000Z"),
            of(3, "2026-05-01T06:30:00.000Z", **owl),
            of(4, "2026-05-01T07:30:00.000Z", species_id="parus_major"),
            of(5, "2026-05-02T04:30:00.000Z"),
            Listened("mic", DAY + 4 * HOUR, DAY + 6 * HOUR),
            Listened("mic", DAY + 4 * HOUR, DAY + 7 * HOUR),  # goes on
            Listened("mic", DAY + 23 * HOUR, DAY + 24 * HOUR + 600_000),
            FileDone("a.wav", 1, 1, length_s=7200.0, begun_ms=DAY + 6 * HOUR),
        ]
    )
    for number, verdict in ((1, "confirmed"), (2, "confirmed"), (3, "confirmed"), (4, "rejected")):
        store.review(of(number, "2026-05-01T00:00:00.000Z").id, verdict)
    store.close()
    return tmp_path / "station"


def test_the_pair_of_files(birdlisten, station: Path, tmp_path: Path) -> None:
    where = ("--latitude", 52.5, "--longitude", 13.4, "--location", "My, pond")
    ended = birdlisten(
        "export", "ebird", "--output", tmp_path / "out", *where, "--station", station
    )
    assert ended.code == 0
    head, *lines = (tmp_path / "out" / "checklist.csv").read_text().splitlines()
    assert head == ",".join(COLUMNS)
    assert (tmp_path / "out" / "checklist_upload.csv").read_text().splitlines() == lines
    cells = [line.split(",") for line in lines]
    assert [len(row) for row in cells] == [19, 19]
    assert not any('"' in line for line in lines)
    cuckoo, owl = (dict(zip(COLUMNS, row, strict=True)) for row in cells)
    assert owl["Common Name"] == "Tawny Owl grey"
    assert (cuckoo["Genus"], cuckoo["Species"], cuckoo["Number"]) == ("Cuculus", "canorus", "X")
    assert (cuckoo["Date"], cuckoo["Start Time"]) == ("05/01/2026", "04:00")
    assert cuckoo["Location Name"] == "My pond"
    assert (cuckoo["Latitude"], cuckoo["Longitude"]) == ("52.50000", "13.40000")
    # 04:00 to 08:00, of which the recording is the last two hours, and the last hour of the day.
    assert (cuckoo["Protocol"], cuckoo["Duration"]) == ("stationary", "300")


def test_without_a_known_effort_it_is_incidental(birdlisten, tmp_path, monkeypatch) -> None:
    monkeypatch.setenv("TZ", "UTC")
    store = Store(tmp_path / "station")
    store.write(of(1, "2026-05-01T04:30:00.000Z"))
    store.review(of(1, "2026-05-01T04:30:00.000Z").id, "confirmed")
    store.close()
    ended = birdlisten("export", "ebird", "--output", tmp_path, "--station", tmp_path / "station")
    assert "without a place" in ended.err
    row = dict(
        zip(COLUMNS, (tmp_path / "checklist_upload.csv").read_text().split(","), strict=True)
    )
    assert (row["Protocol"], row["Duration"], row["Start Time"]) == ("casual", "", "04:30")


def test_nothing_confirmed_is_told(birdlisten, station: Path, tmp_path: Path) -> None:
    where = ("--output", tmp_path / "out", "--station", station)
    ended = birdlisten("export", "ebird", "--day", "2026-05-02", *where)
    assert ended.code == 2
    assert "nothing of that time was confirmed" in ended.err
    assert not (tmp_path / "out").exists()


def test_a_large_upload_is_several_files() -> None:
    rows = [Row(detection(common_name=f"Bird {n}")) for n in range(12_000)]
    place = Coordinates(52.5, 13.4)
    lists = [Checklist(place=place, location="x", begun=datetime(2026, 5, 1), minutes=5, rows=rows)]
    files = to_upload(lists)
    assert len(files) > 1
    assert all(len(text.encode()) <= MOST_BYTES for text in files)
    assert "".join(files) == to_read(lists).split("\n", 1)[1]


def window(start_s: float, ended_ms: int, monkeypatch) -> Window:
    monkeypatch.setattr(clock, "now_ms", lambda: ended_ms)
    return Window(round(start_s * 1000), np.zeros(3000, np.float32))


def test_effort_is_what_was_really_heard(monkeypatch, tmp_path: Path) -> None:
    """A gap, and a clock that is set, begin a new span; a long one is told as it goes on."""
    effort, told = Effort("mic", 1000), []
    heard = [(n * 2.0, DAY + 3000 + n * 2000) for n in range(200)]
    heard += [(900.0, DAY + 903_000), (902.0, DAY + 905_000)]
    heard += [(904.0, DAY + 10 * HOUR), (906.0, DAY + 10 * HOUR + 2000)]
    for start_s, ended_ms in heard:
        told += effort.after(window(start_s, ended_ms, monkeypatch))
    told += effort.finish()
    last = {span.begun_ms: span.ended_ms for span in told}
    assert last == {
        DAY: DAY + 401_000,
        DAY + 900_000: DAY + 905_000,
        DAY + 10 * HOUR - 3000: DAY + 10 * HOUR + 2000,
    }
    assert len(told) == 4
    store = Store(tmp_path)
    store.write_all(told)
    assert listened(store, DAY, DAY + 24 * HOUR) == sorted(last.items())
    store.close()
