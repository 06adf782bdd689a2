"""`birdlisten records` and `today`: everything of a time, in order, counted as it is."""

import csv
import io
import json
import sqlite3
from collections.abc import Callable
from pathlib import Path

import pytest

from edge.records.detection import Rejection
from edge.records.query import Selection, count, select
from edge.records.reader import open_records
from edge.records.store import Store
from tests.support.factories import Ended, detection

Birdlisten = Callable[..., Ended]
SPECIES = {
    "cuculus_canorus": ("Cuculus canorus", "Common Cuckoo"),
    "strix_aluco": ("Strix aluco", "Tawny Owl"),
    "parus_major": ("Parus major", "Great Tit"),
}


def record(number: int, moment: str | None, species: str):
    scientific, common = SPECIES[species]
    return detection(
        id=f"01990000-0000-7000-8000-{number:012}",
        detected_at=moment,
        species_id=species,
        scientific_name=scientific,
        common_name=common,
    )


@pytest.fixture
def station(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Summer time begins on the 29th: that day has 23 hours."""
    monkeypatch.setenv("TZ", "Europe/Berlin")
    store = Store(tmp_path / "station")
    store.write_all(
        [
            record(1, "2026-03-27T22:30:00.000Z", "strix_aluco"),
            record(2, "2026-03-28T22:59:59.999Z", "parus_major"),
            record(3, "2026-03-28T23:00:00.000Z", "strix_aluco"),
            record(4, "2026-03-29T10:00:00.000Z", "cuculus_canorus"),
            record(5, "2026-03-29T21:59:59.999Z", "cuculus_canorus"),
            record(6, "2026-03-29T22:00:00.000Z", "parus_major"),
            Rejection(record(7, "2026-03-29T11:00:00.000Z", "parus_major"), "too few windows"),
            record(8, None, "parus_major"),
        ]
    )
    store.review(record(4, None, "strix_aluco").id, "confirmed", "cuculus_canorus")
    store.close()
    return tmp_path / "station"


def numbers(ended: Ended) -> list[int]:
    return [int(one["id"][-3:]) for one in ended.records()]


@pytest.mark.parametrize(
    ("asked", "expected"),
    [
        ((), [8, 1, 2, 3, 4, 5, 6]),
        (("--day", "2026-03-29"), [3, 4, 5]),
        (("--day", "2026-03-28"), [2]),
        (("--week", "2026-03-29"), [1, 2, 3, 4, 5]),
        (("--since", "2026-03-29"), [3, 4, 5, 6]),
        (("--since", "2026-03-29T12:00"), [4, 5, 6]),
        (("--since", "2026-03-29T10:00:00.001Z", "--until", "2026-03-30"), [5]),
        (("--species", "tawny owl"), [1, 3]),
        (("--species", "Parus major", "--until", "2026-03-29"), [2]),
        (("--species", "parus_major"), [8, 2, 6]),
        (("--day", "2020-01-01"), []),
    ],
)
def test_a_selection_is_what_it_says(birdlisten: Birdlisten, station, asked, expected) -> None:
    assert numbers(birdlisten("records", *asked, "--json", "--station", station)) == expected


def test_lines_are_for_people(birdlisten: Birdlisten, station: Path) -> None:
    ended = birdlisten("records", "--day", "2026-03-29", "--station", station)
    first, second, _ = ended.out.splitlines()
    assert first.endswith("Tawny Owl  0.93  reported")
    assert "confirmed as cuculus_canorus" in second


@pytest.mark.parametrize(("bundle", "is_here"), [("aviary", True), ("gone-elsewhere", False)])
def test_json_says_where_pictures_lie_and_needs_no_bundle(
    birdlisten: Birdlisten, station: Path, bundle: str, is_here: bool
) -> None:
    for command in (("records",), ("why",), ("why", "000000000004")):
        ended = birdlisten(*command, "--station", station, "--bundle", bundle, "--json")
        for told in ended.records():
            path = told["pictures"][0]["path"]
            assert (path is not None and Path(path).is_file()) is is_here
    assert ended.code == 0


def test_csv_has_the_frozen_columns(birdlisten: Birdlisten, station: Path) -> None:
    ended = birdlisten("records", "--format", "csv", "--station", station)
    rows = list(csv.DictReader(io.StringIO(ended.out)))
    assert len(rows) == 7
    assert rows[1]["Scientific name"] == "Strix aluco"


@pytest.mark.parametrize(
    ("asked", "told"),
    [
        (("--day", "29.3.2026"), "expected such as 2026-05-01"),
        (("--species", "Tawny Owls"), "did you mean 'Tawny Owl'"),
        (("--format", "csv,raven"), "one at a time"),
    ],
)
def test_what_cant_be_asked_is_told(birdlisten: Birdlisten, station, asked, told: str) -> None:
    ended = birdlisten("records", *asked, "--station", station)
    assert ended.code == 2
    assert told in ended.err


def test_today_counts_each_species(birdlisten: Birdlisten, station: Path) -> None:
    ended = birdlisten("today", "2026-03-29", "--station", station)
    head, first, second = ended.out.splitlines()
    assert head == "2026-03-29: 2 species, 3 records"
    assert first == "     2  Common Cuckoo  12:00 to 23:59  new here"
    assert second == "     1  Tawny Owl      00:00 to 00:00"
    (cuckoo, owl) = birdlisten("today", "2026-03-29", "--json", "--station", station).records()
    assert (cuckoo["records"], cuckoo["is_new"], owl["is_new"]) == (2, True, False)
    assert cuckoo["last"] == "2026-03-29T21:59:59.999Z"


def test_counts_are_those_of_brute_force(tmp_path: Path) -> None:
    store = Store(tmp_path)
    names = list(SPECIES)
    store.write_all(
        [
            record(n, f"2026-05-{1 + n % 5:02}T{n % 24:02}:00:00.000Z", names[n * n % 3])
            for n in range(1500)
        ]
    )
    every = [found for chunk in select(store, Selection()) for found in chunk]
    assert len(every) == 1500
    since, until = 1777766400000, 1777852800000  # 3 May
    day = Selection(since_ms=since, until_ms=until)
    expected: dict[str, int] = {}
    for found in every:
        if "2026-05-03" in (found.detected_at or ""):
            expected[found.species_id] = expected.get(found.species_id, 0) + 1
    assert {species.species_id: species.records for species in count(store, day)} == expected
    store.close()


@pytest.mark.parametrize("species", [None, ["strix_aluco"]])
def test_no_question_looks_at_every_record(station: Path, species) -> None:
    asked: list[str] = []
    with open_records(station) as records:
        records.database.set_trace_callback(asked.append)
        span = Selection(since_ms=1, until_ms=2_000_000_000_000, species=species)
        assert list(select(records, span))
        assert count(records, span)
        records.database.set_trace_callback(None)
        plans = [_plan(records.database, query) for query in asked if "SELECT" in query]
    assert plans
    assert not [plan for plan in plans for step in plan if step.startswith("SCAN kept_records")]


def _plan(database: sqlite3.Connection, query: str) -> list[str]:
    return [row["detail"] for row in database.execute(f"EXPLAIN QUERY PLAN {query}")]


def test_why_lists_time_source_probability_and_verdict(birdlisten: Birdlisten, station) -> None:
    lines = birdlisten("why", "--station", station).out.splitlines()
    (line,) = [line for line in lines if "confirmed" in line]
    assert "dawn.wav  Common Cuckoo  0.93  confirmed as cuculus_canorus" in line
    kept = json.loads(birdlisten("why", "000000000004", "--json", "--station", station).out)
    assert "volume" not in kept


@pytest.mark.parametrize("command", ["records", "today", "report", "why"])
@pytest.mark.parametrize("bundle", ["hf:nobody/birds", "hf:nobody/birds@main", "no such name"])
def test_what_was_kept_is_told_without_its_bundle_and_no_hub_is_asked(
    birdlisten: Birdlisten,
    station: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    command: str,
    bundle: str,
) -> None:
    asked: list[object] = []
    monkeypatch.setattr("edge.system.hub_bundle.look_up", asked.append)
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "data"))
    more: dict[str, tuple[object, ...]] = {
        "report": ("--output", tmp_path / "day.html"),
        "why": (record(4, None, "strix_aluco").id,),
    }
    ended = birdlisten(command, *more.get(command, ()), "--bundle", bundle, "--station", station)
    assert (ended.code, asked) == (0, [])
