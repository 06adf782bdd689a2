"""The teacher's image tower in a bundle, so that a recorder can add pictures by itself.

python -m export.image_tower BUNDLE [--teacher NAME] [--pictures DATA] [--resize shortest|squash]
                                    [--interpolation bicubic|bilinear] [--int8] [--apart FILE]

ONNX with FP16 weights, or with INT8 ones in half the size; the manifest says how a picture is
prepared. It is compared with open_clip before it is written, on the pictures of DATA and on drawn
ones.
"""

import logging
import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import torch
from PIL import Image
from torch import Tensor, nn

from edge.command.parser import Parser
from edge.contract.arrays import Embeddings
from edge.contract.atomic import write_atomic
from edge.contract.bundle import described, load_bundle, write_bundle
from edge.contract.editing import editing
from edge.contract.errors import BundleError, DatasetError
from edge.contract.manifest import IMAGE_ENCODER, Manifest, load_manifest
from edge.contract.picture import INTERPOLATIONS, RESIZES, PictureSpec
from edge.recognition.pictures import prepared
from edge.recognition.runtime import RuntimeOptions, open_session
from export.graph import traced
from export.half import to_half_weights
from export.int8 import to_int8_weights
from gallery.command import run
from gallery.records import read_pictures, read_records
from gallery.teacher import Teacher, load_teacher

_LOG = logging.getLogger(__name__)
_LEAST_COSINE, _LEAST_INT8 = 0.9999, 0.998
"""Of any picture's row with open_clip's."""
_COMPARED = 200
"""Pictures of a folder."""
_DRAWN = ((640, 480), (300, 900), (224, 224), (97, 131))
"""Width and height of drawn pictures."""


class UnitRows(nn.Module):
    """An image tower that gives unit rows."""

    def __init__(self, tower: nn.Module) -> None:
        super().__init__()
        self.tower = tower

    def forward(self, image: Tensor) -> Tensor:
        """float32[batch, 3, size, size] -> float32[batch, dim]."""
        features: Tensor = self.tower(image)
        unit: Tensor = features / features.norm(dim=-1, keepdim=True)
        return unit


def add_image_tower(
    bundle: Path,
    teacher: Teacher,
    pictures: str | Path | None = None,
    spec: PictureSpec | None = None,
    int8: bool = False,
    apart: Path | None = None,
) -> Manifest:
    """Write the image tower into a bundle.

    A teacher that was trained again has another space by its hash, but maybe not in fact: it is
    taken if it gives the bundle's own pictures the rows that they have.

    Args:
        bundle: a finished one.
        teacher: of the bundle's space.
        pictures: to compare on; see `gallery.records.read_records`.
        spec: how pictures are prepared; None does as the teacher says.
        int8: weights are stored so.
        apart: file that the tower goes to instead of the bundle; a recorder installs it by
            `birdlisten gallery tower FILE`.

    Raises:
        BundleError: another space.
        DatasetError: the graph is not the same tower.
    """
    manifest, spec = load_manifest(bundle), spec or spec_of(teacher)
    told = origin(bundle, teacher, pictures)
    traced_graph, limit = _graph(teacher, spec), _LEAST_INT8 if int8 else _LEAST_COSINE
    graph = to_int8_weights(traced_graph, ()) if int8 else to_half_weights(traced_graph, spared=())
    least = _least_cosine(teacher, graph, compared_pictures(bundle, pictures), spec)
    if not least >= limit:  # NaN is not, either
        raise DatasetError(
            f"the image tower's graph has a cosine of {least:.6f} with open_clip's on a picture, "
            f"expected {limit}; nothing was written"
        )
    told["least_cosine_on_pictures"] = round(least, 6)
    provenance = {**manifest.provenance, "image_tower": told}
    written = replace(manifest, image=spec, provenance=provenance)
    return put_network(bundle, written, IMAGE_ENCODER, graph.SerializeToString(), file=apart)


def put_network(
    bundle: Path, manifest: Manifest, role: str, graph: bytes, file: Path | None
) -> Manifest:
    """Write a network into a bundle, or to a file of its own, which the manifest names by its hash.

    Args:
        bundle: its folder.
        manifest: to be written with it.
        role: of the network.
        graph: its bytes.
        file: None writes into the bundle.
    """
    apart = {name: entry for name, entry in manifest.apart.items() if name != role}
    if file is None:
        return write_bundle(bundle, replace(manifest, apart=apart), {role: graph})
    write_atomic(file, graph)
    left = {name: entry for name, entry in manifest.roles.items() if name != role}
    apart[role] = described(role, graph, manifest)
    return write_bundle(bundle, replace(manifest, roles=left, apart=apart), {})


def origin(bundle: Path, teacher: Teacher, pictures: str | Path | None) -> dict[str, Any]:
    """Provenance of what is made of a teacher; one of another hash is taken as told above.

    Raises:
        BundleError: another space.
    """
    told = dict[str, Any](teacher=teacher.name)
    if teacher.space_id != load_manifest(bundle).space_id:
        told["least_cosine_with_gallery"] = _same_rows(bundle, teacher, pictures)
    return told


def spec_of(teacher: Teacher) -> PictureSpec:
    """The teacher's own preprocessing.

    Raises:
        DatasetError: it is of a kind that a recorder can't do.
    """
    return picture_spec(teacher.name, teacher.model.visual.preprocess_cfg)


