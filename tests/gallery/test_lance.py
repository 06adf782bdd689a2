"""A gallery in LanceDB is searched as it is at home."""

from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("lancedb", reason="the extra `lance` is not installed")

import lancedb

from edge.contract.bundle import load_bundle, npy_bytes, write_bundle
from edge.contract.errors import BundleError, ConfigError
from edge.contract.gallery import Gallery, GalleryRow
from edge.contract.manifest import Manifest
from edge.recognition.picture_table import NoTableError, open_table
from edge.recognition.similar_pictures import GalleryPictures
from gallery import lance
from gallery.lance import Written, main, write

DIM, ROWS = 64, 4000


def unit(rows):
    return (rows / np.linalg.norm(rows, axis=1, keepdims=True)).astype(np.float16)


def clustered(count=ROWS, seed=0):
    """Rows around 60 centres, as pictures lie around their species."""
    centres = np.random.default_rng(9).normal(size=(60, DIM))
    random = np.random.default_rng(seed)
    return unit(centres[random.integers(0, 60, count)] + 0.6 * random.normal(size=(count, DIM)))


@dataclass
class Shelf:
    """Bundles of one space, and a place for their table."""

    folder: Path
    manifest: Manifest
    contents: dict[str, bytes]

    @property
    def place(self):
        return str(self.folder / "tables")

    def bundle(self, rows, licence="CC0", name="small"):
        manifest = replace(self.manifest, embedding_dim=DIM, name=name)
        ids = ("cuculus_canorus", "strix_aluco", "parus_major")
        table = tuple(
            GalleryRow(ids[n % 3], f"{name}{n}.jpg", "", "me", licence) for n in range(len(rows))
        )
        gallery = Gallery(rows, table)
        kept = {role: self.contents[role] for role in ("encoder.fp32", "taxonomy")}
        told = {"gallery.rows": npy_bytes(rows), "gallery.table": gallery.table_csv()}
        write_bundle(self.folder / name, manifest, {**kept, **told})
        return self.folder / name

    def found(self, queries, top=10):
        return open_table(self.place).nearest(queries, top)


@pytest.fixture
def shelf(tmp_path, small_manifest, small_contents):
    return Shelf(tmp_path, small_manifest, small_contents)


