"""One distillation while it runs: what a batch costs."""

import torch
from torch import Tensor

from edge.contract.arrays import Embeddings
from train.config import DistillConfig
from train.distillation.grad_cache import cached, in_parts
from train.distillation.imitation import Imitation
from train.distillation.large_student import LargeStudent
from train.distillation.losses import embedding_distillation, outlier_exposure
from train.distillation.objective import make_objective
from train.distillation.targets import make_targets
from train.engine.loop import LogScale, choose_device, mixed_precision
from train.engine.ranks import Ranks
from train.engine.resume import Drawing
from train.model.student import Student
from train.sound.ahead import Ahead
from train.sound.sampler import Batch
from train.sound.training_set import TrainingSet


class Distillation:
    """Pulls each sound towards its species' text anchor; a template is drawn for every batch.

    Args:
        student: learns in place.
        sounds: training recordings.
        anchors: float32[templates, species, dim] of the sounds' species.
        frames: frames of a window.
        config: objective and batches.
        imitation: of a hint's network beside, or None.
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
        imitation: Imitation | None,
        large_student: LargeStudent | None,
        ranks: Ranks,
    ) -> None:
        self._config, self._ranks, self._device = config, ranks, choose_device(config.device)
        self._student = student.to(self._device).train()
        ranks.share(student)
        self._imitation = imitation
        self._large_student = large_student.to(self._device) if large_student else None
        self._scale = LogScale(config.temperature).to(self._device)
        self._bank = torch.from_numpy(anchors).to(self._device)
        self._sampler = sounds.sampler(frames, config, self._device, ranks)
        self._templates = torch.Generator().manual_seed(config.seed)
        self._objective = make_objective(config, sounds.species, self._device)
        self._targets = make_targets(config, sounds)
        self._outliers = ranks.world * round(config.outliers * config.batch / ranks.world)
        generators = [self._sampler.generator, *([imitation.generator] if imitation else [])]
        self._next = Ahead(self._draw, generators)
        ranks.check("batch", config.batch)
        if config.compile:
            student.tower.compile(fullgraph=True)

    @property
    def modules(self) -> tuple[torch.nn.Module, ...]:
        """Modules that learn."""
        return self._student, self._scale, *([self._imitation] if self._imitation else [])

    @property
    def rates(self) -> dict[torch.nn.Parameter, float]:
        """Shares of the learning rate, of parameters that have not all of it."""
        return self._student.rates(self._config.layer_decay)

    @property
    def generators(self) -> tuple[Drawing, ...]:
        """Generators of batches, of templates and, if there is a hint, of its windows."""
        batches, *taught = self._next.generators
        return batches, self._templates, *taught

    def loss(self) -> Tensor:
        """Of a new batch; what compares windows with each other sees those of all ranks."""
        config, (batch, outliers, taught) = self._config, self._next()
        own = batch.log_mel if outliers is None else torch.cat([batch.log_mel, outliers])
        log_mel = own if taught is None else torch.cat([own, taught.log_mel])
        features, embedded = self._hear(log_mel, len(own))
        birds = len(batch.labels)
        texts = self._bank[int(torch.randint(len(self._bank), (), generator=self._templates))]
        labels = self._ranks.gather(self._targets(batch).to(self._device))
        value = self._objective(self._ranks.gather(embedded[:birds]), texts, labels, self._scale())
        if self._imitation and taught:
            value = value + self._imitation.loss(
                taught,
                features=features[len(own) :].float(),
                embedded=embedded[len(own) :],
                texts=texts,
                scale=self._scale(),
            )
        if self._large_student:
            value = value + config.large_student_weight * embedding_distillation(
                embedded, in_parts(self._large_student, log_mel, config.cached_windows)
            )
        if outliers is not None:
            quiet = self._ranks.gather(embedded[birds : len(own)])
            value = value + outlier_exposure(quiet, texts, self._scale())
        return value

    def _draw(self) -> tuple[Batch, Tensor | None, Batch | None]:
        """Windows of a step, background, and windows that a hint has heard."""
        batch, outliers = (
            self._sampler.batch(self._config.batch),
            self._sampler.outliers(self._outliers),
        )
        return batch, outliers, self._imitation.batch() if self._imitation else None

    def _hear(self, log_mel: Tensor, eased: int) -> tuple[Tensor, Tensor]:
        """Features and embeddings; the gradient of the first windows is eased."""
        config, depthwise = self._config, self._student.tower.depthwise
        with mixed_precision(self._device, depthwise, config.bfloat16, config.float16):
            features = cached(self._student.features, log_mel, config.cached_windows)
            first = ease(features[:eased], self._config.tower_share)
            embedded = self._student.project(torch.cat([first, features[eased:]]))
        return features, embedded.float()


def ease(features: Tensor, share: float) -> Tensor:
    """The same features, through which only a share of the gradient passes."""
    return torch.lerp(features.detach(), features, share)
