"""The hint's network itself under a student's head: what a perfect imitation would reach.

An ablation, not a listener: it bounds what a student that learns from the hint can do with these
names and these few recordings.
"""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from train.config import DistillConfig
from train.data.dataset import Item
from train.engine.loop import LogScale, Schedule, fit, seed_everything
from train.losses import anchor_softmax
from train.measure.probe import fit_probe
from train.measure.retrieval import Embeddings, Heard, Labelled
from train.sound.hints import load_hints, statistics
from train.student import make_projection

_STEPS, _BATCH, _LEARNING_RATE = 400, 256, 3e-3


class Oracle:
    """A head over the network's embeddings, trained as a student's is.

    Args:
        items: training recordings, all readable.
        anchors: of every species.
        config: of the student whose head it shares.
        cache: where embeddings are kept.
    """

    def __init__(
        self, items: Sequence[Item], anchors: Labelled, config: DistillConfig, cache: Path
    ) -> None:
        self._hint, self._cache = config.hint, cache
        hints, owner = _load(items, self._hint, self._cache)
        self._mean, self._deviation = statistics(hints)
        heard = sorted({one.species_id for one in items})
        labels = torch.tensor([heard.index(one.species_id) for one in items])[owner]
        place = {species: n for n, species in enumerate(anchors.species.tolist())}
        bank = torch.from_numpy(anchors.rows[[place[one] for one in heard]])
        seed_everything(config.seed)
        self._head = make_projection(hints.shape[1], config.projection_hidden, bank.shape[1])
        self._fit(hints, labels, 1 / torch.bincount(owner)[owner].double(), bank, config)

    def hear(self, items: Sequence[Item]) -> Heard:
        """Readable recordings in the teacher's space, a window every half second."""
        hints, owner = _load(items, self._hint, self._cache)
        with torch.inference_mode():
            return Heard(self._embed(hints).numpy(), owner.numpy())

    def _fit(
        self, hints: Tensor, labels: Tensor, shares: Tensor, bank: Tensor, config: DistillConfig
    ) -> None:
        scale = LogScale(config.temperature)
        random = torch.Generator().manual_seed(config.seed)

        def loss() -> Tensor:
            drawn = torch.multinomial(shares, _BATCH, replacement=True, generator=random)
            heard = self._embed(hints[drawn])
            return anchor_softmax(heard, bank, labels[drawn], scale(), config.smoothing)

        fit([self._head, scale], loss, Schedule(_STEPS, _LEARNING_RATE), "oracle")
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
    labels = np.array([core.index(one.species_id) for one in train])[owner]
    fitted = fit_probe(hints.numpy(), labels)
    hints, owner = _load(test, hint, cache)
    scores = fitted.log_probability(hints.numpy())
    return Heard(scores, owner.numpy()).loudest(scores)


def _load(items: Sequence[Item], hint: str, cache: Path) -> tuple[Tensor, Tensor]:
    """float32[windows, dim] of readable recordings, and int64[windows]: whose each is."""
    hints = load_hints(items, hint, cache)
    lengths = torch.tensor([len(one) for one in hints])
    return torch.cat(hints).float(), torch.repeat_interleave(torch.arange(len(hints)), lengths)
