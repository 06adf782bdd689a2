"""Bundles that can be used, but lack something: it is told, with the effect that it has."""

import json

import numpy as np
import pytest

from edge.contract.bundle import load_bundle, npy_bytes
from edge.recognition.doubts import doubts, doubts_about_lessons, usable_calibration
from tests.support.factories import BundleFolder

CUCKOO, OWL = "clamator_glandarius", "strix_aluco"


def told(bundle: BundleFolder, species_set: str = "all") -> list[str]:
    loaded = load_bundle(bundle.path)
    precision = loaded.manifest.precisions[0]
    lines = list(doubts(loaded, precision, species_set))
    assert all("\n" not in line for line in lines)
    return lines


def test_a_whole_bundle_leaves_no_doubt(small_bundle: BundleFolder) -> None:
    assert told(small_bundle) == []
    assert usable_calibration(load_bundle(small_bundle.path), "fp32", "all") is not None


def test_a_calibration_without_background_is_told_and_not_used(small_bundle: BundleFolder) -> None:
    small_bundle.edit(lambda manifest: manifest["roles"].pop("background.fp32"))
    (line,) = told(small_bundle)
    assert "background.fp32 is missing" in line
    assert "gallery.calibrate" in line
    assert "cosine of 0.5" in line
    assert usable_calibration(load_bundle(small_bundle.path), "fp32", "all") is None


@pytest.mark.parametrize("rows", [0, 1])
def test_a_background_that_nothing_can_be_standardised_over_is_none(
    small_bundle: BundleFolder, rows: int
) -> None:
    bank = load_bundle(small_bundle.path).background("fp32")
    assert bank is not None
    small_bundle.put("background.fp32", npy_bytes(np.array(bank[:rows])))
    (line,) = told(small_bundle)
    assert "background.fp32 is missing or empty" in line


def test_a_species_set_without_calibration_is_told(small_bundle: BundleFolder) -> None:
    (line,) = told(small_bundle, "owls")
    assert "not calibrated for species set 'owls'" in line
    assert "choose one of ['all']" in line


def test_a_bundle_without_calibration_is_told(small_bundle: BundleFolder) -> None:
    small_bundle.edit(lambda manifest: manifest["roles"].pop("calibration"))
    (line,) = told(small_bundle)
    assert "fp32 is not calibrated" in line
    assert "choose" not in line


def test_who_teaches_is_told_that_likeness_is_unknown(small_bundle: BundleFolder) -> None:
    (line,) = doubts_about_lessons(load_bundle(small_bundle.path))
    assert "cosine of 0.8" in line
    assert "gallery.likeness" in line
    known = {"cosines": [0.0, 1.0], "probabilities": [0.0, 1.0]}
    table = load_bundle(small_bundle.path).calibration
    for entry in table["fp32"].values():
        entry["exemplars"] = known
    small_bundle.put("calibration", json.dumps(table).encode())
    assert list(doubts_about_lessons(load_bundle(small_bundle.path))) == []


def test_a_species_named_twice_is_told_and_taken_once(small_bundle: BundleFolder) -> None:
    twice = ["strix_aluco", "parus_major", "strix_aluco"]
    small_bundle.edit(lambda manifest: manifest["species_sets"].update(all=twice))
    assert told(small_bundle) == ["species set 'all' names strix_aluco more than once; taken once"]
    assert load_bundle(small_bundle.path).species_ids("all") == ("strix_aluco", "parus_major")


def listen(birdlisten, bundle: BundleFolder, chorus, *flags: object):
    return birdlisten("--bundle", bundle.path, "--input", chorus, "--json", *flags)


def test_a_listener_without_background_goes_on_by_cosine(
    birdlisten, bundle_copy: BundleFolder, bundle_path
) -> None:
    bundle_copy.edit(lambda manifest: manifest["roles"].pop("background.fp32"))
    flags = ("--precision", "fp32", "--threshold", 0.4)
    ended = listen(birdlisten, bundle_copy, bundle_path / "chorus.flac", *flags)
    assert ended.code == 0
    assert ended.err.count("background.fp32 is missing") == 1
    assert ended.records()
    assert {record["probability"] for record in ended.records()} == {None}


def test_a_set_that_names_a_species_twice_reports_it_once(
    birdlisten, bundle_copy: BundleFolder, bundle_path
) -> None:
    def change(manifest) -> None:
        manifest["species_sets"].update(once=[CUCKOO, OWL], twice=[CUCKOO, CUCKOO, OWL])

    bundle_copy.edit(change)
    known = json.loads(bundle_copy.file("calibration").read_bytes())
    for sets in known.values():
        sets |= {"once": sets["all"], "twice": sets["all"]}
    bundle_copy.put("calibration", json.dumps(known).encode())
    once, twice = (
        listen(birdlisten, bundle_copy, bundle_path / "chorus.flac", "--species", name)
        for name in ("once", "twice")
    )
    starts = [[record["start_s"] for record in ended.records()] for ended in (once, twice)]
    assert starts[0] == starts[1] != []
    assert "more than once" in twice.err
    assert "more than once" not in once.err
