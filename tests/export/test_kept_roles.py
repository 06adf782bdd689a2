"""Parts of a bundle that stay when its encoder is exported anew."""

from types import SimpleNamespace

from edge.contract.bundle import load_bundle, write_bundle
from edge.contract.manifest import IMAGE_ENCODER, PICTURE_MAP, FileEntry, Manifest
from edge.contract.picture import PictureSpec
from export.onnx import _kept
from tests.support.factories import BundleFolder


def test_a_tower_stays_wherever_it_lies(small_bundle: BundleFolder) -> None:
    bundle = load_bundle(small_bundle.path)
    tower = FileEntry("tower.onnx", 7, "d" * 64, bundle.manifest.space_id)
    image = PictureSpec(224, (0.5, 0.5, 0.5), (0.5, 0.5, 0.5))
    changed = {**vars(bundle.manifest), "apart": {IMAGE_ENCODER: tower}, "image": image}
    changed["picture_map"] = image
    write_bundle(bundle.path, Manifest(**changed), {PICTURE_MAP: b"a graph"})
    checkpoint = SimpleNamespace(space_id=bundle.manifest.space_id, taxonomy=bundle.taxonomy)
    kept = _kept(bundle.path, checkpoint)
    assert (kept["apart"], kept["image"]) == ({IMAGE_ENCODER: tower}, image)
    assert PICTURE_MAP in kept["roles"]
    assert kept["picture_map"] == image
    assert "encoder.fp32" not in kept["roles"]
    other = SimpleNamespace(space_id="e" * 64, taxonomy=bundle.taxonomy)
    assert _kept(bundle.path, other) == {"roles": {}}
