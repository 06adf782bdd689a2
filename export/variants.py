"""One graph in every precision, each compared with torch before anybody gets it."""

import logging
from typing import Any

import onnx
from tqdm import tqdm

from edge.contract.arrays import Float32s
from edge.contract.errors import DatasetError
from edge.contract.manifest import Manifest
from export.comparison import compare, reference_of
from export.fidelity import LIMITS, check
from export.graph import to_onnx
from export.half import to_half, to_half_weights
from export.int8 import to_int8
from export.metadata import with_metadata
from export.methods import HALVES, SPLITS, Variants
from export.recordings import cut, read_recorded
from gallery.data.corpora import exists
from train.model.checkpoint import Checkpoint
from train.model.spectrogram_vit import SpectrogramVit
from train.model.towers import ClapTower

_LOG = logging.getLogger(__name__)


def make_encoders(
    checkpoint: Checkpoint, manifest: Manifest, variants: Variants
) -> tuple[dict[str, bytes], dict[str, Any]]:
    """Every variant by role, and by precision what its comparison found, for the manifest.

    Raises:
        DatasetError: a variant isn't the same encoder.
    """
    reference = reference_of(checkpoint)
    graph = to_onnx(checkpoint.frontend, checkpoint.student, checkpoint.window_samples)
    windows = _windows(checkpoint, variants)
    methods = _methods(checkpoint, variants)
    encoders, found = {}, {}
    for precision in tqdm(variants.precisions, "precisions", disable=None):
        variant = _variant(graph, precision, methods[precision], windows)
        encoder = with_metadata(variant, manifest, precision, methods[precision])
        parity = compare(reference, encoder, windows)
        if not variants.beyond_limits:
            check(parity, precision)
        found[precision] = {"made_by": methods[precision], **parity.summary(LIMITS[precision])}
        encoders[f"encoder.{precision}"] = encoder
    return encoders, found


def _methods(checkpoint: Checkpoint, variants: Variants) -> dict[str, str]:
    """Method of each precision: as export/performance.md found best, if nothing else is said."""
    transformer = isinstance(checkpoint.student.tower, ClapTower | SpectrogramVit)
    int8 = variants.int8 or ("dynamic" if transformer else "weights")
    return {"fp32": "export", "fp16": variants.fp16, "int8": int8}


def _variant(
    graph: onnx.ModelProto,
    precision: str,
    method: str,
    windows: Float32s | None,
) -> onnx.ModelProto:
    if precision == "fp16":
        return to_half(graph) if method == HALVES[0] else to_half_weights(graph)
    return to_int8(graph, method, windows) if precision == "int8" else graph


def _windows(checkpoint: Checkpoint, variants: Variants) -> Float32s | None:
    """Of recordings, if there are any."""
    data = variants.recordings or checkpoint.config["data"]
    if variants.recordings is None and not _is_here(str(data)):
        _LOG.warning("%s is not here: compared on signals only; see --recordings", data)
        return None
    rate_hz = checkpoint.audio.sample_rate_hz
    found = (cut(read_recorded(data, split, rate_hz), checkpoint.audio) for split in SPLITS)
    return next((windows for windows in found if windows is not None), None)


def _is_here(data: str) -> bool:
    """True for recordings that lie here; the clips of a bridge are no corpus of recordings."""
    try:
        return exists(data)
    except DatasetError:
        return False
