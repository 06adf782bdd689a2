"""Objective that a distillation minimises."""

from collections.abc import Callable, Sequence
from functools import partial

import torch
from torch import Tensor

from edge.contract.taxonomy import Species
from train.config import DistillConfig
from train.distillation.losses import (
    anchor_pull,
    anchor_softmax,
    hierarchical_softmax,
    info_nce,
    multi_label_softmax,
    multi_positive,
    shared_pull,
)
from train.distillation.taxonomic_distance import hierarchical_targets

Objective = Callable[[Tensor, Tensor, Tensor, Tensor], Tensor]
"""Embeddings, anchors of all species, targets and scale to a loss; shapes as `anchor_softmax`."""


def make_objective(
    config: DistillConfig, species: Sequence[Species], device: torch.device
) -> Objective:
    """The objective that `config.loss` names.

    The softmaxes over all anchors also pull each sound to its own, weighed by `config.pull`.

    Args:
        config: `loss`, `smoothing` and `pull`.
        species: what the labels index.
        device: of the training.
    """
    if config.loss == "info_nce":
        return info_nce
    if config.loss == "multi_positive":
        return multi_positive
    if config.loss == "hierarchical_softmax":
        targets = hierarchical_targets(species, config.smoothing).to(device)
        return _pulled(partial(hierarchical_softmax, targets=targets), config.pull)
    if config.loss == "multi_label":
        softmax = partial(multi_label_softmax, smoothing=config.smoothing)
        return _pulled(softmax, config.pull, shared_pull)
    return _pulled(partial(anchor_softmax, smoothing=config.smoothing), config.pull)


def _pulled(
    softmax: Objective,
    weight: float,
    pull: Callable[[Tensor, Tensor, Tensor], Tensor] = anchor_pull,
) -> Objective:
    def objective(embedded: Tensor, texts: Tensor, labels: Tensor, scale: Tensor) -> Tensor:
        value = softmax(embedded, texts, labels, scale)
        return value + weight * pull(embedded, texts, labels)

    return objective
