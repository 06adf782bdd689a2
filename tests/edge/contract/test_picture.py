"""What an image tower is fed stands in the manifest; anything else is refused."""

from dataclasses import replace

import pytest

from edge.contract.bundle import write_bundle
from edge.contract.errors import BundleError
from edge.contract.manifest import IMAGE_ENCODER, load_manifest
from edge.contract.picture import PictureSpec
from tests.support.factories import BundleFolder

SPEC = PictureSpec(size=224, mean=(0.5, 0.4, 0.3), std=(0.2, 0.2, 0.3), resize="squash")


def test_it_is_read_as_it_was_written(small_bundle: BundleFolder) -> None:
    manifest = replace(load_manifest(small_bundle.path), image=SPEC)
    write_bundle(small_bundle.path, manifest, {IMAGE_ENCODER: b"a graph"})
    written = load_manifest(small_bundle.path)
    assert written.image == SPEC
    assert written.roles[IMAGE_ENCODER].file.startswith("encoder.image-")
    assert written.precisions == ("fp32",)


def test_a_bundle_without_an_image_tower_says_nothing_of_pictures(
    small_bundle: BundleFolder,
) -> None:
    assert load_manifest(small_bundle.path).image is None
    assert "image" not in small_bundle.manifest()


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("size", 0),
        ("size", 1e9),
        ("size", "224"),
        ("size", True),
        ("mean", [0.5, 0.5]),
        ("mean", "abc"),
        ("mean", [0.5, 0.5, float("nan")]),
        ("std", [0.5, 0.5, 0]),
        ("std", None),
        ("resize", "crop"),
        ("resize", ["shortest"]),
        ("interpolation", "nearest"),
        ("colour", "rgb"),
    ],
)
def test_an_impossible_value_is_a_bundle_error(
    small_bundle: BundleFolder, name: str, value: object
) -> None:
    manifest = replace(load_manifest(small_bundle.path), image=SPEC)
    write_bundle(small_bundle.path, manifest, {IMAGE_ENCODER: b"a graph"})
    small_bundle.edit(lambda content: content["image"].update({name: value}))
    with pytest.raises(BundleError, match=r"image|unknown|size"):
        load_manifest(small_bundle.path)


@pytest.mark.parametrize("value", [[], "224", 5, {}])
def test_anything_but_an_object_is_a_bundle_error(
    small_bundle: BundleFolder, value: object
) -> None:
    small_bundle.edit(lambda content: content.update(image=value))
    with pytest.raises(BundleError, match="image"):
        load_manifest(small_bundle.path)


def test_a_tower_that_nobody_can_feed_is_refused(small_bundle: BundleFolder) -> None:
    manifest = replace(load_manifest(small_bundle.path), image=SPEC)
    write_bundle(small_bundle.path, manifest, {IMAGE_ENCODER: b"a graph"})
    small_bundle.edit(lambda content: content.pop("image"))
    with pytest.raises(BundleError, match=r"encoder\.image"):
        load_manifest(small_bundle.path)
