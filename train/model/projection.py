"""From a tower's features to the teacher's space."""

import torch
from torch import Tensor, nn

_DROPOUT = 0.3
"""Of a hidden layer."""
_NONE = 0.5
"""Weight of the direction of no name, beside names that are each believed from 0 to 1."""


def make_projection(features: int, dim: int, hidden: int = 0, names: int = 0) -> nn.Module:
    """A projection that has learned nothing.

    Args:
        features: their width.
        dim: dimension of the teacher's space.
        hidden: width of a hidden layer, 0 projects linearly; of a `NamesProjection` the rank.
        names: of a `NamesProjection`; 0 makes none.
    """
    if names:
        return NamesProjection(features, names, dim, hidden)
    if not hidden:
        return nn.Linear(features, dim)
    layers = (nn.Linear(features, hidden), nn.GELU(), nn.Dropout(_DROPOUT), nn.Linear(hidden, dim))
    return nn.Sequential(*layers)


class NamesProjection(nn.Module):
    """The mean of names' anchors, each weighted by the belief that it is the right one.

    ConSE's convex combination (Norouzi et al. 2014, arXiv 1312.5650), with a constant weight on a
    direction of no name: without it a window of noise would be the name that it resembles least
    badly.

    Args:
        features: their width.
        names: how many there are.
        dim: dimension of the teacher's space.
        rank: of the classifier's weights, kept as two factors if these are smaller; 0: kept whole.
    """

    def __init__(self, features: int, names: int, dim: int, rank: int = 0) -> None:
        super().__init__()
        saves = 0 < rank * (features + names) < features * names
        self._rank = rank if saves else 0
        self.classifier = _make_classifier(features, names, self._rank)
        self.anchors = nn.Linear(names, dim)

    def forward(self, features: Tensor) -> Tensor:
        """float32[batch, features] -> float32[batch, dim]."""
        mean: Tensor = self.anchors(torch.sigmoid(self.classifier(features)))
        return mean

    @torch.no_grad()
    def lay(self, weight: Tensor, bias: Tensor, anchors: Tensor) -> None:
        """Begin with a classifier that tells the names, and with their anchors.

        Args:
            weight: float32[names, features].
            bias: float32[names].
            anchors: float32[names, dim], unit rows.
        """
        parameters = (*_factors(weight, self._rank), bias) if self._rank else (weight, bias)
        for own, given in zip(self.classifier.parameters(), parameters, strict=True):
            own.copy_(given)
        self.anchors.weight.copy_(anchors.T)
        self.anchors.bias.copy_(_NONE * _farthest(anchors))


def _make_classifier(features: int, names: int, rank: int) -> nn.Module:
    if not rank:
        return nn.Linear(features, names)
    return nn.Sequential(nn.Linear(features, rank, bias=False), nn.Linear(rank, names))


def _factors(weight: Tensor, rank: int) -> tuple[Tensor, Tensor]:
    """The two whose product is nearest to the weights (Eckart and Young 1936), the first ahead."""
    left, values, right = torch.linalg.svd(weight, full_matrices=False)
    roots = values[:rank].sqrt()
    return roots[:, None] * right[:rank], left[:, :rank] * roots


def _farthest(anchors: Tensor) -> Tensor:
    """The direction in which the anchors have least, float32[dim], unit length."""
    directions: Tensor = torch.linalg.svd(anchors, full_matrices=True)[2]
    return directions[-1]
