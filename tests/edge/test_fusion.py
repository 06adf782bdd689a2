"""Pictures and names together, and what sounds more like a bird that nobody asked for."""

import json

import numpy as np
import pytest

from edge.contract.bundle import load_bundle, write_bundle
from edge.contract.calibration import Calibration, Weights
from edge.contract.errors import BundleError
from edge.contract.gallery import Gallery, GalleryRow
from edge.recognition.background import BackgroundBank
from edge.recognition.fusion import Fusion
from edge.recognition.search import Search

DIM = 16
PICTURED = ["a", "b", "a", "c", "b", "a"]
NAMED = ["d", "c", "a", "b"]
IDS = ["c", "a", "b", "d", "nobody"]


def unit(count, seed, dtype=np.float16):
    rows = np.random.default_rng(seed).normal(size=(count, DIM))
    return (rows / np.linalg.norm(rows, axis=1, keepdims=True)).astype(dtype)


def gallery():
    table = tuple(GalleryRow(owner, f"{n}.jpg", "", "", "") for n, owner in enumerate(PICTURED))
    return Gallery(unit(len(PICTURED), 1), table)


ANCHORS = dict(zip(NAMED, unit(len(NAMED), 4), strict=True))
BANK = unit(40, 2)


def fusion(weights, bank=BANK, exemplars=None, ids=IDS):
    return Fusion(gallery(), ids, 2, weights, ANCHORS, bank, exemplars)


def standardised(query, row):
    """As edge/architecture.md has it, word by word."""
    heard = BANK.astype(np.float64) @ row.astype(np.float64)
    return (float(query.astype(np.float64) @ row) - heard.mean()) / heard.std()


def test_scores_are_the_weighted_mean_of_what_speaks_for_a_species():
    weights, query = Weights(0.75, 0.25), unit(1, 3, np.float32)
    found = fusion(weights)
    assert found.species_ids == ["c", "a", "b", "d"]
    score = found.scores(query).score[0]
    for place, species in enumerate(found.species_ids):
        name = standardised(query[0], ANCHORS[species])
        rows = [r for r, owner in zip(gallery().rows, PICTURED, strict=True) if owner == species]
        if not rows:
            assert score[place] == pytest.approx(name, abs=1e-3)
            continue
        pictures = np.mean(sorted(standardised(query[0], row) for row in rows)[-2:])
        assert score[place] == pytest.approx(0.75 * pictures + 0.25 * name, abs=1e-3)


def test_pictures_alone_score_as_without_weights():
    query, ids = unit(5, 3, np.float32), ["c", "a", "b"]
    plain = Search(gallery(), ids, 2, BANK).scores(query)
    fused = fusion(Weights(1.0, 0.0), ids=ids).scores(query)
    assert fused.score == pytest.approx(plain.score, abs=1e-5)
    assert fused.similarity == pytest.approx(plain.similarity, abs=1e-5)


def test_a_species_that_lacks_what_counts_is_scored_by_what_it_has():
    query = unit(1, 3, np.float32)
    found = fusion(Weights(1.0, 0.0))
    place = found.species_ids.index("d")
    expected = standardised(query[0], ANCHORS["d"])
    assert found.scores(query).score[0, place] == pytest.approx(expected, abs=1e-3)


def test_the_pictures_shown_are_those_nearest_to_the_sound():
    query = unit(1, 3, np.float32)[0]
    found = fusion(Weights(0.0, 1.0))
    cosine = gallery().rows.astype(np.float32) @ query
    of_a = [n for n, owner in enumerate(PICTURED) if owner == "a"]
    best = sorted(of_a, key=lambda n: -cosine[n])
    shown = found.best_rows(query, found.species_ids.index("a"), 2)
    assert [row for row, _ in shown] == best[:2]
    assert found.best_rows(query, found.species_ids.index("d"), 2) == []


def test_a_confirmed_sound_counts_here_too():
    query = unit(1, 9, np.float32)
    heard = {"b": query.astype(np.float16)}
    place = fusion(Weights(0.5, 0.5)).species_ids.index("b")
    before = fusion(Weights(0.5, 0.5)).scores(query).score[0, place]
    after = fusion(Weights(0.5, 0.5), exemplars=heard).scores(query).score[0, place]
    assert after > before


