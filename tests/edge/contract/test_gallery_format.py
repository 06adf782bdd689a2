import csv
from pathlib import Path

import numpy as np
import pytest

from edge.contract.bundle import load_bundle
from edge.contract.errors import BundleError
from edge.contract.gallery import TABLE_COLUMNS, Gallery, GalleryRow, check_unit_rows
from edge.contract.tables import read_table
from edge.contract.taxonomy import Taxonomy

ROW = GalleryRow("strix_aluco", "owl.jpg", "https://x/y", "A. Author", "CC0")


def unit(*directions: int) -> np.ndarray:
    return np.eye(4, dtype=np.float16)[list(directions)]


def test_the_table_survives_writing_and_reading(tmp_path: Path) -> None:
    odd = GalleryRow("x", "", 'https://x/?a=1,"b"', "Zoë, 鳥\nsecond line", "CC-BY 4.0")
    gallery = Gallery(unit(0, 1), (ROW, odd))
    (tmp_path / "table.csv").write_bytes(gallery.table_csv())
    rows = read_table(tmp_path / "table.csv", TABLE_COLUMNS)
    assert tuple(GalleryRow(**row) for row in rows) == gallery.table


def test_the_table_is_ordinary_csv_with_a_header() -> None:
    lines = list(csv.reader(Gallery(unit(0), (ROW,)).table_csv().decode().splitlines()))
    assert lines == [
        ["species_id", "picture", "url", "author", "licence"],
        ["strix_aluco", "owl.jpg", "https://x/y", "A. Author", "CC0"],
    ]


def test_rows_and_table_have_the_same_length() -> None:
    with pytest.raises(BundleError, match="2 rows but 1 table lines"):
        Gallery(unit(0, 1), (ROW,))


def test_species_outside_the_taxonomy_are_named(taxonomy: Taxonomy) -> None:
    stranger = GalleryRow("dodo", "d.jpg", "", "", "")
    Gallery(unit(0), (ROW,)).check_species(taxonomy)
    with pytest.raises(BundleError, match="dodo"):
        Gallery(unit(0, 1), (ROW, stranger)).check_species(taxonomy)


@pytest.mark.parametrize(
    ("rows", "named"),
    [
        (unit(0).astype(np.float32), "float32"),
        (unit(0)[0], r"\[4\]"),
        (unit(0) * np.float16(2), "row 0 has length 2"),
        (unit(0) * np.float16(0), "length 0"),
        (np.concatenate([unit(0), np.full((1, 4), np.nan, np.float16)]), "row 1 holds NaN"),
        (np.full((1, 4), np.inf, np.float16), "infinity"),
    ],
)
def test_rows_must_be_finite_unit_float16(rows: np.ndarray, named: str) -> None:
    with pytest.raises(BundleError, match=named):
        check_unit_rows(rows, "gallery.rows")


def test_rows_must_have_the_manifests_width() -> None:
    check_unit_rows(unit(0), "anchors", 4)
    with pytest.raises(BundleError, match=r"anchors: expected float16\[n, 5\]"):
        check_unit_rows(unit(0), "anchors", 5)


def test_float16_rows_of_any_width_count_as_unit() -> None:
    rows = np.random.default_rng(0).normal(size=(200, 768))
    rows /= np.linalg.norm(rows, axis=1, keepdims=True)
    check_unit_rows(rows.astype(np.float16), "gallery.rows", 768)


def test_every_picture_of_the_packaged_bundle_is_shipped_and_credited(bundle_path: Path) -> None:
    for row in load_bundle(bundle_path).gallery.table:
        assert (bundle_path / "pictures" / row.picture).is_file()
        assert row.author
        assert row.licence
