"""Turn a distilled checkpoint into a bundle: ONNX encoders, taxonomy, anchors, manifest.

python -m export.onnx [--checkpoint DIR] [--output BUNDLE] [--precision fp32,fp16,int8]
                      [--fp16 arithmetic|weights] [--int8 dynamic|weights|static]
                      [--recordings DATA] [--beyond-limits]
                      [--name NAME] [--licence LICENCE] [--species FILE ...]
                      [--figures FILE]

The front end is part of the graph: waveform in, unit embedding out. With no arguments: the
newest run, into a folder `bundle` inside it. Every variant is compared with torch before it is
written (`python -m export.parity`), on recordings too, if the data set that the checkpoint was
trained on, or another, is there.
"""

import json
import sys
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from edge.command.parser import Parser
from edge.contract.bundle import npy_bytes, write_bundle
from edge.contract.errors import ConfigError, DatasetError
from edge.contract.manifest import FILE_NAME, OF_SPACE, PRECISIONS, Manifest, load_manifest
from edge.contract.taxonomy import Taxonomy, read_names
from export.methods import HALVES, METHODS, SPLITS, Variants
from gallery.calibration.recordings import check_recorded
from gallery.command import run
from train.ears.recipe import locate
from train.runs import newest_run

if TYPE_CHECKING:  # torch loads for seconds, and a wrong argument is to be refused before
    from train.model.checkpoint import Checkpoint

_ALL = "all"
"""The set of every species, which each bundle has."""


@dataclass(frozen=True)
class BundleLabel:
    """Label of a bundle; whatever is empty comes from the checkpoint."""

    name: str = ""
    licence: str = ""
    """Of the whole, where the recordings' licences name several."""
    species: Sequence[Path] = ()
    """Species sets, each named as its file with one scientific name a line: the first is listened
    for by default; `all` stays beside them."""
    figures: Path | None = None
    """JSON of what was measured, for the provenance."""


def export(
    checkpoint_path: Path,
    output: Path,
    variants: Variants | None = None,
    label: BundleLabel | None = None,
) -> Manifest:
    """Write encoders, taxonomy and anchors into a bundle.

    An existing bundle of the same embedding space keeps its gallery and image tower; background and
    calibration belong to an encoder and are dropped.

    Args:
        checkpoint_path: from train.distill.
        output: the bundle's folder.
        variants: which encoders to write.
        label: what the manifest says beside.

    Raises:
        BirdlistenError: the checkpoint is no checkpoint, or a variant isn't the same encoder.
        OSError: the disk is full; a bundle that was there stays as it was.
    """
    variants = variants or Variants()
    if variants.recordings is not None:
        check_recorded(variants.recordings, SPLITS, birds=True, purpose="the comparison")
    from export.variants import make_encoders
    from train.model.checkpoint import TAXONOMY, load_checkpoint

    checkpoint = load_checkpoint(checkpoint_path)
    manifest = _manifest(checkpoint, checkpoint_path, output, label or BundleLabel())
    contents = {
        "taxonomy": (checkpoint_path / TAXONOMY).read_bytes(),
        "anchors": npy_bytes(checkpoint.anchors.astype(np.float16)),
    }
    encoders, parity = make_encoders(checkpoint, manifest, variants)
    provenance = {**manifest.provenance, "parity": parity}
    return write_bundle(output, replace(manifest, provenance=provenance), {**contents, **encoders})


def _manifest(checkpoint: "Checkpoint", path: Path, output: Path, label: BundleLabel) -> Manifest:
    from train.model.checkpoint import model_id

    manifest = Manifest(
        name=label.name or checkpoint.dataset,
        licence=label.licence or " AND ".join(checkpoint.licences),
        model_id=model_id(path),
        space_id=checkpoint.space_id,
        audio=checkpoint.audio,
        embedding_dim=checkpoint.dim,
        teacher=checkpoint.config["teacher"],
        student=checkpoint.origin,
        provenance=_provenance(checkpoint, label),
        **_kept(output, checkpoint),
    )
    if not label.species:
        return manifest
    sets = {file.stem: _read_set(file, checkpoint) for file in label.species}
    if len(sets) < len(label.species) or _ALL in sets:
        named = ", ".join(map(str, label.species))
        raise ConfigError(f"species: {named}: expected files of different names, and none {_ALL!r}")
    kept = {name: ids for name, ids in manifest.species_sets.items() if name not in sets}
    return replace(
        manifest, species_sets={**sets, **kept}, default_species_set=label.species[0].stem
    )


