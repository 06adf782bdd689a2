"""Likeness of sounds: axes that tell them apart, and maps that keep a probability's meaning."""

import json
from functools import partial
from pathlib import Path

import numpy as np
import pytest

from edge.contract.bundle import load_bundle, npy_bytes, write_bundle
from edge.contract.calibration import Calibration, LikenessMap
from edge.contract.errors import BundleError, DatasetError
from edge.contract.manifest import FEATURES, FeatureSpec
from edge.recognition.sounds import SoundSpace
from gallery import likeness
from gallery.calibration.embedding import EmbeddedWindows
from gallery.calibration.likeness import (
    AXES,
    SoundWindows,
    fit_exemplars,
    fit_rejects,
    kept_maps,
    lay_axes,
    with_maps,
)
from gallery.likeness import learn_likeness
from tests.support.factories import DIM, BundleFolder, unit_rows

WIDTH, BIRDS = 6, ("a", "b", "c")


def windows(apart: float, seed: int = 0) -> SoundWindows:
    """Four recordings of each of three species, each by another recordist, eight windows long."""
    random = np.random.default_rng(seed)
    species = [bird for bird in BIRDS for _ in range(4)]
    directions = {bird: apart * random.standard_normal(WIDTH) for bird in BIRDS}
    own = [directions[bird] + 0.5 * random.standard_normal(WIDTH) for bird in species]
    rows = np.concatenate([place + 0.2 * random.standard_normal((8, WIDTH)) for place in own])
    rows /= np.linalg.norm(rows, axis=1, keepdims=True)
    authors = [f"author-{n}" for n in range(len(species))]
    return SoundWindows(rows.astype(np.float32), np.repeat(np.arange(12), 8), species, authors)


def test_an_exemplar_is_worth_more_where_species_lie_apart() -> None:
    far, near = fit_exemplars(windows(3)), fit_exemplars(windows(0.1))
    assert far(0.95) > 0.8
    assert far(-0.5) < 0.1
    assert near(0.95) < far(0.95)


def test_a_reject_is_the_sound_of_its_recording() -> None:
    found = fit_rejects(windows(0.1))
    assert found(0.999) > 0.5
    assert found(0.0) < 0.1


def test_without_two_recordists_nothing_is_known() -> None:
    whole = windows(1)
    alone = SoundWindows(whole.sounds, whole.owners, whole.species, ["somebody"] * 12)
    for fit in (fit_exemplars, fit_rejects):
        with pytest.raises(DatasetError, match="two recordists"):
            fit(alone)


def test_axes_are_those_in_which_features_differ_most() -> None:
    random = np.random.default_rng(0)
    features = random.standard_normal((200, WIDTH)) * [5, 0.1, 3, 0.1, 0.1, 0.1] + 7
    rows = lay_axes(features.astype(np.float32), axes=2).astype(np.float32)
    assert rows[0] == pytest.approx([7] * WIDTH, abs=1)
    for axis, place in zip(rows[1:], (0, 2), strict=True):
        assert np.abs(axis).argmax() == place
    with pytest.raises(DatasetError, match="more than 2"):
        lay_axes(features[:2].astype(np.float32), axes=2)


def test_maps_are_written_read_and_kept() -> None:
    maps = LikenessMap((0.0, 0.5, 1.0), (0.0, 0.5, 0.9))
    known = with_maps(Calibration((0.0, 1.0), (0.1, 0.9), 0.5), maps, None)
    assert Calibration.from_json(json.loads(json.dumps(known.to_json()))) == known
    assert known.rejects is None
    assert known.score(np.array([0.1, 0.5, 0.9, 1.0])) == pytest.approx([0, 0.5, 1, 1])


@pytest.mark.parametrize(
    "damage",
    [
        {"cosines": [0.0], "probabilities": [0.0]},
        {"cosines": [0.0, 1.0], "probabilities": [0.9, 0.1]},
        {"cosines": [0.0, "x"], "probabilities": [0.0, 1.0]},
        {"cosines": [0.0, 1.0]},
        [],
    ],
)
def test_a_damaged_map_is_one_line(damage: object) -> None:
    entry = {**Calibration((0.0, 1.0), (0.1, 0.9), 0.5).to_json(), "exemplars": damage}
    with pytest.raises(BundleError, match="calibration") as caught:
        Calibration.from_json(entry)
    assert "\n" not in str(caught.value)


