"""A linear classifier on frozen features: what a supervised listener would make of them."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor
from torch.nn import functional

from train.baselines import Embeddings

_STEPS = 200
_PENALTY = 3e-3
_LEAST_DEVIATION = 0.05
"""Relative to the spread of all features: a dead feature must not be blown up."""


@dataclass(frozen=True)
class Probe:
    """Multinomial logistic regression over standardised features."""

    mean: Tensor
    deviation: Tensor
    weight: Tensor
    bias: Tensor

    def log_probability(self, features: Embeddings) -> Embeddings:
        """float32[n, width] -> float32[n, classes]."""
        inputs = (torch.from_numpy(features) - self.mean) / self.deviation
        logits = inputs @ self.weight + self.bias
        found: Embeddings = logits.log_softmax(dim=1).numpy()
        return found


def fit_probe(features: Embeddings, labels: npt.NDArray[np.intp]) -> Probe:
    """Fit with every class at the same weight and an L2 penalty, by L-BFGS.

    Args:
        features: float32[n, width].
        labels: int[n] classes; each from 0 to the highest has a row.
    """
    inputs, targets = torch.from_numpy(features), torch.from_numpy(labels)
    mean, spread = inputs.mean(dim=0), inputs.std(dim=0)
    deviation = spread + _LEAST_DEVIATION * inputs.std()
    standard = (inputs - mean) / deviation
    counts = torch.bincount(targets)
    weight = torch.zeros(inputs.shape[1], len(counts), requires_grad=True)
    bias = torch.zeros(len(counts), requires_grad=True)
    optimizer = torch.optim.LBFGS([weight, bias], max_iter=_STEPS)

    def closure() -> Tensor:
        optimizer.zero_grad()
        logits = standard @ weight + bias
        loss = functional.cross_entropy(logits, targets, weight=1 / counts.float())
        total: Tensor = loss + _PENALTY * weight.square().sum()
        total.backward()  # type: ignore[no-untyped-call]
        return total

    optimizer.step(closure)  # type: ignore[no-untyped-call]
    return Probe(mean, deviation, weight.detach(), bias.detach())
