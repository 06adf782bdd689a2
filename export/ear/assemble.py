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

from edge.contract.arrays import Floats
from edge.contract.audio_spec import AudioSpec
from edge.contract.bundle import Bundle, npy_bytes, write_bundle
from edge.contract.editing import PICTURES
from edge.contract.manifest import OF_SPACE, PRECISIONS, Manifest
from edge.contract.roles import read_role
from edge.contract.taxonomy import Taxonomy
from export.ear.encoders import Classifier, make_encoders, open_graph
from export.ear.keep import MEASURED
from export.ear.names import Names, join_names
from export.ear.tail import add_tail
from train.ears.recipe import Recipe, sha256_of

_LOG = logging.getLogger(__name__)
FORMAT = 1
"""Of the tail: another one makes another encoder of the same network."""
BIRDS, ALL = "birds", "all"


@dataclass(frozen=True)
class Space:
    """A teacher's space: what it calls the species, and pictures in it."""

    taxonomy: Taxonomy
    anchors: Floats
    """[species, dim], unit rows."""
    space_id: str
    teacher: str
    like: Bundle | None
    """Whose gallery and species sets are taken over."""


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
    manifest = _manifest(classifier, space, names)
    encoders, parity = make_encoders(
        encoder, classifier=classifier, names=names, manifest=manifest, precisions=precisions
    )
    contents = {
        "taxonomy": _taxonomy_bytes(names.taxonomy),
        "anchors": npy_bytes(names.anchors),
        **encoders,
        **_gallery(space),
        **_calibration(recipe, manifest.model_id, precisions),
    }
    manifest = replace(manifest, provenance={**manifest.provenance, "parity": parity})
    written = write_bundle(output, manifest, contents)
    _copy_beside(space, output)
    return written, names


def _manifest(classifier: Classifier, space: Space, names: Names) -> Manifest:
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
        image=like.manifest.image if like else None,
        picture_map=like.manifest.picture_map if like else None,
        apart=dict(like.manifest.apart) if like else {},
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
    birds = [bird.species_id for bird in names.taxonomy.species if bird.class_ in ("Aves", "")]
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
        "labels": [asdict(label) for label in classifier.labels],
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
    """The other bundle's pictures, which lie in the same space, and what embeds new ones."""
    if space.like is None:
        return {}
    bundle = space.like
    roles = ("gallery.rows", "gallery.table", *OF_SPACE)
    held = [role for role in roles if role in bundle.manifest.roles]
    return {role: read_role(bundle.path, bundle.manifest, role) for role in held}


def _copy_beside(space: Space, output: Path) -> None:
    """The other bundle's thumbnails, and towers and maps apart that lie in its folder."""
    if space.like is None:
        return
    source = space.like.path
    if (source / PICTURES).is_dir():
        shutil.copytree(source / PICTURES, output / PICTURES, dirs_exist_ok=True)
    for entry in space.like.manifest.apart.values():
        if (source / entry.file).is_file() and not (output / entry.file).exists():
            shutil.copyfile(source / entry.file, output / entry.file)


def _calibration(recipe: Recipe, model_id: str, precisions: Sequence[str]) -> dict[str, bytes]:
    """Banks and calibration that were measured here for this very encoder, if they were."""
    folder = recipe.folder / recipe.calibration
    note = folder / MEASURED
    if not recipe.calibration or not note.is_file():
        return {}
    if json.loads(note.read_text(encoding="utf-8"))["model_id"] != model_id:
        _LOG.warning(
            "%s was measured with other names: calibrate: python -m gallery.calibrate", note
        )
        return {}
    banks = {
        f"background.{precision}": (folder / f"background.{precision}.npy").read_bytes()
        for precision in precisions
    }
    return {**banks, "calibration": (folder / "calibration.json").read_bytes()}
