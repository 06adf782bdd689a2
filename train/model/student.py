"""The student: an audio tower with a new projection to the teacher's space."""

import json
import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save
from torch import Tensor, nn
from torch.nn import functional

from edge.contract.atomic import write_atomic
from edge.contract.errors import ConfigError, DatasetError
from train.model.clap import load_clap
from train.model.frontend import InputSpec, LogMel, LogMelSpec
from train.model.layers import rates_by_depth, rest
from train.model.projection import NamesProjection, make_projection

if TYPE_CHECKING:
    from train.model.checkpoint import Checkpoint

CNN, VIT = "cnn:", "vit:"
TOWER, TOWER_WEIGHTS = "tower.json", "tower.safetensors"
HINT_WEIGHTS, CLASSIFIER_WEIGHTS = "hint.safetensors", "classifier.safetensors"
_USUAL = LogMelSpec()


class Student(nn.Module):
    """Log-mel to a unit embedding in the teacher's space.

    Args:
        audio_config: says which tower; see `train.model.towers.make_tower`.
        dim: dimension of the teacher's space.
        projection_hidden: width of the projection's hidden layer, 0 makes it linear; by names the
            rank of the layer that tells them.
        projection_names: of a projection by the belief in names; 0: it is none.
    """

    def __init__(
        self,
        audio_config: dict[str, Any],
        dim: int,
        projection_hidden: int = 0,
        projection_names: int = 0,
    ) -> None:
        super().__init__()
        from train.model.towers import make_tower

        self.audio_config, self.dim = audio_config, dim
        self.tower, self.hidden = make_tower(audio_config)
        self.projection_hidden, self.projection_names = projection_hidden, projection_names
        self.projection = make_projection(self.hidden, dim, projection_hidden, projection_names)

    def freeze_tower(self) -> None:
        """Let only the projection learn."""
        self.tower.requires_grad_(False)
        self.train(self.training)

    def train(self, mode: bool = True) -> "Student":
        """As a module does; what is frozen in the tower hears as it will when in use."""
        super().train(mode)
        rest(self.tower)
        return self

    @property
    def shapes(self) -> list[tuple[str, tuple[int, ...]]]:
        """Names and shapes of its weights: tell its kind from others, whatever they hold."""
        return [(name, tuple(weight.shape)) for name, weight in self.state_dict().items()]

    def rates(self, decay: float) -> dict[nn.Parameter, float]:
        """Shares of the learning rate by the tower's layers; none are told if all are alike.

        Args:
            decay: of a layer below another.
        """
        if decay == 1:
            return {}
        return rates_by_depth(self.tower, self.tower.depths(), decay)

    def forward(self, log_mel: Tensor) -> Tensor:
        """float32[batch, 1, frames, mel_bins] -> float32[batch, dim], unit rows."""
        return self.project(self.features(log_mel))

    def features(self, log_mel: Tensor) -> Tensor:
        """Features of the tower, before the projection: float32[batch, hidden]."""
        features: Tensor = self.tower(log_mel)
        return features

    def project(self, features: Tensor) -> Tensor:
        """Features to unit rows in the teacher's space."""
        return functional.normalize(self.projection(features), dim=-1)


def weights_bytes(weights: Mapping[str, Tensor]) -> bytes:
    """Weights as safetensors, each laid out as its shape says, however it lies in memory."""
    return save({name: weight.contiguous() for name, weight in weights.items()})


class WaveformStudent(nn.Module):
    """Front end and student in one: what an exported encoder is compared with."""

    def __init__(self, spec: LogMelSpec, student: Student) -> None:
        super().__init__()
        self.frontend = LogMel(spec)
        self.student = student

    def forward(self, waveform: Tensor) -> Tensor:
        """float32[batch, window_samples] -> float32[batch, dim], unit rows."""
        embedding: Tensor = self.student(self.frontend(waveform))
        return embedding


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


def open_student(
    name: str, spec: LogMelSpec = _USUAL, local_features: int = 0, window_s: float = 10.0
) -> StudentInit:
    """Find out what `student=NAME` means.

    Args:
        name: a CLAP's folder or hub id, the folder of a distilled run or of a tower, `cnn:` and a
            name of timm's, or `vit:` and a teacher, with whose image tower it begins.
        spec: front end of a `cnn:` or `vit:`; the others know their own.
        local_features: of a `cnn:`; see `train.model.towers.CnnTower`.
        window_s: of a `vit:`, for whose patches its positions are laid out.

    Raises:
        ConfigError: too few mel bins for local features.
        DatasetError: no such model.
    """
    if name.startswith(CNN):
        from train.model.towers import LEAST_BINS, cnn_config

        if local_features and spec.mel_bins < LEAST_BINS:
            raise ConfigError(f"local_features: needs mel_bins={LEAST_BINS} at least")
        return StudentInit(cnn_config(name.removeprefix(CNN), local_features), spec)
    if name.startswith(VIT):
        from train.model.image_start import open_image_tower

        return open_image_tower(name.removeprefix(VIT), spec, window_s)
    if (Path(name) / TOWER).is_file():
        return _read_tower(Path(name))
    from train.model.checkpoint import META, load_checkpoint

    if (Path(name) / META).is_file():
        run = load_checkpoint(Path(name))
        weights = run.student.tower.state_dict()
        return StudentInit(run.student.audio_config, run.frontend, weights, run=run)
    clap, processor = load_clap(name)
    spec = LogMelSpec.from_extractor(processor.feature_extractor)
    return StudentInit(clap.config.audio_config.to_dict(), spec, clap.audio_model.state_dict())


def _read_tower(folder: Path) -> StudentInit:
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


@torch.inference_mode()
def embed_log_mels(model: nn.Module, log_mels: Iterable[Tensor], batch: int = 64) -> Tensor:
    """Embed windows on the model's device.

    Args:
        model: float32[n, 1, frames, mel_bins] -> float32[n, dim].
        log_mels: float[n, 1, frames, mel_bins] each; read from disk as they are needed.
        batch: windows at a time.

    Returns:
        float32[windows, dim] on the CPU.
    """
    device = next(model.parameters()).device
    rows = (model(log_mel.to(device).float()).cpu() for log_mel in _batches(log_mels, batch))
    return torch.cat([*rows])


def _batches(stacks: Iterable[Tensor], size: int) -> Iterator[Tensor]:
    held: list[Tensor] = []
    for stack in stacks:
        held.append(stack)
        if sum(map(len, held)) >= size:
            yield from torch.split(torch.cat(held), size)
            held = []
    if held:
        yield from torch.split(torch.cat(held), size)
