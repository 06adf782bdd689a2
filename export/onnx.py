"""Turn a distilled checkpoint into a bundle: ONNX encoders, taxonomy, anchors, manifest.

python -m export.onnx [--checkpoint DIR] [--output BUNDLE] [--precision fp32,fp16]
                      [--name NAME] [--licence LICENCE] [--species FILE] [--figures FILE]

The front end is part of the graph: waveform in, unit embedding out. With no arguments: the
newest run, into a folder `bundle` inside it. Every variant is compared with torch through
`edge.encoder` before it is written.
"""

import io
import json
import sys
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import torch
from tqdm import tqdm

from edge.contract.bundle import npy_bytes, write_bundle
from edge.contract.errors import ConfigError, DatasetError
from edge.contract.manifest import FILE_NAME, Manifest, load_manifest
from edge.contract.taxonomy import Taxonomy, read_names
from edge.usage import Parser
from export.half import to_half
from export.parity import check_parity
from gallery.command import run
from train.checkpoint import TAXONOMY, Checkpoint, load_checkpoint, model_id
from train.runs import newest_run
from train.student import WaveformStudent

PRECISIONS = ("fp32", "fp16")
_OPSET = 18


@dataclass(frozen=True)
class Label:
    """What a bundle says of itself; what is empty comes from the checkpoint."""

    name: str = ""
    licence: str = ""
    """Of the whole, where the recordings' licences name several."""
    species: Path | None = None
    """One scientific name a line: the species set that is listened for by default, named as the
    file; `all` stays beside it."""
    figures: Path | None = None
    """JSON of what was measured, for the provenance."""


def export(
    checkpoint_path: Path, output: Path, precisions: Sequence[str], label: Label | None = None
) -> Manifest:
    """Write encoders, taxonomy and anchors into a bundle.

    An existing bundle of the same embedding space keeps its gallery; background and calibration
    belong to an encoder and are dropped.

    Args:
        checkpoint_path: from train.distill.
        output: the bundle's folder.
        precisions: which encoders to write.
        label: what the manifest says beside.

    Raises:
        BirdlistenError: the checkpoint is no checkpoint, or a variant isn't the same encoder.
    """
    checkpoint = load_checkpoint(checkpoint_path)
    student = WaveformStudent(checkpoint.frontend, checkpoint.student).eval()
    manifest = _manifest(checkpoint, checkpoint_path, output, label or Label())
    contents = {
        "taxonomy": (checkpoint_path / TAXONOMY).read_bytes(),
        "anchors": npy_bytes(checkpoint.anchors.astype(np.float16)),
    }
    graph = to_onnx(student, checkpoint.window_samples)
    for precision in tqdm(precisions, "precisions", disable=None):
        variant = to_half(graph) if precision == "fp16" else graph
        encoder = _with_metadata(variant, manifest, precision)
        check_parity(student, encoder, precision)
        contents[f"encoder.{precision}"] = encoder
    return write_bundle(output, manifest, contents)


def to_onnx(student: WaveformStudent, window_samples: int) -> onnx.ModelProto:
    """Trace the whole graph with a dynamic batch; node names show the module path.

    Args:
        student: float32[batch, window_samples] -> float32[batch, dim].
        window_samples: fixed length of the input.
    """
    # A batch of two: torch.export would specialise a batch of one.
    example = torch.zeros(2, window_samples)
    program = torch.onnx.export(
        student,
        (example,),
        input_names=["waveform"],
        output_names=["embedding"],
        dynamic_shapes={"waveform": {0: torch.export.Dim("batch")}},
        opset_version=_OPSET,
        dynamo=True,
        external_data=False,
        verbose=False,
    )
    if program is None:
        raise DatasetError("torch.onnx.export returned no program")
    model = program.model_proto
    onnx.checker.check_model(model)
    return model


