"""One distillation while it runs: what a batch costs."""

import torch
from torch import Tensor

from edge.contract.arrays import Embeddings
from train.config import DistillConfig
from train.distillation.large_student import LargeStudent
from train.distillation.losses import embedding_distillation, outlier_exposure
from train.distillation.objective import make_objective
from train.engine.loop import LogScale, choose_device, mixed_precision
from train.engine.ranks import Ranks
from train.model.student import Student
from train.sound.hints import HintLoss, NoHint
from train.sound.training_set import TrainingSet


class Distillation:
    """Pulls each sound towards its species' text anchor; a template is drawn for every batch.

    Args:
        student: learns in place.
        sounds: training recordings.
        anchors: float32[templates, species, dim] of the sounds' species.
        frames: frames of a window.
        config: objective and batches.
        hint: what to heed beside.
        large_student: a larger student to be distilled from beside, or None.
        ranks: among which the batches are shared.
    """

    def __init__(
        self,
        student: Student,
        sounds: TrainingSet,
        anchors: Embeddings,
        frames: int,
        config: DistillConfig,
        hint: HintLoss | NoHint,
        large_student: LargeStudent | None,
        ranks: Ranks,
    ) -> None:
        self._config, self._ranks, self._device = config, ranks, choose_device(config.device)
        self._student = student.to(self._device).train()
        ranks.share(student)
        self._hint = hint.to(self._device)
        self._large_student = large_student.to(self._device) if large_student else None
        self._scale = LogScale(config.temperature).to(self._device)
        self._bank = torch.from_numpy(anchors).to(self._device)
        self._sampler = sounds.sampler(frames, config, self._device, ranks)
        self._templates = torch.Generator().manual_seed(config.seed)
        self._objective = make_objective(config, sounds.species, self._device)
        self._outliers = ranks.world * round(config.outliers * config.batch / ranks.world)
        ranks.check("batch", config.batch)
        if config.compile:
            student.tower.compile(fullgraph=True)

    @property
    def modules(self) -> tuple[torch.nn.Module, ...]:
        """Modules that learn."""
        return self._student, self._scale, self._hint

    @property
    def generators(self) -> tuple[torch.Generator, ...]:
        """Sampler that batches are drawn with."""
        return self._sampler.generator, self._templates

    def loss(self) -> Tensor:
        """Of a new batch; what compares windows with each other sees those of all ranks."""
        config, batch = self._config, self._sampler.batch(self._config.batch)
        outliers = self._sampler.outliers(self._outliers)
        log_mel = batch.log_mel if outliers is None else torch.cat([batch.log_mel, outliers])
        features, embedded = self._hear(log_mel)
        birds = len(batch.labels)
        texts = self._bank[int(torch.randint(len(self._bank), (), generator=self._templates))]
        labels = self._ranks.gather(batch.labels.to(self._device))
        value = self._objective(self._ranks.gather(embedded[:birds]), texts, labels, self._scale())
        heeded: Tensor = self._hint(features[:birds].float(), batch.recordings, batch.starts)
        value = value + config.hint_weight * heeded
        if self._large_student:
            value = value + config.large_student_weight * embedding_distillation(
                embedded, self._large_student(log_mel)
            )
        if outliers is not None:
            rest = self._ranks.gather(embedded[birds:])
            value = value + outlier_exposure(rest, texts, self._scale())
        return value

    def _hear(self, log_mel: Tensor) -> tuple[Tensor, Tensor]:
        """Features and embeddings."""
        half = self._config.bfloat16
        with mixed_precision(self._device, self._student.tower.depthwise, half):
            features = self._student.features(log_mel)
            embedded = self._student.project(ease(features, self._config.tower_share))
        return features, embedded.float()


def ease(features: Tensor, share: float) -> Tensor:
    """The same features, through which only a share of the gradient passes."""
    return torch.lerp(features.detach(), features, share)
