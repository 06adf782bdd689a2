"""Similarity over a picture: laid where the tower sees, and told of by a bundle's manifest."""

import sys

import numpy as np
import pytest

from edge.contract.bundle import write_bundle
from edge.contract.errors import BundleError
from edge.contract.manifest import PICTURE_MAP, load_manifest
from edge.contract.picture import RESIZES, PictureSpec
from edge.dsp.magma import coloured
from edge.recognition.picture_map import SimilarityMap
from tests.support.factories import BundleFolder

WHOLE = (0.0, 0.0, 1.0, 1.0)


def test_a_map_is_bilinear_and_itself_in_the_middle_of_places() -> None:
    values = np.random.default_rng(0).normal(size=(3, 5)).astype(np.float32)
    found = SimilarityMap(values, WHOLE).over(width=25, height=15)
    assert found.shape == (15, 25)
    np.testing.assert_allclose(found[2::5, 2::5], values, atol=1e-6)
    np.testing.assert_allclose(found[2, 2:8], np.linspace(*values[0, :2], 6), atol=1e-6)
    np.testing.assert_allclose(found[:2, 2], values[0, 0], atol=1e-6)


@pytest.mark.parametrize("resize", RESIZES)
@pytest.mark.parametrize(("width", "height"), [(300, 200), (200, 300), (1000, 40), (64, 64)])
def test_only_what_the_tower_sees_has_a_similarity(resize: str, width: int, height: int) -> None:
    spec = PictureSpec(32, (0.0,) * 3, (1.0,) * 3, resize)
    similarity = SimilarityMap(np.ones((4, 4), np.float32), spec.seen(width, height))
    seen = ~np.isnan(similarity.over(width, height))
    expected = min(width, height) ** 2 if resize == "shortest" else width * height
    assert seen.sum() == expected
    assert seen[height // 2, width // 2]


def test_bars_beside_a_picture_never_count() -> None:
    values = np.full((4, 4), 0.9, np.float32)
    values[1:3] = [[0.1, 0.2, 0.3, 0.2]] * 2
    seen = PictureSpec(32, (0.0,) * 3, (1.0,) * 3, "longest").seen(1000, 40)
    similarity = SimilarityMap(values, seen)
    assert (similarity.least, similarity.most) == pytest.approx((0.1, 0.3))
    x, y = similarity.strongest
    assert x == pytest.approx(0.625)
    assert 0 <= y <= 1


def test_shades_go_from_dark_to_bright() -> None:
    grey = coloured(np.linspace(0, 1, 50)[None]).astype(float) @ (0.299, 0.587, 0.114)
    assert (np.diff(grey[0]) >= 0).all()


def test_what_it_is_fed_is_read_as_it_was_written(small_bundle: BundleFolder) -> None:
    spec = PictureSpec(64, (0.5, 0.4, 0.3), (0.2, 0.2, 0.3), "squash")
    manifest = load_manifest(small_bundle.path)
    changed = {**vars(manifest), "picture_map": spec}
    write_bundle(small_bundle.path, type(manifest)(**changed), {PICTURE_MAP: b"a graph"})
    written = load_manifest(small_bundle.path)
    assert (written.picture_map, written.image) == (spec, None)
    assert written.roles[PICTURE_MAP].file.startswith("picture.map-")
    assert written.roles[PICTURE_MAP].space_id == written.space_id
    small_bundle.edit(lambda content: content["picture_map"].update(size=0))
    with pytest.raises(BundleError, match="size"):
        load_manifest(small_bundle.path)
    small_bundle.edit(lambda content: content.pop("picture_map"))
    with pytest.raises(BundleError, match=r"picture\.map.*`picture_map`"):
        load_manifest(small_bundle.path)


def test_without_pillow_the_line_says_how_to_get_it(birdlisten, tmp_path, monkeypatch) -> None:
    monkeypatch.setitem(sys.modules, "PIL", None)
    ended = birdlisten("why", "x", "--map", tmp_path / "map.png", "--station", tmp_path)
    assert (ended.code, ended.out, ended.err.count("\n")) == (1, "", 1)
    assert "pip install 'birdlisten[pictures]'" in ended.err
