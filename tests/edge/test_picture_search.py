"""`birdlisten search --in`: the pictures that fit a query, with their credit."""

import sys
from pathlib import Path

import numpy as np
import pytest

from edge.contract.bundle import load_bundle
from edge.recognition.similar_pictures import GalleryPictures

CUCKOO = ("--text", "Great spotted cuckoo")


def test_a_name_finds_pictures_of_its_species_best_first(birdlisten, bundle_path: Path) -> None:
    found = birdlisten("search", *CUCKOO, "--in", "gallery", "--top", 3, "--json").records()
    assert found[0]["species_id"] == "clamator_glandarius"
    assert (bundle_path / found[0]["file"]).samefile(found[0]["path"])
    similarity = [picture["similarity"] for picture in found]
    assert len(found) == 3
    assert similarity == sorted(similarity, reverse=True)


def test_a_line_tells_where_a_picture_is_and_whose(birdlisten) -> None:
    call = ("search", *CUCKOO, "--in", "gallery", "--top", 1)
    (line,) = birdlisten(*call).out.splitlines()
    (told,) = birdlisten(*call, "--json").records()
    assert told["path"] in line
    assert line.endswith(f"{told['author']}, {told['licence']}")


def test_a_picture_is_as_similar_as_to_the_nearest_row(bundle_path: Path) -> None:
    bundle = load_bundle(bundle_path)
    rows = bundle.gallery.rows[[3, 40, 3]].astype(np.float32)
    cosine = (bundle.gallery.rows.astype(np.float64) @ rows.T).max(axis=1)
    found = GalleryPictures(bundle).nearest(rows, 5)
    assert [picture.similarity for picture in found] == pytest.approx(
        np.sort(cosine)[::-1][:5], abs=1e-6
    )
    assert bundle.gallery.table[3] in [picture.row for picture in found[:2]]


@pytest.mark.parametrize(
    ("where", "told", "code"),
    [
        (("--in", "galery"), "expected gallery, lance:DIR or lance:URL, found 'galery'", 2),
        (("--in", "lance:"), "expected gallery", 2),
        (("--in", "gallery", "results"), "a folder has sounds, --in pictures", 2),
        (("--in", "lance:nowhere"), "nowhere: no such folder", 1),
    ],
)
def test_pictures_that_are_nowhere_are_told(birdlisten, where, told: str, code: int) -> None:
    ended = birdlisten("search", *CUCKOO, *where)
    assert ended.code == code
    assert told in ended.err
    assert len(ended.err.splitlines()) == 1


def test_a_table_names_the_package_that_it_needs(birdlisten, tmp_path, monkeypatch) -> None:
    monkeypatch.setitem(sys.modules, "lancedb", None)
    ended = birdlisten("search", *CUCKOO, "--in", f"lance:{tmp_path}")
    assert ended.code == 1
    assert "pip install 'birdlisten[lance]'" in ended.err
