"""How often a species is met here and now, as a prior."""

from datetime import datetime, timezone

import numpy as np
import pytest

from edge.contract.errors import ConfigError
from edge.decision import occurrence
from edge.decision.occurrence import (
    COMMON,
    RAREST,
    Coordinates,
    read_occurrence,
    season,
    weighed,
)

IDS = ["cuculus_canorus", "strix_aluco", "dodo"]
BERLIN, NAIROBI = Coordinates(52.5, 13.4), Coordinates(-1.3, 36.8)


@pytest.fixture
def table(tmp_path):
    file = tmp_path / "met.csv"
    file.write_text(
        "scientific_name,latitude,longitude,1,2,3,4\n"
        "Cuculus canorus,52,13,0,0.3,0.02,0\n"
        "Strix aluco,52,13,0.1,0.1,,0.1\n"
        "Cuculus canorus,-1,37,0.04,0,0,0.04\n"
    )
    return file


def test_the_nearest_place_and_the_part_of_the_year_count(table):
    met = read_occurrence(table, BERLIN)
    assert met.odds(IDS, 0.0) == pytest.approx([RAREST, 1, 1])
    assert met.odds(IDS, 0.49) == pytest.approx([1, 1, 1])
    assert met.odds(IDS, 0.5) == pytest.approx([0.02 / COMMON, RAREST, 1])
    assert met.odds(IDS, 0.999) == pytest.approx([RAREST, 1, 1])
    south = read_occurrence(table, NAIROBI)
    assert south.odds(IDS, 0.0) == pytest.approx([0.04 / COMMON, 1, 1])


def test_a_recording_without_a_date_may_be_of_the_best_time(table):
    assert read_occurrence(table, BERLIN).odds(IDS, None) == pytest.approx([1, 1, 1])


def test_places_are_compared_on_a_sphere():
    assert Coordinates(0, 179.5).angle(Coordinates(0, -179.5)) == pytest.approx(np.radians(1))
    assert Coordinates(89, 0).angle(Coordinates(89, 180)) == pytest.approx(np.radians(2))
    assert BERLIN.angle(BERLIN) == 0


def test_a_prior_multiplies_odds_and_never_builds_a_wall():
    sure = np.array([[0.5, 0.99, 0.999, 0.0, 1.0]])
    found = weighed(sure, np.full(5, RAREST))
    assert found[0, 0] == pytest.approx(RAREST / (1 + RAREST))
    assert found[0, 2] > 0.95
    assert list(found[0, 3:]) == [0, 1]
    assert weighed(sure, np.ones(5)) == pytest.approx(sure)


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("species,1\nx,0.5\n", "scientific_name"),
        ("scientific_name,may\nx,0.5\n", "named 1, 2"),
        ("scientific_name,1\n", "named 1, 2"),
        ("scientific_name,1\nParus major,7\n", "Parus major"),
        ("scientific_name,1\nParus major,often\n", "Parus major, part 1: 'often', expected"),
        ("scientific_name,1\nParus major,nan\n", "'nan', expected a number from 0 to 1"),
        ("scientific_name,1\nParus major,1e999\n", "1e999, expected"),
        ("scientific_name,²,1\nParus major,0,0\n", "named 1, 2.*found ²"),
        ("scientific_name,1,٢\nParus major,0,0\n", "named 1, 2"),
        ("scientific_name,1,3\nParus major,0,0\n", "named 1, 2.*found 1, 3"),
        ("scientific_name,01,2\nParus major,0,0\n", "named 1, 2"),
        ("scientific_name,1,1\nParus major,0,0\n", "twice"),
        ("scientific_name,1,latitude,longitude\na b,0,x,0\nc d,0,1,1\n", "latitude: 'x', expected"),
        ("scientific_name,1,latitude,longitude\na b,0,nan,0\nc d,0,1,1\n", "latitude: 'nan'"),
        ("scientific_name,1,latitude,longitude\na b,0,91,0\nc d,0,1,1\n", "latitude 91"),
        ("scientific_name,1,latitude,longitude\na b,0,9,0\nc d,0,1,1\n", "several places"),
    ],
)
def test_a_table_that_cant_be_used_is_named(tmp_path, text, problem):
    file = tmp_path / "met.csv"
    file.write_text(text)
    with pytest.raises(ConfigError, match=problem) as error:
        read_occurrence(file, None)
    assert "met.csv" in str(error.value)


def test_a_listener_weighs_what_it_hears(birdlisten, bundle_path, tmp_path):
    chorus = ("--input", bundle_path / "chorus.flac", "--json")
    usual = {record["scientific_name"]: record for record in birdlisten(*chorus).records()}
    least = min(usual, key=lambda name: usual[name]["probability"])
    (tmp_path / "met.csv").write_text(f"scientific_name,1\n{least},0\n")
    weighed_down = birdlisten(*chorus, "--occurrence", tmp_path / "met.csv").records()
    assert least not in {one["scientific_name"] for one in weighed_down}
    assert set(usual) - {least} == {one["scientific_name"] for one in weighed_down}


@pytest.mark.parametrize("flags", [("--latitude", 52), ("--latitude", 95, "--longitude", 0)])
def test_a_place_needs_two_possible_numbers(birdlisten, bundle_path, table, flags):
    ended = birdlisten("--input", bundle_path / "chorus.flac", *flags, "--occurrence", table)
    assert ended.code == 2
    assert "latitude" in ended.err


@pytest.mark.parametrize("synchronised", [True, False])
def test_the_date_counts_while_the_clock_can_be_trusted(table, monkeypatch, caplog, synchronised):
    monkeypatch.setattr("edge.system.clock.synchronised", lambda: synchronised)
    january = datetime(2026, 1, 5, tzinfo=timezone.utc)
    monkeypatch.setattr("edge.system.clock.now", lambda: january)
    occurrence._tell_mistrust.cache_clear()
    odds = [read_occurrence(table, BERLIN).odds(IDS, season()) for _ in range(3)]
    assert odds[0] == pytest.approx([RAREST, 1, 1] if synchronised else [1, 1, 1])
    assert len(caplog.records) == (0 if synchronised else 1)
