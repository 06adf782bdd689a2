"""Imitation of a hint's network on windows that it has heard just so; no label is needed."""

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from train.config import DistillConfig
from train.distillation.losses import soft_anchor_softmax
from train.engine.loop import choose_device
from train.engine.ranks import Ranks
from train.model.frontend import InputSpec
from train.sound.sampler import Batch
from train.sound.taught import TaughtSounds


class Imitation(nn.Module):
    """A student's features predict the network's embedding; its embedding, the network's belief.

    Args:
        taught: what the network has heard.
        features: width of the student's features.
        species: ids of the species that the texts are of.
        input_spec: of the student.
        config: `taught`, `hint_weight`, `belief_weight`, `seed` and `device`.
        learned: of the loss that the student's backbone learned with, if any.
        direct: the student's features are the network's embedding itself.
        ranks: among which the windows are shared.
    """

    def __init__(
        self,
        taught: TaughtSounds,
        features: int,
        species: Sequence[str],
        input_spec: InputSpec,
        config: DistillConfig,
        learned: dict[str, Tensor] | None,
        direct: bool,
        ranks: Ranks,
    ) -> None:
        super().__init__()
        self._config, self._species = config, len(species)
        self._named, self._labels = taught.shared(species)
        device = choose_device(config.device)
        self._sampler = taught.sampler(input_spec, config.seed, device, ranks)
        self.licences = taught.licences
        """Of the recordings that are imitated."""
        self.digest = taught.digest
        """Tells what is imitated from other sounds."""
        self.hint = taught.loss(features, input_spec, learned, direct)
        self.to(device)

    @property
    def generator(self) -> torch.Generator:
        """Generator that the windows are drawn with."""
        return self._sampler.generator

    def batch(self) -> Batch:
        """The next windows of this rank."""
        return self._sampler.batch(self._config.taught)

    def loss(
        self, batch: Batch, features: Tensor, embedded: Tensor, texts: Tensor, scale: Tensor
    ) -> Tensor:
        """Cost of hearing them otherwise than the network does.

        Args:
            batch: the windows.
            features: float32[batch, features] that the student makes of them.
            embedded: float32[batch, dim], unit rows.
            texts: float32[species, dim], unit rows.
            scale: inverse temperature.
        """
        value: Tensor = self._config.hint_weight * self.hint(
            features, batch.recordings, batch.starts
        )
        divergence = soft_anchor_softmax(
            embedded, anchors=texts, beliefs=self._beliefs(batch), scale=scale
        )
        return value + self._config.belief_weight * divergence

    def _beliefs(self, batch: Batch) -> Tensor:
        """float32[batch, species]: what is left for none of the names is shared by all alike."""
        named = self.hint.belief(batch.recordings, batch.starts, self._labels)
        shared = (named[:, -1:] / self._species).repeat(1, self._species)
        return shared.index_add(1, self._named.to(named.device), named[:, :-1])