def _with_metadata(model: onnx.ModelProto, manifest: Manifest, precision: str) -> bytes:
    onnx.helper.set_model_props(
        model,
        {
            "birdlisten.format": str(manifest.format_version),
            "sample_rate_hz": str(manifest.audio.sample_rate_hz),
            "window_samples": str(manifest.audio.window_samples),
            "embedding_dim": str(manifest.embedding_dim),
            "precision": precision,
            "model_id": manifest.model_id,
            "space_id": manifest.space_id,
            "teacher": manifest.teacher,
            "student": manifest.student,
            "sha256": manifest.model_id,
        },
    )
    file = io.BytesIO()
    onnx.save_model(model, file)
    return file.getvalue()


def _manifest(checkpoint: Checkpoint, path: Path, output: Path, label: Label) -> Manifest:
    manifest = Manifest(
        name=label.name or checkpoint.dataset,
        licence=label.licence or " AND ".join(checkpoint.licences),
        model_id=model_id(path),
        space_id=checkpoint.space_id,
        audio=checkpoint.audio,
        embedding_dim=checkpoint.dim,
        teacher=checkpoint.config["teacher"],
        student=checkpoint.config["student"],
        provenance=_provenance(checkpoint, label),
        **_kept(output, checkpoint),
    )
    return manifest if label.species is None else _with_set(manifest, label.species, checkpoint)


def _with_set(manifest: Manifest, file: Path, checkpoint: Checkpoint) -> Manifest:
    ids = read_names(file)
    strangers = sorted(set(ids) - set(checkpoint.taxonomy.ids))
    if strangers:
        raise ConfigError(f"{file}: not in the checkpoint's taxonomy: {', '.join(strangers)}")
    sets = {file.stem: ids, **manifest.species_sets}
    return replace(manifest, species_sets=sets, default_species_set=file.stem)


def _kept(output: Path, checkpoint: Checkpoint) -> dict[str, Any]:
    """What a bundle of the same space and species keeps when it is exported anew."""
    if not (output / FILE_NAME).is_file():
        return {"roles": {}}
    old = load_manifest(output)
    species = Taxonomy.load(output / old.roles["taxonomy"].file)
    if (old.space_id, species) != (checkpoint.space_id, checkpoint.taxonomy):
        return {"roles": {}}
    roles = {role: entry for role, entry in old.roles.items() if role.startswith("gallery.")}
    sets = {"species_sets": old.species_sets, "default_species_set": old.default_species_set}
    return {"roles": roles, **sets}


def _provenance(checkpoint: Checkpoint, label: Label) -> dict[str, Any]:
    known = {
        "dataset": checkpoint.dataset,
        "synthetic": checkpoint.synthetic,
        "distillation": checkpoint.config,
    }
    return known if label.figures is None else {**known, "figures": _read_figures(label.figures)}


def _read_figures(file: Path) -> Any:
    try:
        return json.loads(file.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise ConfigError(f"{file}: not readable as JSON ({error})") from error


def _precisions(text: str) -> list[str]:
    chosen = text.split(",")
    for one in chosen:
        if one not in PRECISIONS:
            raise ConfigError(f"--precision: {one!r} is not one of {', '.join(PRECISIONS)}")
    return chosen


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command."""
    parser = Parser(prog="python -m export.onnx", description=__doc__)
    parser.add_argument("--checkpoint", type=Path, help="default: the newest run")
    parser.add_argument("--output", type=Path, help="default: `bundle` in the checkpoint")
    parser.add_argument("--precision", default="fp32,fp16", help="default: fp32,fp16")
    parser.add_argument("--name", default="", help="default: the data set's")
    parser.add_argument("--licence", default="", help="default: the recordings' licences")
    parser.add_argument("--species", type=Path, metavar="FILE", help="names of the default set")
    parser.add_argument("--figures", type=Path, metavar="FILE", help="JSON for the provenance")
    args = parser.parse_args(argv)

    def command() -> None:
        checkpoint = args.checkpoint or newest_run()
        output = args.output or checkpoint / "bundle"
        label = Label(args.name, args.licence, args.species, args.figures)
        export(checkpoint, output, _precisions(args.precision), label)
        print(output)

    return run(command)


if __name__ == "__main__":
    sys.exit(main())
