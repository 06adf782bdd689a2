"""A bird is added by its sounds, found, listed and taken back, as a person types it."""

import numpy as np
import pytest
import soundfile

from edge.contract.bundle import load_bundle

NAME = ("Leipoa ocellata", "--common", "Malleefowl")


@pytest.fixture
def station(tmp_path):
    return tmp_path / "station"


@pytest.fixture
def song(tmp_path):
    """A sound that no bird of the aviary makes: a slow boom with a sweep over it."""
    moments = np.arange(48_000 * 5) / 48_000
    beat = np.clip(np.sin(2 * np.pi * 1.5 * moments), 0, None)
    sweep = 900 + 500 * np.sin(2 * np.pi * 0.7 * moments)
    wave = 0.4 * beat * np.sin(2 * np.pi * np.cumsum(sweep) / 48_000)
    noise = np.random.default_rng(0).normal(0, 0.002, len(wave))
    path = tmp_path / "boom.wav"
    soundfile.write(path, (wave + noise).astype(np.float32), 48_000)
    return path


def likeness(birdlisten, station, file):
    """Similarity of a recording by species id."""
    flags = ("--json", "--top", 100, "--station", station)
    (record,) = birdlisten("identify", file, *flags).records()
    return {entry["species_id"]: entry["similarity"] for entry in record["top"]}


def test_a_new_bird_is_known_by_its_sound(birdlisten, station, song):
    before = likeness(birdlisten, station, song)
    ended = birdlisten("species", "add", *NAME, "--sounds", song, "--station", station)
    assert ended.code == 0
    assert "Malleefowl (Leipoa ocellata) is listened for" in ended.out
    assert "windows of 1 sound" in ended.out
    assert "its own sounds reach" in ended.out
    assert "nearest by sound" in ended.out
    after = likeness(birdlisten, station, song)
    assert after.pop("leipoa_ocellata") > max(0.9, *after.values())
    assert after == before
    listed = birdlisten("species", "list", "--json", "--station", station).records()
    assert [(one["species_id"], one["sounds"]) for one in listed] == [("leipoa_ocellata", 1)]
    assert birdlisten("species", "remove", "malleefowl", "--station", station).code == 0
    assert likeness(birdlisten, station, song) == before
    assert birdlisten("species", "list", "--station", station).out == ""


def test_only_what_came_last_is_undone(birdlisten, station, song):
    for _ in range(2):
        birdlisten("species", "add", *NAME, "--sounds", song, "--station", station)
    undo = ("species", "remove", "Leipoa ocellata", "--undo", "--station", station)
    assert "1 sound taken back" in birdlisten(*undo).out
    (left,) = birdlisten("species", "list", "--json", "--station", station).records()
    assert left["sounds"] == 1
    birdlisten(*undo)
    assert birdlisten("species", "list", "--station", station).out == ""
    again = birdlisten(*undo)
    assert (again.code, "no species" in again.err) == (2, True)


def test_a_species_of_the_bundle_keeps_its_names(birdlisten, station, song, bundle_path):
    known = load_bundle(bundle_path).taxonomy.species[0]
    given = (known.common_name.lower(), "--sounds", song, "--station", station)
    assert birdlisten("species", "add", *given).code == 0
    shown = birdlisten("species", "show", known.scientific_name, "--station", station)
    assert known.common_name in shown.out
    assert "1 sound " in shown.out
    taken = birdlisten("species", "remove", known.scientific_name, "--station", station)
    assert taken.code == 0


@pytest.mark.parametrize(
    ("arguments", "said", "code"),
    [
        (("Leipoa ocellata",), "--sounds", 2),
        (("malleefowl",), "scientific", 2),
        (("",), "scientific", 2),
        (("../../etc", "--sounds", "x.wav"), "scientific", 2),
        (("Leipoa ocellata", "--sounds", "missing.wav"), "nothing was added", 2),
        (("Leipoa ocellata", "--pictures", "missing.jpg"), "image tower", 1),
        (("Leipoa ocellata", "--sounds", "."), "no audio files", 1),
        (("Leipoa ocellata", "--pictures", "."), "no picture", 1),
    ],
)
def test_a_refused_command_changes_nothing(
    birdlisten, station, tmp_path, monkeypatch, arguments, said, code
):
    (tmp_path / "empty").mkdir()
    monkeypatch.chdir(tmp_path / "empty")
    ended = birdlisten("species", "add", *arguments, "--station", station)
    assert (ended.code, said in ended.err) == (code, True)
    assert not (station / "overlay").exists()


def test_silence_is_no_song(birdlisten, station, tmp_path, song):
    quiet = tmp_path / "quiet.wav"
    soundfile.write(quiet, np.zeros(48_000 * 5, np.float32), 48_000)
    sounds = ("--sounds", quiet, song)
    ended = birdlisten("species", "add", *NAME, *sounds, "--station", station)
    assert ended.code == 1
    assert "quiet.wav: nothing in it sounds like a bird" in ended.err
    assert "windows of 1 sound" in ended.out


def test_ranks_come_from_the_genus_or_from_the_person(birdlisten, station, song, bundle_path):
    kin = load_bundle(bundle_path).taxonomy.species[0]
    name = f"{kin.genus} imaginarius"
    birdlisten("species", "add", name, "--sounds", song, "--station", station)
    given = ("--family", "Megapodiidae", "--order", "Galliformes", "--sounds", song)
    birdlisten("species", "add", *NAME, *given, "--station", station)
    new, other = birdlisten("species", "list", "--json", "--station", station).records()
    assert (new["family"], new["order"], new["epithet"]) == (kin.family, kin.order, "imaginarius")
    assert (other["family"], other["order"]) == ("Megapodiidae", "Galliformes")


def test_settings_that_leave_the_new_bird_out_are_told(birdlisten, station, song):
    station.mkdir()
    (station / "config.yaml").write_text("include: Cuculus canorus\n", encoding="utf-8")
    added = birdlisten("species", "add", *NAME, "--sounds", song, "--station", station)
    assert (added.code, "not with these settings" in added.out) == (0, True)