def _read_set(file: Path, checkpoint: "Checkpoint") -> list[str]:
    ids = read_names(file)
    unknown = sorted(set(ids) - set(checkpoint.taxonomy.ids))
    if unknown:
        raise ConfigError(f"{file}: not in the checkpoint's taxonomy: {', '.join(unknown)}")
    return ids


def _kept(output: Path, checkpoint: "Checkpoint") -> dict[str, Any]:
    """Roles that a bundle of the same space and species keeps when it is exported anew."""
    if not (output / FILE_NAME).is_file():
        return {"roles": {}}
    old = load_manifest(output)
    species = Taxonomy.load(output / old.roles["taxonomy"].file)
    if (old.space_id, species) != (checkpoint.space_id, checkpoint.taxonomy):
        return {"roles": {}}
    roles = {
        role: entry
        for role, entry in old.roles.items()
        if role.startswith("gallery.") or role in OF_SPACE
    }
    sets = {"species_sets": old.species_sets, "default_species_set": old.default_species_set}
    fed = {"image": old.image, "picture_map": old.picture_map}
    return {"roles": roles, "apart": old.apart, **fed, **sets}


def _provenance(checkpoint: "Checkpoint", label: BundleLabel) -> dict[str, Any]:
    known = {
        "dataset": checkpoint.dataset,
        "synthetic": checkpoint.synthetic,
        "distillation": checkpoint.config,
    }
    if checkpoint.learned_from_pairs:
        known["pairs"] = "sounds with pictures"
    if checkpoint.lineage:
        known["lineage"] = list(checkpoint.lineage)
    if hint := checkpoint.config.get("hint"):
        known["learned_from"] = _credit(hint)
    return known if label.figures is None else {**known, "figures": _read_figures(label.figures)}


def _credit(hint: str) -> dict[str, str]:
    """The network that the student imitated; only how it was named, where that is gone."""
    try:
        recipe, _ = locate(hint)
    except (ConfigError, DatasetError):
        return {"network": hint}
    return {"network": recipe.title, "licence": recipe.licence, "credit": recipe.credit}


def _read_figures(file: Path) -> Any:
    try:
        return json.loads(file.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise ConfigError(f"{file}: not readable as JSON ({error})") from error


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command."""
    parser = Parser(prog="python -m export.onnx", description=__doc__)
    parser.add_argument("--checkpoint", type=Path, help="default: the newest run")
    parser.add_argument("--output", type=Path, help="default: `bundle` in the checkpoint")
    parser.add_argument("--precision", default=",".join(PRECISIONS), help="default: all")
    parser.add_argument("--fp16", choices=HALVES, default=HALVES[0], help="what is FP16")
    parser.add_argument("--int8", choices=METHODS, help="default: the better one for the tower")
    parser.add_argument(
        "--recordings", metavar="DATA", help="folder or KIND:FOLDER; default: the checkpoint's"
    )
    parser.add_argument("--beyond-limits", action="store_true", help="write inexact variants, too")
    parser.add_argument("--name", default="", help="default: the data set's")
    parser.add_argument("--licence", default="", help="default: the recordings' licences")
    parser.add_argument(
        "--species",
        type=Path,
        nargs="+",
        default=(),
        metavar="FILE",
        help="names of species sets, the default one first",
    )
    parser.add_argument("--figures", type=Path, metavar="FILE", help="JSON for the provenance")
    args = parser.parse_args(argv)

    def command() -> None:
        checkpoint = args.checkpoint or newest_run()
        output = args.output or checkpoint / "bundle"
        label = BundleLabel(args.name, args.licence, args.species, args.figures)
        chosen = args.precision.split(",")
        variants = Variants(
            precisions=chosen,
            fp16=args.fp16,
            int8=args.int8,
            recordings=args.recordings,
            beyond_limits=args.beyond_limits,
        )
        export(checkpoint, output, variants, label)
        print(output)

    return run(command)


if __name__ == "__main__":
    sys.exit(main())
