"""Encoders that disagree with their manifest: refused when opened, never at the first bird."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from edge.contract.bundle import load_bundle, npy_bytes, write_bundle
from edge.contract.errors import BundleError
from edge.contract.manifest import FEATURES, FeatureSpec
from edge.recognition.encoder import Encoder, open_encoder
from edge.recognition.runtime import RuntimeOptions
from tests.support.factories import DIM, BundleFolder, Ended

onnx = pytest.importorskip("onnx")


def metadata(bundle: BundleFolder, **change: str) -> dict[str, str]:
    manifest = bundle.manifest()
    return {
        "model_id": manifest["model_id"],
        "space_id": manifest["space_id"],
        "sample_rate_hz": "8000",
        "window_samples": "8000",
        "embedding_dim": "8",
        **change,
    }


def graph(
    properties: dict[str, str],
    *,
    name: str = "waveform",
    shape: tuple[str | int, ...] = ("batch", 8000),
    dim: int = 8,
    external: bool = False,
) -> bytes:
    """One matrix that maps a waveform to an embedding."""
    helper, tensor = onnx.helper, onnx.TensorProto
    width = shape[-1] if isinstance(shape[-1], int) else 8000
    content = np.ones((width, dim), np.float32).tobytes()
    weights = helper.make_tensor("weights", tensor.FLOAT, [width, dim], content, raw=True)
    if external:
        weights.ClearField("raw_data")
        weights.data_location = tensor.EXTERNAL
        weights.external_data.add(key="location", value="weights.bin")
        Path("weights.bin").write_bytes(content)
    body = helper.make_graph(
        [
            helper.make_node("MatMul", [name, "weights"], ["embedding"]),
            helper.make_node("Identity", ["embedding"], ["inner"]),
            helper.make_node("ReduceL2", ["embedding"], ["number"], keepdims=0),
        ],
        "encoder",
        [helper.make_tensor_value_info(name, tensor.FLOAT, shape)],
        [helper.make_tensor_value_info("embedding", tensor.FLOAT, (*shape[:-1], dim))],
        [weights],
    )
    model = helper.make_model(body, opset_imports=[helper.make_opsetid("", 18)], ir_version=10)
    helper.set_model_props(model, properties)
    return model.SerializeToString()


def open_small(bundle: BundleFolder) -> Encoder:
    return open_encoder(load_bundle(bundle.path), "fp32", RuntimeOptions("cpu"))


def test_an_encoder_that_agrees_is_opened(small_bundle: BundleFolder) -> None:
    small_bundle.put("encoder.fp32", graph(metadata(small_bundle)))
    assert open_small(small_bundle).embedding_dim == DIM


@pytest.mark.parametrize(
    ("tensor", "width", "said"),
    [
        ("inner", 8, None),
        ("inner", 6, "for 6 numbers, the encoder's inner has 8"),
        ("number", 8, "number has shape"),
        ("missing", 8, "missing"),
    ],
)
def test_features_must_fit_their_axes(
    small_bundle: BundleFolder, tensor: str, width: int, said: str | None
) -> None:
    small_bundle.put("encoder.fp32", graph(metadata(small_bundle)))
    bundle = load_bundle(small_bundle.path)
    manifest = replace(bundle.manifest, features=FeatureSpec(tensor, 2))
    axes = np.ones((3, width), np.float16)
    write_bundle(bundle.path, manifest, {FEATURES: npy_bytes(axes)})
    if said is None:
        assert open_small(small_bundle).feature_width == width
        return
    with pytest.raises(BundleError, match=said) as caught:
        open_small(small_bundle)
    assert "\n" not in str(caught.value)


def test_an_open_encoder_without_the_features_is_not_taken_again(
    small_bundle: BundleFolder,
) -> None:
    small_bundle.put("encoder.fp32", graph(metadata(small_bundle)))
    first = open_small(small_bundle)
    bundle = load_bundle(small_bundle.path)
    manifest = replace(bundle.manifest, features=FeatureSpec("inner", 2))
    write_bundle(bundle.path, manifest, {FEATURES: npy_bytes(np.ones((3, DIM), np.float16))})
    second = open_small(small_bundle)
    assert (first.feature_width, second.feature_width) == (None, DIM)
    assert open_small(small_bundle) is second


@pytest.mark.parametrize(
    "change",
    [
        {"model_id": "c" * 64},
        {"space_id": "c" * 64},
        {"sample_rate_hz": "16000"},
        {"window_samples": "4000"},
        {"embedding_dim": "9"},
    ],
    ids=lambda change: next(iter(change)),
)
def test_metadata_that_differ_from_the_manifest_are_named(
    small_bundle: BundleFolder, change: dict[str, str]
) -> None:
    small_bundle.put("encoder.fp32", graph(metadata(small_bundle, **change)))
    with pytest.raises(BundleError, match=next(iter(change))):
        open_small(small_bundle)


def test_a_graph_without_metadata_is_refused(small_bundle: BundleFolder) -> None:
    small_bundle.put("encoder.fp32", graph({}))
    with pytest.raises(BundleError, match="model_id"):
        open_small(small_bundle)


BAD_GRAPHS: dict[str, Callable[[dict[str, str]], bytes]] = {
    "no graph": lambda properties: b"not a graph",
    "empty": lambda properties: b"",
    "half": lambda properties: graph(properties)[:-100],
    "input of another name": lambda properties: graph(properties, name="sound"),
    "input without batch": lambda properties: graph(properties, shape=(8000,)),
    "window of any length": lambda properties: graph(properties, shape=("batch", "window")),
    "other window than it says": lambda properties: graph(properties, shape=("batch", 4000)),
    "other dim than it says": lambda properties: graph(properties, dim=9),
}


@pytest.mark.parametrize("kind", BAD_GRAPHS)
def test_a_graph_that_cannot_hear_is_refused(small_bundle: BundleFolder, kind: str) -> None:
    small_bundle.put("encoder.fp32", BAD_GRAPHS[kind](metadata(small_bundle)))
    with pytest.raises(BundleError) as caught:
        open_small(small_bundle)
    assert "\n" not in str(caught.value)


def test_weights_outside_the_graph_are_refused(
    small_bundle: BundleFolder, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    small_bundle.put("encoder.fp32", graph(metadata(small_bundle), external=True))
    with pytest.raises(BundleError):
        open_small(small_bundle)


@pytest.mark.parametrize("precision", ["fp32", "fp16"])
def test_the_packaged_encoders_give_unit_rows_whatever_the_batch(
    bundle_path: Path, precision: str
) -> None:
    bundle = load_bundle(bundle_path)
    encoder = open_encoder(bundle, precision, RuntimeOptions("cpu"))
    chance = np.random.default_rng(0)
    windows = 0.1 * chance.normal(size=(3, bundle.manifest.audio.window_samples))
    rows = encoder.encode(windows.astype(np.float32))
    assert rows.shape == (3, bundle.manifest.embedding_dim)
    assert np.linalg.norm(rows, axis=1) == pytest.approx(np.ones(3), abs=1e-3)
    alone = encoder.encode(windows[1:2].astype(np.float32))
    assert alone[0] == pytest.approx(rows[1], abs=1e-3)


def test_a_precision_that_is_not_shipped_names_those_that_are(
    small_bundle: BundleFolder, birdlisten: Callable[..., Ended]
) -> None:
    ended = birdlisten("--bundle", small_bundle.path, "--precision", "int8", "--input", "x.wav")
    assert (ended.code, ended.out) == (1, "")
    assert "encoder.fp32" in ended.err
    assert ended.err.count("\n") == 1
