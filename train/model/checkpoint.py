"""A distilled student on disk: weights, what they need to run, and where they come from."""

import hashlib
import json
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
from safetensors import SafetensorError
from safetensors.torch import load_file

from edge.contract.arrays import Float32s
from edge.contract.atomic import write_atomic
from edge.contract.audio_spec import AudioSpec
from edge.contract.bundle import npy_bytes
from edge.contract.errors import DatasetError
from edge.contract.taxonomy import Taxonomy
from train.model.clap_layout import configs, from_clap, to_clap
from train.model.frontend import InputSpec, LogMelSpec
from train.model.student import Student, weights_bytes

WEIGHTS, META, TAXONOMY, ANCHORS = (
    "model.safetensors",
    "checkpoint.json",
    "taxonomy.csv",
    "anchors.npy",
)


@dataclass(frozen=True)
class Checkpoint:
    """Everything that export, gallery and evaluation need."""

    student: Student
    frontend: LogMelSpec
    window_samples: int
    space_id: str
    taxonomy: Taxonomy
    anchors: Float32s
    """float32[species, dim], unit rows: the mean over the templates."""
    dataset: str
    synthetic: bool
    licences: tuple[str, ...]
    """Of the training recordings, each once."""
    seen_species: tuple[str, ...]
    """Ids of the species that the training recordings hold; the others are unseen."""
    config: dict[str, Any]
    """The DistillConfig, without the output's name."""
    lineage: tuple[dict[str, Any], ...] = ()
    """The distillations that this one went on from, oldest first, as `descent` tells them."""

    @property
    def origin(self) -> str:
        """The student as its first distillation named it: a CLAP, a tower or a `cnn:`."""
        first = self.lineage[0]["config"] if self.lineage else self.config
        return str(first["student"])

    @property
    def dim(self) -> int:
        """Dimension of the space."""
        return int(self.anchors.shape[1])

    @property
    def learned_from_pairs(self) -> bool:
        """True if it, or what it went on from, saw pictures beside its sounds (train/bridges)."""
        settings = [self.config, *(before["config"] for before in self.lineage)]
        return any(one.get("frames") and one.get("image_weight", 1) > 0 for one in settings)

    @property
    def audio(self) -> AudioSpec:
        """Audio that a listener feeds it."""
        return self.input_spec.audio

    @property
    def input_spec(self) -> InputSpec:
        """Front end, and the windows that its recordings are cut into."""
        return InputSpec(self.frontend, self.window_samples)


def save_checkpoint(path: Path, checkpoint: Checkpoint) -> None:
    """Write a checkpoint folder; checkpoint.json comes last and makes it one.

    The same training on the same kind of machine gives the same bytes: no time, host or path of
    the output is stored.
    """
    path.mkdir(parents=True, exist_ok=True)
    (path / META).unlink(missing_ok=True)
    write_atomic(path / WEIGHTS, weights_bytes(to_clap(checkpoint.student)))
    for name, content in configs(checkpoint.student, checkpoint.input_spec).items():
        if content:
            write_atomic(path / name, content)
        else:
            (path / name).unlink(missing_ok=True)
    write_atomic(path / ANCHORS, npy_bytes(checkpoint.anchors))
    checkpoint.taxonomy.save(path / TAXONOMY)
    write_atomic(path / META, (json.dumps(_meta(checkpoint), indent=2) + "\n").encode())


def load_checkpoint(path: Path) -> Checkpoint:
    """Read a checkpoint folder.

    Raises:
        DatasetError: it isn't one, or is damaged.
    """
    if not (path / META).is_file():
        raise DatasetError(f"{path}: no checkpoint here; make one: python -m train.distill")
    try:
        return _read(path)
    except (ValueError, KeyError, TypeError, OSError, RuntimeError, SafetensorError) as error:
        raise _damaged(path, error) from error


def descent(path: Path, checkpoint: Checkpoint) -> tuple[dict[str, Any], ...]:
    """The lineage of what goes on from a checkpoint."""
    told = ("model_id", "dataset", "licences", "config")
    values = (model_id(path), checkpoint.dataset, list(checkpoint.licences), checkpoint.config)
    return (*checkpoint.lineage, dict(zip(told, values, strict=True)))


def read_seen(path: Path) -> list[str]:
    """Ids of the species that a checkpoint has heard.

    Raises:
        DatasetError: it can't be read.
    """
    try:
        return list(json.loads((path / META).read_text(encoding="utf-8"))["heard"])
    except (ValueError, KeyError, TypeError, OSError) as error:
        raise _damaged(path, error) from error


def model_id(path: Path) -> str:
    """sha256 of a checkpoint's weights file."""
    return hashlib.sha256((path / WEIGHTS).read_bytes()).hexdigest()


def _damaged(path: Path, error: Exception) -> DatasetError:
    return DatasetError(f"{path}: damaged checkpoint ({str(error).splitlines()[0]})")


def _read(path: Path) -> Checkpoint:
    meta = json.loads((path / META).read_text(encoding="utf-8"))
    anchors = np.load(path / ANCHORS, allow_pickle=False)
    student = Student(
        meta["audio_config"],
        anchors.shape[1],
        projection_hidden=meta["projection_hidden"],
        projection_names=meta.get("projection_names", 0),
    )
    student.load_state_dict(from_clap(load_file(path / WEIGHTS), student))
    student.train(False)
    return Checkpoint(
        student=student,
        frontend=LogMelSpec(**meta["frontend"]),
        window_samples=meta["window_samples"],
        space_id=meta["space_id"],
        taxonomy=Taxonomy.load(path / TAXONOMY),
        anchors=anchors,
        dataset=meta["dataset"],
        synthetic=meta["synthetic"],
        licences=tuple(meta["licences"]),
        seen_species=tuple(meta["heard"]),
        config=meta["config"],
        lineage=tuple(meta.get("lineage", ())),
    )


def _meta(checkpoint: Checkpoint) -> dict[str, Any]:
    return {
        "format": 1,
        "dataset": checkpoint.dataset,
        "synthetic": checkpoint.synthetic,
        "licences": checkpoint.licences,
        "heard": checkpoint.seen_species,
        "space_id": checkpoint.space_id,
        "window_samples": checkpoint.window_samples,
        "frontend": asdict(checkpoint.frontend),
        "config": checkpoint.config,
        **({"lineage": checkpoint.lineage} if checkpoint.lineage else {}),
        "audio_config": checkpoint.student.audio_config,
        "projection_hidden": checkpoint.student.projection_hidden,
        "projection_names": checkpoint.student.projection_names,
    }