def test_nothing_known_is_refused():
    with pytest.raises(BundleError, match="picture or a name"):
        fusion(Weights(0.5, 0.5), ids=["nobody"])


@pytest.mark.parametrize("pair", [(-0.1, 1.0), (0.0, 0.0), (float("nan"), 1.0), (1.0, np.inf)])
def test_impossible_weights_are_refused(pair):
    with pytest.raises(BundleError, match="weights"):
        Weights(*pair)


def test_weights_are_written_and_read():
    known = Calibration((0.0, 1.0), (0.1, 0.9), 0.5, Weights(0.25, 0.75))
    again = Calibration.from_json(json.loads(json.dumps(known.to_json())))
    assert again == known
    assert "weights" not in Calibration((0.0, 1.0), (0.1, 0.9), 0.5).to_json()


@pytest.mark.parametrize("weights", [{"pictures": 1}, "both", {"pictures": "x", "anchor": 1}, []])
def test_damaged_weights_are_one_line(weights):
    entry = {"scores": [0, 1], "probabilities": [0, 1], "threshold": 0.5, "weights": weights}
    with pytest.raises(BundleError, match="calibration"):
        Calibration.from_json(entry)


@pytest.fixture
def weighted(bundle_copy):
    """The aviary with weights, and its first singers left out of a set of their own."""
    bundle = load_bundle(bundle_copy.path)
    manifest = bundle.manifest
    chosen = [
        species_id for species_id in bundle.taxonomy.ids if species_id != "streptopelia_decaocto"
    ]
    manifest.species_sets["fewer"] = chosen
    known = bundle.calibration
    for sets in known.values():
        for entry in sets.values():
            entry["weights"] = {"pictures": 1.0, "anchor": 0.0}
        sets["fewer"] = sets["all"]
    write_bundle(bundle_copy.path, manifest, {"calibration": json.dumps(known).encode()})
    return bundle_copy.path


def names(ended):
    return {record["scientific_name"] for record in ended.records()}


def test_with_all_names_chosen_weights_of_pictures_report_what_pictures_did(
    weighted, bundle_path, birdlisten
):
    found = [
        birdlisten("listen", "--bundle", path, "--input", bundle_path / "chorus.flac", "--json")
        for path in (bundle_path, weighted)
    ]
    assert names(found[0]) == names(found[1]) != set()


def test_a_bird_outside_the_chosen_ones_is_not_taken_for_one_of_them(
    weighted, bundle_path, birdlisten, tmp_path
):
    chorus = bundle_path / "chorus.flac"
    flags = ("--bundle", weighted, "--input", chorus, "--json", "--station", tmp_path / "station")
    everything = birdlisten("listen", *flags, "--threshold", "0.2", "--caution", "0")
    fewer = birdlisten(
        "listen", *flags, "--threshold", "0.2", "--caution", "0", "--species", "fewer"
    )
    assert "Streptopelia decaocto" in names(everything)
    assert names(fewer) <= names(everything) - {"Streptopelia decaocto"}
    why = birdlisten("why", "--station", tmp_path / "station")
    assert "more like Streptopelia decaocto" in why.out


@pytest.mark.parametrize("own", [1, 9])
def test_what_is_learnt_later_counts_as_if_known_at_once(own):
    query, weights = unit(5, 3, np.float32), Weights(0.6, 0.4)
    heard = {"c": unit(3, 8)}
    bank = unit(own, 7)
    opened = fusion(weights)
    taught = opened.taught(heard, BackgroundBank(bank, BackgroundBank(BANK), gently=True))
    expected = fusion(weights, np.concatenate([BANK, bank]), heard).scores(query)
    found = taught.scores(query)
    assert found.score == pytest.approx(expected.score, abs=1e-3)
    assert found.similarity == pytest.approx(expected.similarity, abs=1e-4)
    same = taught.taught({}, None).scores(query).score
    plain = fusion(weights, np.concatenate([BANK, bank])).scores(query).score
    assert same == pytest.approx(plain, abs=1e-5)
