"""The hint's network itself under a student's head: the most that feature distillation can reach.

An ablation, not a listener: it bounds what a student that learns from the hint can do with these
names and these few recordings.
"""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from edge.contract.arrays import Embeddings
from gallery.data.dataset import Item
from train.config import DistillConfig
from train.distillation.losses import anchor_softmax
from train.engine.loop import LogScale, fit, seed_everything
from train.engine.schedule import LearningSchedule
from train.measure.probe import fit_probe
from train.measure.retrieval import LabelledEmbeddings, PooledEmbeddings
from train.model.projection import make_projection
from train.sound.hint_loss import statistics
from train.sound.hints import load_embeddings

_STEPS, _BATCH, _LEARNING_RATE = 400, 256, 3e-3


class HintUpperBound:
    """A head over the network's embeddings, trained as a student's is.

    Args:
        items: training recordings, all readable.
        anchors: of every species.
        config: of the student whose head it shares.
        cache: where embeddings are kept.
    """

    def __init__(
        self, items: Sequence[Item], anchors: LabelledEmbeddings, config: DistillConfig, cache: Path
    ) -> None:
        self._hint, self._cache = config.hint, cache
        hints, owner = _load(items, self._hint, self._cache)
        self._mean, self._deviation = statistics(hints)
        seen = sorted({item.species_id for item in items})
        labels = torch.tensor([seen.index(item.species_id) for item in items])[owner]
        place = {species: n for n, species in enumerate(anchors.species.tolist())}
        bank = torch.from_numpy(anchors.rows[[place[species] for species in seen]])
        seed_everything(config.seed)
        self._head = make_projection(hints.shape[1], bank.shape[1], config.projection_hidden)
        self._fit(
            hints,
            labels=labels,
            shares=1 / torch.bincount(owner)[owner].double(),
            bank=bank,
            config=config,
        )

    def embed(self, items: Sequence[Item]) -> PooledEmbeddings:
        """Readable recordings in the teacher's space, a window every half second."""
        hints, owner = _load(items, self._hint, self._cache)
        with torch.inference_mode():
            return PooledEmbeddings(self._embed(hints).numpy(), owner.numpy())

    def _fit(
        self, hints: Tensor, labels: Tensor, shares: Tensor, bank: Tensor, config: DistillConfig
    ) -> None:
        scale = LogScale(config.temperature)
        random = torch.Generator().manual_seed(config.seed)

        def loss() -> Tensor:
            drawn = torch.multinomial(shares, _BATCH, replacement=True, generator=random)
            seen = self._embed(hints[drawn])
            return anchor_softmax(
                seen, anchors=bank, labels=labels[drawn], scale=scale(), smoothing=config.smoothing
            )

        fit([self._head, scale], loss, LearningSchedule(_STEPS, _LEARNING_RATE), "oracle")
        self._head.eval()

    def _embed(self, hints: Tensor) -> Tensor:
        standard = (hints - self._mean) / self._deviation
        return functional.normalize(self._head(standard), dim=-1)


def probe_hints(
    train: Sequence[Item], test: Sequence[Item], core: Sequence[str], hint: str, cache: Path
) -> Embeddings:
    """Log-probability of core species by a linear classifier on the network's own embedding.

    Returns:
        float32[recordings of test, species], pooled by the maximum over windows.
    """
    hints, owner = _load(train, hint, cache)
    labels = np.array([core.index(item.species_id) for item in train])[owner]
    fitted = fit_probe(hints.numpy(), labels)
    hints, owner = _load(test, hint, cache)
    scores = fitted.log_probability(hints.numpy())
    return PooledEmbeddings(scores, owner.numpy()).loudest(scores)


def _load(items: Sequence[Item], hint: str, cache: Path) -> tuple[Tensor, Tensor]:
    """float32[windows, dim] of readable recordings, and int64[windows]: whose each is."""
    hints = load_embeddings(items, hint, cache)
    lengths = torch.tensor([len(hint) for hint in hints])
    return torch.cat(hints).float(), torch.repeat_interleave(torch.arange(len(hints)), lengths)
