"""Assembly of an ear's bundle: encoders, names, the gallery of another bundle, calibration."""

import hashlib
import json
import logging
import shutil
import tempfile
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import onnx
from tqdm import tqdm

from edge.contract.audio import AudioSpec
from edge.contract.bundle import Bundle, npy_bytes, read_role, write_bundle
from edge.contract.errors import DatasetError
from edge.contract.manifest import PRECISIONS, Manifest
from edge.contract.taxonomy import Taxonomy
from edge.source.framing import resample
from edge.source.recording import read_recording
from export.ear.names import Names, join_names
from export.ear.tail import add_tail, embed, read_graph
from export.fidelity import Limits, check, compare_graph
from export.half import to_half_weights
from export.int8 import to_int8
from export.metadata import with_metadata
from export.recorded import Recorded, windows_of
from export.tflite.converter import convert
from export.tflite.reader import read_network
from train.ears.labels import Label
from train.ears.network import EarNetwork
from train.ears.recipe import Recipe, sha256_of

_LOG = logging.getLogger(__name__)
FORMAT = 1
"""Of the tail: another one makes another encoder of the same network."""
_CHORUS = Path(__file__).parents[2] / "edge" / "bundles" / "aviary" / "chorus.flac"
BIRDS, ALL = "birds", "all"
_LIMITS = {
    "fp32": Limits(0.9999, 0.99999),
    "fp16": Limits(0.9999, 0.9999),
    "int8": Limits(0.98, 0.999),
}
"""A constant or a pure tone leaves most of a spectrum to rounding, which a network may blow up: two
right implementations differ there by more than two of our own do."""


@dataclass(frozen=True)
class Space:
    """A teacher's space: what it calls the species, and pictures in it."""

    taxonomy: Taxonomy
    anchors: npt.NDArray[np.floating]
    """[species, dim], unit rows."""
    space_id: str
    teacher: str
    like: Bundle | None
    """Whose gallery and species sets are taken over."""


@dataclass(frozen=True)
class Classifier:
    """A ready classifier with its labels."""

    file: Path
    labels: tuple[Label, ...]
    recipe: Recipe


def make_bundle(
    output: Path, classifier: Classifier, space: Space, precisions: Sequence[str] = PRECISIONS
) -> tuple[Manifest, Names]:
    """Write a bundle that hears with a classifier.

    Args:
        output: the bundle's folder.
        classifier: TFLite or ONNX.
        space: where its names are laid.
        precisions: which encoders to write.

    Raises:
        DatasetError: the classifier is not known, or its labels do not fit it.
        OSError: the disk is full; what was there stays as it was.
    """
    recipe = classifier.recipe
    names = join_names(classifier.labels, recipe, space.taxonomy, space.anchors)
    graph = open_graph(classifier)
    encoder = add_tail(graph, names, recipe.activation, recipe.none)
    manifest = _manifest(output, classifier, space, names)
    encoders, parity = _encoders(encoder, classifier, names, manifest, precisions)
    contents = {
        "taxonomy": _taxonomy_bytes(names.taxonomy),
        "anchors": npy_bytes(names.anchors),
        **encoders,
        **_gallery(space),
        **_calibration(recipe, manifest.model_id, precisions),
    }
    manifest = replace(manifest, provenance={**manifest.provenance, "parity": parity})
    written = write_bundle(output, manifest, contents)
    _copy_pictures(space, output)
    return written, names


def open_graph(classifier: Classifier) -> onnx.ModelProto:
    """The classifier as ONNX: waveform in, a number a label out.

    Raises:
        DatasetError: it can't be converted, or its numbers are not as many as the labels.
    """
    recipe, file = classifier.recipe, classifier.file
    if file.suffix == ".tflite":
        graph = convert(file, recipe.logits or None)
    else:
        graph = read_graph(_bytes(file), str(file), recipe.logits)
    shape = graph.graph.input[0].type.tensor_type.shape.dim
    if len(shape) != 2:
        raise DatasetError(
            f"{file}: its input has {len(shape)} dimensions, not those of a waveform"
        )
    dim = shape[1]
    if not dim.HasField("dim_value"):
        dim.dim_value = recipe.window_samples  # hears any length: it is to hear this one
    window = dim.dim_value
    if window != recipe.window_samples:
        raise DatasetError(
            f"{file}: hears {window} samples, expected {recipe.window_samples} as the recipe has it"
        )
    dims = graph.graph.output[0].type.tensor_type.shape.dim
    if len(dims) != 2 or dims[1].dim_value != len(classifier.labels):
        found = [one.dim_value or "batch" for one in dims]
        raise DatasetError(
            f"{file}: gives {found}, the labels are {len(classifier.labels)}; they belong to "
            "another network"
        )
    return graph


def input_shape(file: Path) -> list[int]:
    """Shape of a classifier's input; 0 where it isn't fixed."""
    if file.suffix == ".tflite":
        network = read_network(file)
        return [*network.tensors[network.inputs[0]].shape]
    graph = read_graph(_bytes(file), str(file)).graph
    return [one.dim_value for one in graph.input[0].type.tensor_type.shape.dim]


def _bytes(file: Path) -> bytes:
    try:
        return file.read_bytes()
    except OSError as error:
        raise DatasetError(f"{file}: not readable ({error.strerror})") from error


