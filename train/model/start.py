"""Start of a student: the tower that it begins with, and what that has learned to tell."""

import json
import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import Tensor

from edge.contract.atomic import write_atomic
from edge.contract.errors import ConfigError, DatasetError
from train.model.frontend import InputSpec, LogMelSpec
from train.model.projection import NamesProjection
from train.model.student import Student, weights_bytes

if TYPE_CHECKING:
    from train.model.checkpoint import Checkpoint

TOWER, TOWER_WEIGHTS = "tower.json", "tower.safetensors"
HINT_WEIGHTS, CLASSIFIER_WEIGHTS = "hint.safetensors", "classifier.safetensors"


@dataclass(frozen=True)
class LabelLayer:
    """A last layer: labels by features, each by itself (logits)."""

    labels: tuple[str, ...]
    """Their species ids."""
    weight: Tensor
    """float32[labels, hidden]."""
    bias: Tensor
    """float32[labels]."""


@dataclass(frozen=True)
class StudentInit:
    """Start of a distillation: a CLAP's audio tower, or a CNN that has learned nothing."""

    audio_config: dict[str, Any]
    spec: LogMelSpec
    weights: dict[str, Tensor] | None = None
    hint: dict[str, Tensor] | None = None
    """Of the `HintLoss` that a backbone learned with, to go on with."""
    classifier: LabelLayer | None = None
    """That tells names by the features: of the ear whose layers the tower began with, or learned
    from an ear's belief."""
    run: "Checkpoint | None" = None
    """Distillation that is gone on with, its projection, too."""

    @property
    def has_local_features(self) -> bool:
        """True for a tower whose features are an ear's embedding itself."""
        return bool(self.audio_config.get("local_features"))

    def save(self, folder: Path) -> None:
        """Write a folder that `student=FOLDER` begins with."""
        if self.weights is None:
            raise ValueError("a start without weights needs no folder")
        folder.mkdir(parents=True, exist_ok=True)
        write_atomic(folder / TOWER_WEIGHTS, weights_bytes(self.weights))
        if self.hint is not None:
            write_atomic(folder / HINT_WEIGHTS, weights_bytes(self.hint))
        meta: dict[str, Any] = {"audio_config": self.audio_config, "frontend": asdict(self.spec)}
        if self.classifier is not None:
            layer = {"weight": self.classifier.weight, "bias": self.classifier.bias}
            write_atomic(folder / CLASSIFIER_WEIGHTS, weights_bytes(layer))
            meta["labels"] = self.classifier.labels
        write_atomic(folder / TOWER, (json.dumps(meta, indent=2) + "\n").encode())

    def student(self, dim: int, projection_hidden: int = 0) -> Student:
        """The student; its projection is new."""
        return self._begun(Student(self.audio_config, dim, projection_hidden))

    def naming_student(self, species: Sequence[str], anchors: Tensor, rank: int = 0) -> Student:
        """The student that projects by the names that its start's layer tells.

        Args:
            species: ids.
            anchors: float32[species, dim], unit rows.
            rank: to which that layer's weights are reduced; 0: they are kept.

        Raises:
            ConfigError: it begins with no such layer, or that tells none of them.
        """
        if self.classifier is None:
            raise ConfigError(
                "projection_names: the student begins with no layer that tells names: python -m "
                "train.pretrain --only backbone learns one, export.ear.tower takes an ear's"
            )
        place = {name: n for n, name in enumerate(self.classifier.labels)}
        known = [n for n, name in enumerate(species) if name in place]
        if not known:
            raise ConfigError("projection_names: it tells none of the data set's species")
        rows = [place[species[n]] for n in known]
        student = Student(self.audio_config, anchors.shape[1], rank, len(known))
        projection = student.projection
        assert isinstance(projection, NamesProjection)
        projection.lay(self.classifier.weight[rows], self.classifier.bias[rows], anchors[known])
        return self._begun(student)

    def _begun(self, student: Student) -> Student:
        if self.weights is not None:
            student.tower.load_state_dict(self.weights)
        return student

    def input_spec(self, window_s: float) -> InputSpec:
        """Hearing of windows of a length.

        Raises:
            ConfigError: longer than HTSAT's square of mel bins x frames holds.
        """
        input_spec = InputSpec(self.spec, round(window_s * self.spec.sample_rate_hz))
        most = self.audio_config.get("spec_size", math.inf) ** 2 // self.spec.mel_bins
        if input_spec.frames > most:
            raise ConfigError(
                f"window_s: makes {input_spec.frames} frames, the tower holds at most {most:g}"
            )
        return input_spec


def read_start(folder: Path) -> StudentInit:
    """The start that lies in a folder.

    Raises:
        DatasetError: it is damaged.
    """
    try:
        meta = json.loads((folder / TOWER).read_text(encoding="utf-8"))
        weights, hint = load_file(folder / TOWER_WEIGHTS), folder / HINT_WEIGHTS
        return StudentInit(
            audio_config=meta["audio_config"],
            spec=LogMelSpec(**meta["frontend"]),
            weights=weights,
            hint=load_file(hint) if hint.is_file() else None,
            classifier=_read_classifier(folder, meta),
        )
    except (ValueError, KeyError, TypeError, OSError, SafetensorError) as error:
        raise DatasetError(f"{folder}: damaged tower ({str(error).splitlines()[0]})") from error


def _read_classifier(folder: Path, meta: dict[str, Any]) -> LabelLayer | None:
    if "labels" not in meta:
        return None
    return LabelLayer(tuple(meta["labels"]), **load_file(folder / CLASSIFIER_WEIGHTS))
