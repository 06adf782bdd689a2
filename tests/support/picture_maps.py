"""Picture map of a few operations: a place is embedded as its mean colour; bundles that hold it."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import onnx
from onnx import TensorProto, helper
from PIL import Image

from edge.contract.bundle import write_bundle
from edge.contract.manifest import PICTURE_MAP, load_manifest
from edge.contract.picture import PictureSpec
from tests.support.factories import DIM

SIDE, CELLS = 32, 4
RED = np.eye(1, DIM, dtype=np.float16)[0]
"""Embedding of a place that is all red, or of a sound that it matches."""


def spec(resize: str = "squash") -> PictureSpec:
    return PictureSpec(SIDE, (0.0, 0.0, 0.0), (1.0, 1.0, 1.0), resize)


def map_graph(
    *,
    dim: int = DIM,
    name: str = "picture",
    unit: bool = True,
    batch: int | str = "batch",
    flat: bool = False,
) -> bytes:
    """Mean colour of each of 4 x 4 places, then a little of a fourth direction; unit rows.

    Flat, the places are in one row.
    """
    side = SIDE // CELLS
    nodes = [
        helper.make_node(
            "AveragePool", [name], ["mean"], kernel_shape=[side] * 2, strides=[side] * 2
        ),
        helper.make_node("Transpose", ["mean"], ["colours"], perm=[0, 2, 3, 1]),
        helper.make_node("MatMul", ["colours", "weights"], ["rows"]),
        helper.make_node("Add", ["rows", "bias"], ["shifted"]),
        helper.make_node("ReduceL2", ["shifted"], ["length"], axes=[3], keepdims=1),
        helper.make_node("Div", ["shifted", "length"], ["places"]),
    ]
    if not unit:
        nodes[4:] = [helper.make_node("Identity", ["shifted"], ["places"])]
    shape = [batch, CELLS, CELLS, dim]
    if flat:
        nodes[-1].output[0], shape = "grid", [batch, CELLS**2, dim]
        nodes.append(helper.make_node("Reshape", ["grid", "shape"], ["places"]))
    weights, bias = np.eye(3, dim, dtype=np.float32), 0.1 * np.eye(4, dim, dtype=np.float32)[3]
    constants = [
        helper.make_tensor(what, TensorProto.FLOAT, array.shape, array.tobytes(), raw=True)
        for what, array in (("weights", weights), ("bias", bias))
    ]
    constants.append(helper.make_tensor("shape", TensorProto.INT64, [3], [-1, CELLS**2, dim]))
    body = helper.make_graph(
        nodes,
        "map",
        [helper.make_tensor_value_info(name, TensorProto.FLOAT, [batch, 3, SIDE, SIDE])],
        [helper.make_tensor_value_info("places", TensorProto.FLOAT, shape)],
        constants,
    )
    model = helper.make_model(body, opset_imports=[helper.make_opsetid("", 13)], ir_version=10)
    onnx.checker.check_model(model)
    return model.SerializeToString()


def add_map(bundle: Path, graph: bytes | None = None, resize: str = "squash") -> None:
    manifest = replace(load_manifest(bundle), picture_map=spec(resize))
    write_bundle(bundle, manifest, {PICTURE_MAP: map_graph() if graph is None else graph})


def patched(width: int, height: int, box: tuple[int, int, int, int]) -> Image.Image:
    """A blue picture with a red box."""
    picture = Image.new("RGB", (width, height), (0, 0, 200))
    picture.paste((255, 0, 0), box)
    return picture


def write_picture(bundle: Path, name: str, draw: Callable[[], Image.Image]) -> Path:
    (bundle / "pictures").mkdir(exist_ok=True)
    draw().save(bundle / "pictures" / name, quality=95)
    return bundle / "pictures" / name
