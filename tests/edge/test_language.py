"""`--language`: species by their names in it, in what is heard and in what was kept."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from edge.clip.store import ClipStore, ClipStoreConfig
from edge.contract.bundle import load_bundle, write_bundle
from edge.contract.languages import names_table
from edge.contract.manifest import load_manifest
from edge.decision.naming import find_species, is_known, read_species
from edge.decision.selection import named
from edge.records.detection import Clip, ClipKept
from edge.records.store import Store
from edge.system import clock
from tests.support.factories import detection

NAMES = {
    "de": {
        "cuculus_canorus": "Kuckuck",
        "strix_aluco": "Waldkauz",
        "clamator_glandarius": "Häherkuckuck",
    },
    "nl": {"cuculus_canorus": "Koekoek", "strix_aluco": "Uil"},
    "en": {"cuculus_canorus": "Common Cuckoo", "strix_aluco": "Tawny Owl"},
    "fr": {"cuculus_canorus": "Coucou", "strix_aluco": "Coucou"},
}


@pytest.fixture
def spoken(bundle_copy) -> Path:
    """A bundle with names in three languages."""
    manifest = load_manifest(bundle_copy.path)
    write_bundle(bundle_copy.path, manifest, {"names": names_table(NAMES, list(NAMES["de"]))})
    return bundle_copy.path


@pytest.fixture
def station(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("TZ", "UTC")
    store = Store(tmp_path / "station")
    heard = detection(detected_at="2026-05-01T04:30:00.000Z")
    now = clock.iso_utc(clock.now_ms())
    store.write_all([heard, replace(heard, id=heard.id[:-1] + "f", detected_at=now)])
    store.review(heard.id, "confirmed", "cuculus_canorus")
    store.close()
    return tmp_path / "station"


def test_a_name_in_any_language_is_a_name(spoken: Path, tmp_path: Path) -> None:
    taxonomy = load_bundle(spoken).taxonomy
    assert find_species(taxonomy, "kuckuck").species_id == "cuculus_canorus"
    assert named(taxonomy, "Waldkauz,Koekoek") == {"strix_aluco", "cuculus_canorus"}
    assert is_known(taxonomy, "Koekoek")
    assert not is_known(taxonomy, "Coucou"), "two species are called so"
    (tmp_path / "list.txt").write_text("Uil\nKuckuck\n")
    assert read_species(tmp_path / "list.txt", taxonomy) == ["strix_aluco", "cuculus_canorus"]


def test_what_was_kept_is_told_in_a_language(birdlisten, spoken, station, tmp_path) -> None:
    where = ("--bundle", spoken, "--station", station, "--language", "de")
    assert "Kuckuck" in birdlisten("records", *where).out
    assert "Kuckuck" in birdlisten("today", *where).out
    assert "Kuckuck (Cuculus canorus)" in birdlisten("why", detection().id, *where).out
    told, _ = birdlisten("records", "--species", "kuckuck", "--json", *where).records()
    assert (told["common_name"], told["top"][0]["common_name"]) == ("Kuckuck", "Kuckuck")
    page = tmp_path / "day.html"
    assert birdlisten("report", "--day", "2026-05-01", "--output", page, *where).code == 0
    assert "Kuckuck" in page.read_text()
    assert "Common Cuckoo" in birdlisten("records", *where[:-2]).out


def test_what_is_heard_is_named_in_it(birdlisten, spoken: Path) -> None:
    chorus = Path("edge/bundles/aviary/chorus.flac").resolve()
    heard = birdlisten(
        "identify", chorus, "--bundle", spoken, "--language", "de", "--top", 99, "--json"
    )
    (told,) = heard.records()
    names = {entry["scientific_name"]: entry["common_name"] for entry in told["top"]}
    assert names["Cuculus canorus"] == "Kuckuck"


def test_ebird_is_told_in_english(birdlisten, spoken: Path, tmp_path: Path, monkeypatch) -> None:
    monkeypatch.setenv("TZ", "UTC")
    store = Store(tmp_path / "station")
    heard = detection(detected_at="2026-05-01T04:30:00.000Z", common_name="Kuckuck")
    store.write(heard)
    store.review(heard.id, "confirmed", "cuculus_canorus")
    store.close()
    where = ("--bundle", spoken, "--station", tmp_path / "station", "--language", "de")
    assert birdlisten("export", "ebird", "--output", tmp_path, *where).code == 0
    assert (tmp_path / "checklist_upload.csv").read_text().startswith("Common Cuckoo,")


def test_a_bundle_without_names_says_how_to_add_them(birdlisten, bundle_copy, station) -> None:
    where = ("--bundle", bundle_copy.path, "--station", station, "--language", "de")
    ended = birdlisten("records", *where)
    assert ended.code == 2
    assert "python -m export.names" in ended.err


def test_without_its_bundle_a_card_is_told_as_it_was_kept(birdlisten, station, tmp_path) -> None:
    where = ("--station", station, "--language", "de", "--bundle", tmp_path / "nowhere")
    ended = birdlisten("records", *where)
    assert ended.code == 0
    assert "Common Cuckoo" in ended.out
    assert "names stay as they were kept" in ended.err


def test_the_demo_needs_no_names(birdlisten, monkeypatch) -> None:
    monkeypatch.delenv("BIRDLISTEN_BUNDLE", raising=False)
    monkeypatch.setenv("BIRDLISTEN_LANGUAGE", "de")
    assert birdlisten("demo").code == 0


def test_tables_are_written_anew_in_a_language(birdlisten, spoken, tmp_path) -> None:
    chorus = Path("edge/bundles/aviary/chorus.flac").resolve()
    call = ("analyze", chorus, "--bundle", spoken, "--output", tmp_path / "out")
    english = birdlisten(*call, "--language", "en")
    assert english.code == 0
    (table,) = (tmp_path / "out").glob("*.csv")
    assert "Great Spotted Cuckoo" in table.read_text()
    german = birdlisten(*call, "--language", "de")
    assert "known already" in german.err
    assert "Häherkuckuck" in table.read_text(encoding="utf-8")
    assert "Great Spotted Cuckoo" not in table.read_text(encoding="utf-8")


def test_copies_of_clips_lie_in_folders_of_that_language(birdlisten, spoken, tmp_path) -> None:
    station = tmp_path / "station"
    store, clips = Store(station), ClipStore(station, ClipStoreConfig(free_bytes=0))
    record = detection(detected_at="2026-05-01T04:30:00.000Z")
    store.write(record)
    sound = np.zeros(48_000, np.int16)
    store.write(ClipKept(record.id, clips.put(Clip(record, sound, 48_000, sound))))
    store.close()
    where = ("--station", station, "--bundle", spoken, "--language", "de")
    ended = birdlisten("export", "clips", "--output", tmp_path / "copies", *where)
    assert ended.code == 0
    assert [Path(line).parent.name for line in ended.out.splitlines()] == ["Kuckuck"]