def test_a_new_calibration_keeps_the_maps_of_its_bundle(small_bundle: BundleFolder) -> None:
    bundle = load_bundle(small_bundle.path)
    line = {"cosines": [0.0, 1.0], "probabilities": [0.0, 1.0]}
    bundle.calibration["fp32"]["all"]["rejects"] = line
    found = kept_maps(bundle, "fp32", "all", Calibration((0.0, 2.0), (0.1, 0.9), 0.4))
    assert found.rejects == LikenessMap((0.0, 1.0), (0.0, 1.0))
    assert (found.threshold, found.exemplars) == (0.4, None)


def test_sounds_are_compared_along_the_axes_of_a_bundle(small_bundle: BundleFolder) -> None:
    bundle = load_bundle(small_bundle.path)
    embeddings = unit_rows(3, 1).astype(np.float32)
    assert SoundSpace(bundle.features()).of(embeddings, None) is embeddings
    axes = np.random.default_rng(0).standard_normal((3, WIDTH)).astype(np.float16)
    spec = FeatureSpec("inner", 2)
    manifest = bundle.manifest
    write_bundle(bundle.path, type(manifest)(**{**vars(manifest), "features": spec}),
                 {FEATURES: npy_bytes(axes)})  # fmt: skip
    again = load_bundle(bundle.path)
    assert (again.manifest.features, again.manifest.sound_dim) == (spec, 2)
    space, features = (
        SoundSpace(again.features()),
        np.random.default_rng(1).standard_normal((3, WIDTH)),
    )
    found = space.of(embeddings, features.astype(np.float32))
    assert np.linalg.norm(found, axis=1) == pytest.approx([1, 1, 1], abs=1e-5)
    expected = (features - axes[0]) @ axes[1:].astype(float).T
    assert found == pytest.approx(expected / np.linalg.norm(expected, axis=1)[:, None], abs=1e-2)
    assert not space.of(embeddings, None).any()  # they were not kept: like nothing
    spoilt = np.where(np.arange(3)[:, None] == 1, np.nan, features).astype(np.float32)
    assert np.isfinite(space.of(embeddings, spoilt)).all()


def heard(*_: object, birds: bool, **__: object) -> likeness._EmbeddedSet:
    """A data set with features, as an encoder hears it, of two recordists."""
    random, many = np.random.default_rng(2), 2 * AXES
    found = EmbeddedWindows(
        embeddings=unit_rows(many, 4).astype(np.float32),
        owners=np.arange(many) % 4,
        audible=np.ones(many, bool),
        starts=np.arange(many),
        features=random.standard_normal((many, AXES + 3)).astype(np.float32),
    )
    return likeness._EmbeddedSet(found, [*"aabb"], [f"author-{n}" for n in range(4)])


def test_axes_and_maps_are_written_together_or_not_at_all(
    small_bundle: BundleFolder, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(likeness, "_hear", heard)
    learn = partial(learn_likeness, small_bundle.path, [Path("birds")], features="inner")
    before = {file.name: file.read_bytes() for file in small_bundle.path.iterdir()}

    def failing(_: object) -> None:
        raise DatasetError("two recordists")

    with monkeypatch.context() as patch:
        patch.setattr(likeness, "fit_rejects", failing)
        with pytest.raises(DatasetError):
            learn()
    assert {file.name: file.read_bytes() for file in small_bundle.path.iterdir()} == before
    assert len(learn()) == 2
    after = load_bundle(small_bundle.path)
    assert after.manifest.sound_dim == AXES == len(after.features()) - 1
    assert after.calibrated("fp32", "all").exemplars is not None
    small_bundle.edit(lambda manifest: manifest["roles"].pop("calibration"))
    with pytest.raises(BundleError, match=r"run python -m gallery\.calibrate"):
        learn()


def test_axes_that_do_not_fit_are_refused(small_bundle: BundleFolder) -> None:
    bundle = load_bundle(small_bundle.path)
    manifest = bundle.manifest
    changed = type(manifest)(**{**vars(manifest), "features": FeatureSpec("inner", 5)})
    write_bundle(bundle.path, changed, {FEATURES: npy_bytes(unit_rows(3, 1))})
    with pytest.raises(BundleError, match="expected the mean and 5 axes"):
        load_bundle(bundle.path).features()
    small_bundle.edit(lambda manifest: manifest["roles"].pop("features"))
    with pytest.raises(BundleError, match="go together"):
        load_bundle(small_bundle.path)
    assert DIM