def queries_near(rows, count, seed=5):
    near = rows[:: len(rows) // count][:count].astype(np.float32)
    near = near + 0.05 * np.random.default_rng(seed).normal(size=near.shape)
    return (near / np.linalg.norm(near, axis=1, keepdims=True)).astype(np.float32)


def named(found):
    return [(picture.row, picture.scientific_name, picture.bundle) for picture in found]


def test_a_table_finds_what_the_gallery_finds_in_the_same_order(shelf):
    rows = clustered()
    bundle = shelf.bundle(rows)
    assert str(write(bundle, shelf.place)) == f"{ROWS} pictures added, {ROWS} in the table"
    at_home, queries = GalleryPictures(load_bundle(bundle)), queries_near(rows, 30)
    for asked in [*(queries[n : n + 1] for n in range(30)), queries[:7]]:
        expected, found = at_home.nearest(asked, 10), shelf.found(asked)
        assert named(found) == named(expected)
        similarity = [picture.similarity for picture in expected]
        assert [picture.similarity for picture in found] == pytest.approx(similarity, abs=1e-6)


def test_an_index_finds_nearly_all_also_what_came_after_it(shelf):
    rows = clustered()
    write(shelf.bundle(rows[: ROWS // 2]), shelf.place, exact=1000)
    bundle = shelf.bundle(rows)
    write(bundle, shelf.place, exact=1000)
    (index,) = open_table(shelf.place).lance.list_indices()
    assert index.num_unindexed_rows == 0
    at_home, queries = GalleryPictures(load_bundle(bundle)), queries_near(rows, 50)
    met = 0
    for query in queries:
        expected = {picture.row: picture for picture in at_home.nearest(query[None], 10)}
        found = {picture.row: picture for picture in shelf.found(query[None])}
        both = expected.keys() & found.keys()
        met += len(both)
        for row in both:
            assert found[row].similarity == pytest.approx(expected[row].similarity, abs=1e-6)
    assert met >= 0.98 * 500


def test_a_table_of_few_rows_has_no_index(shelf):
    write(shelf.bundle(clustered(50)), shelf.place)
    assert open_table(shelf.place).lance.list_indices() == []


def test_only_what_is_new_or_credited_otherwise_is_written(shelf):
    rows = clustered(60)
    write(shelf.bundle(rows[:40]), shelf.place)
    again = write(shelf.bundle(rows), shelf.place)
    assert again == Written(added=20, changed=0, known=40, removed=0, rows=60)
    told = write(shelf.bundle(rows, licence="CC BY 4.0"), shelf.place)
    assert told == Written(added=0, changed=60, known=0, removed=0, rows=60)
    assert {found.row.licence for found in shelf.found(queries_near(rows, 1))} == {"CC BY 4.0"}


def test_pictures_leave_a_table_only_where_that_is_said(shelf):
    rows = clustered(60)
    write(shelf.bundle(rows), shelf.place)
    assert write(shelf.bundle(rows[:40]), shelf.place).rows == 60
    told = write(shelf.bundle(rows[:40]), shelf.place, replace=True)
    assert told == Written(added=0, changed=0, known=40, removed=20, rows=40)
    assert len(shelf.found(queries_near(rows, 1), top=99)) == 40


def test_bundles_of_one_space_share_a_table(shelf):
    write(shelf.bundle(clustered(30, seed=1), name="north"), shelf.place)
    rows = clustered(30, seed=2)
    told = write(shelf.bundle(rows, name="south"), shelf.place)
    assert (told.added, told.rows) == (30, 60)
    assert [picture.bundle for picture in shelf.found(rows[:1].astype(np.float32), 1)] == ["south"]


def test_a_run_that_was_killed_goes_on(shelf, monkeypatch):
    rows, made = clustered(60), lance._arrow

    def failing(bundle, keys, places):
        if places[0] > 0:
            raise KeyboardInterrupt
        return made(bundle, keys, places)

    monkeypatch.setattr(lance, "_PART", 25)
    monkeypatch.setattr(lance, "_arrow", failing)
    with pytest.raises(KeyboardInterrupt):
        write(shelf.bundle(rows), shelf.place)
    assert open_table(shelf.place).lance.count_rows() == 25
    monkeypatch.setattr(lance, "_arrow", made)
    told = write(shelf.bundle(rows), shelf.place)
    assert told == Written(added=35, changed=0, known=25, removed=0, rows=60)


def test_another_space_is_refused_before_the_gallery_is_read(shelf, monkeypatch):
    write(shelf.bundle(clustered(9)), shelf.place)
    shelf.manifest = replace(shelf.manifest, space_id="c" * 64)
    other = shelf.bundle(clustered(9), name="other")
    monkeypatch.setattr(lance, "load_bundle", None)
    with pytest.raises(BundleError, match="lie in space bbbbbbbbbbbb, bundle other is of cccc"):
        write(other, shelf.place)


def test_a_bundle_without_pictures_leaves_no_table(shelf):
    bundle = shelf.bundle(clustered(9))
    kept = {role: shelf.contents[role] for role in ("encoder.fp32", "taxonomy")}
    write_bundle(bundle, replace(shelf.manifest, embedding_dim=DIM), kept)
    with pytest.raises(BundleError, match="the gallery is missing"):
        write(bundle, shelf.place)
    with pytest.raises(NoTableError, match="no table 'pictures' here"):
        open_table(shelf.place)


def test_a_table_of_another_make_is_refused(tmp_path):
    lancedb.connect(str(tmp_path)).create_table("pictures", [{"vector": [0.6, 0.8]}])
    with pytest.raises(BundleError, match="names no space"):
        open_table(str(tmp_path))


def test_a_search_makes_no_folder(tmp_path):
    for place in (str(tmp_path / "gone"), (tmp_path / "gone").as_uri()):
        with pytest.raises(NoTableError, match="no such folder"):
            open_table(place)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("place", "told"),
    [
        ("s4://birds/table", "no store that can be opened"),
        ("s3://KEY:SECRET@birds/table", "credentials in a URL"),
    ],
)
def test_a_place_that_cannot_be_is_refused(place, told):
    with pytest.raises(ConfigError, match=told) as caught:
        open_table(place)
    assert "SECRET" not in str(caught.value)


def test_a_store_that_does_not_answer_is_told_in_one_line(shelf, monkeypatch, capsys):
    monkeypatch.setenv("AWS_ENDPOINT", "http://127.0.0.1:1")
    monkeypatch.setenv("AWS_ALLOW_HTTP", "true")
    for name in ("AWS_REGION", "AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, "x")
    assert main([str(shelf.bundle(clustered(9))), "--to", "s3://birds/table"]) == 1
    told = "s3://birds/table: can't be read or written (Connection refused)"
    assert capsys.readouterr().err.strip() == told


def test_a_search_of_the_command_line_finds_the_same(birdlisten, bundle_path, tmp_path, capsys):
    assert main([str(bundle_path), "--to", str(tmp_path / "tables")]) == 0
    place = capsys.readouterr().out.strip()
    assert place == f"lance:{tmp_path / 'tables'}"
    call = ("search", "--text", "Great spotted cuckoo", "--json", "--top", 4)
    found = birdlisten(*call, "--in", place).records()
    assert found == birdlisten(*call, "--in", "gallery").records()
    assert found[0]["scientific_name"] == "Clamator glandarius"


def test_a_file_of_the_same_name_in_another_bundle_is_not_shown(
    birdlisten, bundle_path, bundle_copy, tmp_path, capsys
):
    bundle_copy.edit(lambda manifest: manifest.update(name="other"))
    assert main([str(bundle_copy.path), "--to", str(tmp_path / "tables")]) == 0
    place = capsys.readouterr().out.strip()
    call = ("search", "--text", "Great spotted cuckoo", "--json", "--top", 1)
    (there,) = birdlisten(*call, "--in", place).records()
    (here,) = birdlisten(*call, "--in", "gallery").records()
    assert here["path"]
    assert there == {**here, "bundle": "other", "path": None}
