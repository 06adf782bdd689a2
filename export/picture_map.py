"""The picture map of a bundle: places of a picture in the space of its gallery.

python -m export.picture_map BUNDLE [--teacher NAME | --tower | --checkpoint RUN]
                                    [--pictures DATA] [--resize shortest|longest|squash]
                                    [--apart FILE]

The teacher's own image tower, whose pooling is left out (dense CLIP, arXiv 2112.01071); with
--tower the bundle's `encoder.image` cut open so, where the teacher itself is not here; or the image
student that `train.bridges localise` leaves in the folder of its run. ONNX with FP16 weights (with
--tower those of the tower); the manifest says how a picture is prepared. Each place is compared
with the model before anything is written, on the pictures of DATA and on drawn ones.
"""

import sys
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import torch
from PIL import Image
from torch import nn

from edge.command.parser import Parser
from edge.contract.arrays import Float32s
from edge.contract.editing import editing
from edge.contract.errors import BundleError, DatasetError
from edge.contract.manifest import IMAGE_ENCODER, PICTURE_MAP, Manifest, load_manifest
from edge.contract.picture import RESIZES, PictureSpec
from edge.recognition.pictures import prepared
from edge.recognition.runtime import RuntimeOptions, open_session
from edge.recognition.tower_file import tower_bytes
from export.dense_graph import DenseGraph
from export.graph import traced
from export.half import to_half_weights
from export.image_tower import compared_pictures, origin, picture_spec, put_network, spec_of
from gallery.command import run
from gallery.dense import UnitPlaces, dense_tower
from gallery.teacher import Teacher, load_teacher
from train.bridges.image_student import load_image_student

_LEAST_COSINE = 0.9999
"""Of any place's row with that of the model."""


@dataclass(frozen=True)
class MapSource:
    """A graph that embeds the places of a picture, and all that a bundle says of it."""

    graph: onnx.ModelProto
    """float32[batch, 3, side, side] -> float32[batch, height, width, dim], unit rows or zero."""
    expected: Callable[[Float32s], Float32s]
    """The same of one picture by the model that the graph was made of."""
    spec: PictureSpec
    told: dict[str, Any]
    """Provenance."""


def teacher_map(bundle: Path, teacher: Teacher, pictures: str | Path | None = None) -> MapSource:
    """The teacher's own tower.

    Raises:
        BundleError: another space than the bundle's.
        DatasetError: a tower without places.
    """
    told = origin(bundle, teacher, pictures)
    return _traced(UnitPlaces(dense_tower(teacher.model.visual.cpu())), spec_of(teacher), told)


def tower_map(bundle: Path) -> MapSource:
    """The image tower that the bundle has.

    Raises:
        BundleError: it has none, or its file is not here.
        DatasetError: it can't be cut open.
    """
    manifest = load_manifest(bundle)
    dense = DenseGraph(onnx.load_from_string(tower_bytes(bundle, manifest)))
    assert manifest.image is not None  # or the manifest would not name a tower
    told = manifest.provenance.get("image_tower", {})
    return MapSource(dense.opened(), dense.by_parts, manifest.image, {**told, "cut": IMAGE_ENCODER})


def student_map(bundle: Path, run_folder: Path) -> MapSource:
    """The image student of a run of `train.bridges localise`.

    Raises:
        BundleError: another space than the bundle's.
        DatasetError: there is none, or it is damaged.
    """
    network = load_image_student(run_folder)
    if network.config.space_id != load_manifest(bundle).space_id:
        raise BundleError(f"{bundle}: the image student of {run_folder} sees in another space")
    spec = picture_spec(str(run_folder), network.config.preprocess)
    return _traced(network, spec, {"checkpoint": run_folder.name})


def add_picture_map(
    bundle: Path,
    source: MapSource,
    pictures: str | Path | None = None,
    apart: Path | None = None,
) -> Manifest:
    """Write the picture map into a bundle.

    Args:
        bundle: a finished one.
        source: of its space.
        pictures: to compare on; see `gallery.records.read_records`.
        apart: file that it goes to instead of the bundle; a recorder installs it by
            `birdlisten gallery tower FILE`.

    Raises:
        DatasetError: the graph is not the same network.
    """
    manifest, graph = load_manifest(bundle), source.graph.SerializeToString()
    least = _least_cosine(source, compared_pictures(bundle, pictures))
    if not least >= _LEAST_COSINE:  # NaN is not, either
        raise DatasetError(
            f"the picture map's graph has a cosine of {least:.6f} with its model's at a place, "
            f"expected {_LEAST_COSINE}; nothing was written"
        )
    told = {**source.told, "least_cosine_of_places": round(least, 6)}
    provenance = {**manifest.provenance, "picture_map": told}
    written = replace(manifest, picture_map=source.spec, provenance=provenance)
    return put_network(bundle, written, PICTURE_MAP, graph, file=apart)


def _traced(network: nn.Module, spec: PictureSpec, told: dict[str, Any]) -> MapSource:
    """A network of torch with its graph, whose weights are halves."""
    example = torch.zeros(2, 3, spec.size, spec.size)
    graph = to_half_weights(traced(network, example, "picture", made="places"), spared=())

    @torch.inference_mode()
    def expected(planes: Float32s) -> Float32s:
        places: Float32s = network(torch.from_numpy(planes)).numpy()
        return places

    return MapSource(graph, expected, spec, told)


def _least_cosine(source: MapSource, images: Iterable[Image.Image]) -> float:
    """The least cosine of a place's row with that of the model."""
    session = open_session(source.graph.SerializeToString(), RuntimeOptions("cpu", threads=0))

    def cosine(image: Image.Image) -> float:
        planes = prepared(image, source.spec)[None]
        found = session.run(None, {"picture": planes})[0]
        expected = source.expected(planes)
        alike = (found * expected).sum(axis=-1)
        alike[~found.any(axis=-1) & ~expected.any(axis=-1)] = 1
        return float(alike.min())

    return float(np.min([cosine(image) for image in images]))


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command."""
    parser = Parser(prog="python -m export.picture_map", description=__doc__)
    parser.add_argument("bundle", type=Path)
    source = parser.add_mutually_exclusive_group()
    source.add_argument("--teacher", help="default: the one the manifest names")
    source.add_argument("--tower", action="store_true", help="the bundle's own, cut open")
    source.add_argument("--checkpoint", type=Path, metavar="RUN", help="of train.bridges localise")
    parser.add_argument(
        "--pictures", metavar="DATA", help="to compare on: a folder, or KIND:FOLDER"
    )
    parser.add_argument("--resize", choices=RESIZES, help="default: the tower's own")
    parser.add_argument("--apart", type=Path, metavar="FILE", help="put it there, for large ones")
    args = parser.parse_args(argv)

    def command() -> None:
        manifest = load_manifest(args.bundle)
        if args.checkpoint:
            found = student_map(args.bundle, args.checkpoint)
        elif args.tower:
            found = tower_map(args.bundle)
        else:
            teacher = load_teacher(args.teacher or manifest.teacher)
            found = teacher_map(args.bundle, teacher, args.pictures)
        spec = replace(found.spec, resize=args.resize or found.spec.resize)
        with editing(args.bundle):
            written = add_picture_map(
                args.bundle, replace(found, spec=spec), args.pictures, apart=args.apart
            )
        print(args.apart or args.bundle / written.roles[PICTURE_MAP].file)

    return run(command)


if __name__ == "__main__":
    sys.exit(main())