def _encoders(
    graph: onnx.ModelProto,
    classifier: Classifier,
    names: Names,
    manifest: Manifest,
    precisions: Sequence[str],
) -> tuple[dict[str, bytes], dict[str, Any]]:
    """Every precision, compared with the classifier as it was published."""
    recipe = classifier.recipe
    network = EarNetwork(recipe, classifier.file)
    recorded = _recorded(manifest.audio)

    def reference(windows: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
        found = embed(network.logits(windows), names, recipe.activation, recipe.none)
        return found.astype(np.float32)

    encoders, parity = {}, {}
    for precision in tqdm(precisions, "precisions", disable=None):
        method, variant = _variant(graph, precision)
        content = with_metadata(variant, manifest, precision, method)
        found = compare_graph(reference, content, recorded)
        check(found, precision, _LIMITS[precision])
        encoders[f"encoder.{precision}"] = content
        parity[precision] = {"made_by": method, **found.summary(_LIMITS[precision])}
    return encoders, parity


def _variant(graph: onnx.ModelProto, precision: str) -> tuple[str, onnx.ModelProto]:
    if precision == "fp16":
        return "weights", to_half_weights(graph)
    return ("weights", to_int8(graph, "weights")) if precision == "int8" else ("export", graph)


def _recorded(spec: AudioSpec) -> npt.NDArray[np.float32] | None:
    """Windows of the demo's chorus, which every checkout has."""
    if not _CHORUS.is_file():
        return None
    waveform = resample(*read_recording(_CHORUS), spec.sample_rate_hz)
    return windows_of(Recorded(waveform, frozenset()), spec)


def _manifest(output: Path, classifier: Classifier, space: Space, names: Names) -> Manifest:
    recipe, like = classifier.recipe, space.like
    spec = AudioSpec(recipe.rate_hz, recipe.window_samples, recipe.hop)
    synthetic = bool(like and like.manifest.provenance.get("synthetic"))
    licences = dict.fromkeys([recipe.licence, *([like.manifest.licence] if like else [])])
    sets, default = _species_sets(space, names)
    return Manifest(
        name=f"{recipe.name}{'-aviary' if synthetic else ''}",
        licence=" AND ".join(licences),
        model_id=_model_id(classifier, space),
        space_id=space.space_id,
        audio=spec,
        embedding_dim=space.anchors.shape[1],
        teacher=space.teacher,
        student=recipe.title or recipe.name,
        roles={},
        provenance=_provenance(classifier, names, synthetic),
        top_pictures=like.manifest.top_pictures if like else 3,
        species_sets=sets,
        default_species_set=default,
    )


def _provenance(classifier: Classifier, names: Names, synthetic: bool) -> dict[str, Any]:
    recipe = classifier.recipe
    return {
        "ear": recipe.title or recipe.name,
        "credit": recipe.credit,
        "licence_of_ear": recipe.licence,
        "synthetic": synthetic,
        "classifier_sha256": sha256_of(classifier.file),
        "labels": len(classifier.labels),
        "activation": recipe.activation,
        "none": recipe.none,
        "coded": len(names.coded),
        "not_known_to_the_ear": list(names.lacking),
    }


def _species_sets(space: Space, names: Names) -> tuple[dict[str, list[str] | None], str]:
    """Those of the other bundle, all birds, and everything; birds are the default."""
    birds = [one.species_id for one in names.taxonomy.species if one.class_ in ("Aves", "")]
    held = space.like.manifest.species_sets if space.like else {}
    kept = {name: ids for name, ids in held.items() if ids is not None}
    if 0 < len(birds) < len(names.taxonomy):
        return {**kept, BIRDS: birds, ALL: None}, BIRDS
    return {**kept, ALL: None}, ALL


def _model_id(classifier: Classifier, space: Space) -> str:
    """sha256 over what makes the encoder; arithmetic of another machine doesn't change it."""
    recipe = classifier.recipe
    parts = {
        "format": FORMAT,
        "classifier": sha256_of(classifier.file),
        "labels": [asdict(one) for one in classifier.labels],
        "tail": [recipe.logits, recipe.activation, recipe.none],
        "names": [dict(recipe.synonyms), list(recipe.events)],
        "space": space.space_id,
        "species": list(space.taxonomy.ids),
    }
    return hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()


def _taxonomy_bytes(taxonomy: Taxonomy) -> bytes:
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "taxonomy.csv"
        taxonomy.save(file)
        return file.read_bytes()


def _gallery(space: Space) -> dict[str, bytes]:
    """The other bundle's pictures, which lie in the same space."""
    if space.like is None:
        return {}
    bundle = space.like
    roles = ("gallery.rows", "gallery.table")
    return {role: read_role(bundle.path, bundle.manifest, role) for role in roles}


def _copy_pictures(space: Space, output: Path) -> None:
    source = space.like.path / "pictures" if space.like else None
    if source is not None and source.is_dir():
        shutil.copytree(source, output / "pictures", dirs_exist_ok=True)


def _calibration(recipe: Recipe, model_id: str, precisions: Sequence[str]) -> dict[str, bytes]:
    """What was measured here for this very encoder, if it was."""
    folder = recipe.folder / recipe.calibration
    note = folder / "measured.json"
    if not recipe.calibration or not note.is_file():
        return {}
    if json.loads(note.read_text(encoding="utf-8"))["model_id"] != model_id:
        _LOG.warning(
            "%s was measured with other names: calibrate: python -m gallery.calibrate", note
        )
        return {}
    banks = {
        f"background.{one}": (folder / f"background.{one}.npy").read_bytes() for one in precisions
    }
    return {**banks, "calibration": (folder / "calibration.json").read_bytes()}