def picture_spec(name: str, config: Mapping[str, Any]) -> PictureSpec:
    """The preprocessing that open_clip calls `preprocess_cfg`.

    Raises:
        DatasetError: it is of a kind that a recorder can't do.
    """
    size = config["size"]
    sides = {size} if isinstance(size, int) else set(size)
    if len(sides) > 1:
        raise DatasetError(f"{name}: sees pictures of {size} pixels, expected a square")
    try:
        return PictureSpec(
            size=sides.pop(),
            mean=tuple(config["mean"]),
            std=tuple(config["std"]),
            resize=config["resize_mode"],
            interpolation=config["interpolation"],
        )
    except BundleError as error:
        raise DatasetError(f"{name}: {error}") from error


def _graph(teacher: Teacher, spec: PictureSpec) -> onnx.ModelProto:
    example = torch.zeros(2, 3, spec.size, spec.size)
    return traced(UnitRows(teacher.model.visual).cpu(), example, "image")


def _least_cosine(
    teacher: Teacher, graph: onnx.ModelProto, images: Iterable[Image.Image], spec: PictureSpec
) -> float:
    """The least cosine of a row with open_clip's, prepared by its own transforms if they are so."""
    session = open_session(graph.SerializeToString(), RuntimeOptions("cpu", threads=0))
    own = spec == spec_of(teacher)

    def cosine(image: Image.Image) -> float:
        planes = prepared(image, spec)[None]
        found = session.run(None, {"image": planes})[0]
        fed = teacher.preprocess(image)[None] if own else torch.from_numpy(planes)
        with torch.inference_mode():
            expected = teacher.model.encode_image(fed, normalize=True).float().numpy()
        return float((found * expected).sum())

    return float(np.min([cosine(image) for image in images]))  # `min` drops NaN


def compared_pictures(bundle: Path, pictures: str | Path | None) -> Iterator[Image.Image]:
    """Drawn pictures of several shapes, then some of a folder: what a graph is compared on."""
    drawn = np.random.default_rng(0)
    for width, height in _DRAWN:
        coarse = drawn.integers(0, 256, (height // 20 + 1, width // 20 + 1, 3), np.uint8)
        yield Image.fromarray(coarse).resize((width, height), Image.Resampling.BICUBIC)
    if pictures is not None:
        records = read_records(pictures, load_bundle(bundle).taxonomy)
        step = max(len(records) // _COMPARED, 1)
        yield from (image for _, image in islice(read_pictures(records[::step]), _COMPARED))


def _same_rows(bundle: Path, teacher: Teacher, pictures: str | Path | None) -> float:
    """The least cosine of the bundle's own pictures with their rows.

    Raises:
        BundleError: the teacher sees them otherwise, or there are none to tell by.
    """
    told = f"{bundle}: the teacher {teacher.name} sees in another space"
    if pictures is None:
        raise BundleError(f"{told} by its hash; --pictures would tell by the gallery's own")
    loaded = load_bundle(bundle)
    places = {row.url: n for n, row in enumerate(loaded.gallery.table) if row.url}
    records = [r for r in read_records(pictures, loaded.taxonomy) if r.url in places]
    if not records:
        raise BundleError(f"{told}; none of its pictures is in {pictures}")
    opened, rows = teacher.embed_pictures(records)
    held = loaded.gallery.rows[[places[record.url] for record in opened]].astype(np.float32)
    least = float(_cosines(rows, held).min())
    if not least >= _LEAST_COSINE - 4e-4:  # the gallery's rows are halves; NaN is not, either
        raise BundleError(f"{told}: a picture has a cosine of {least:.4f} with its row")
    _LOG.info("%d pictures have their rows by this teacher, too (least %.5f)", len(opened), least)
    return round(least, 5)


def _cosines(left: Embeddings, right: Embeddings) -> Embeddings:
    lengths = np.linalg.norm(left, axis=1) * np.linalg.norm(right, axis=1)
    cosines: Embeddings = (left * right).sum(axis=1) / lengths
    return cosines


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command."""
    parser = Parser(prog="python -m export.image_tower", description=__doc__)
    parser.add_argument("bundle", type=Path)
    parser.add_argument("--teacher", help="default: the one the manifest names")
    parser.add_argument(
        "--pictures", metavar="DATA", help="to compare on: a folder, or KIND:FOLDER"
    )
    parser.add_argument("--resize", choices=RESIZES, help="default: the teacher's own")
    parser.add_argument("--interpolation", choices=INTERPOLATIONS, help="likewise")
    parser.add_argument("--apart", type=Path, metavar="FILE", help="put it there, for large ones")
    parser.add_argument("--int8", action="store_true", help="weights in half the size")
    args = parser.parse_args(argv)

    def command() -> None:
        teacher = load_teacher(args.teacher or load_manifest(args.bundle).teacher)
        asked = {"resize": args.resize, "interpolation": args.interpolation}
        chosen = {name: value for name, value in asked.items() if value}
        spec = replace(spec_of(teacher), **chosen)
        with editing(args.bundle):
            written = add_image_tower(
                args.bundle, teacher, args.pictures, spec=spec, int8=args.int8, apart=args.apart
            )
        print(args.apart or args.bundle / written.roles[IMAGE_ENCODER].file)

    return run(command)


if __name__ == "__main__":
    sys.exit(main())
