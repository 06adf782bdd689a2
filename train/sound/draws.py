"""Draws of taught sounds: how often each kind is heard, and each mixture of a kind.

Half of the mixtures hold no bird that the network is sure of. A student that hears the others more
often learns the names in fewer steps (importance sampling, Katharopoulos & Fleuret 2018, arXiv
1803.00942, by the teacher's belief in place of the gradient).
"""

from collections.abc import Iterator, Sequence
from typing import NamedTuple

import torch
from torch import Tensor

from train.sound.hint_loss import with_none

_ROOT = 0.5
"""Kinds without a share of their own are drawn by the square roots of their counts."""
_REHEARSED = 0.2
"""Share of the mixtures that a backbone has learned by before."""
_AT_ONCE = 2000
_OTHER, _FAVOURED, _MIXED, _REPEATED = range(4)


class Draws(NamedTuple):
    """Draws of taught sounds."""

    kinds: Tensor
    """int64[sounds]: recordings, those of favoured species, mixtures, rehearsed mixtures."""
    shares: Tensor
    """float64[kinds] of the windows."""
    chances: Tensor
    """float64[sounds], of each among its kind."""


def make_draws(
    favoured: Sequence[bool],
    mixtures: Tensor,
    repeated: Tensor,
    labels: Tensor,
    favoured_windows: float,
    least_chance: float,
) -> Draws:
    """Draws of recordings, which come first, of mixtures, and of rehearsed ones.

    Args:
        favoured: of each recording, if it is of a favoured species.
        mixtures: hints of the mixtures, float16[mixtures, 1, dim + labels].
        repeated: hints of those that are heard again.
        labels: int64[n], columns of the hints that are logits of the species in question.
        favoured_windows: share that recordings of favoured species have; 0: as the others. The
            others are not drawn beside mixtures if something is rehearsed.
        least_chance: of a mixture in which the network knows no bird; that in which it is sure of
            one has 1 more.
    """
    is_favoured = torch.tensor(favoured, dtype=torch.bool) & (favoured_windows > 0)
    kinds = torch.cat(
        [
            torch.where(is_favoured, _FAVOURED, _OTHER),
            torch.full((len(mixtures),), _MIXED),
            torch.full((len(repeated),), _REPEATED),
        ]
    )
    return Draws(
        kinds=kinds,
        shares=_shares(torch.bincount(kinds, minlength=_REPEATED + 1), favoured_windows),
        chances=torch.cat(
            [
                torch.ones(len(favoured)),
                *(chance + least_chance for chance in _beliefs(mixtures, labels)),
                *(chance + least_chance for chance in _beliefs(repeated, labels)),
            ]
        ).double(),
    )


def _shares(counts: Tensor, favoured_windows: float) -> Tensor:
    fixed = torch.zeros(len(counts), dtype=torch.float64)
    fixed[_FAVOURED], fixed[_REPEATED] = favoured_windows, _REHEARSED
    fixed[counts == 0] = 0
    roots = torch.where(fixed > 0, 0, counts.double() ** _ROOT)
    if counts[_REPEATED] and counts[_MIXED]:
        roots[_OTHER] = 0  # they sing in what is rehearsed
    return fixed + (1 - fixed.sum()) * roots / roots.sum().clamp(min=1)


def _beliefs(hints: Tensor, labels: Tensor) -> Iterator[Tensor]:
    """The network's belief that there is a bird of one of the names, some mixtures at a time."""
    for begin in range(0, len(hints), _AT_ONCE):
        logits = hints[begin : begin + _AT_ONCE, 0][:, labels].float()
        yield 1 - with_none(logits).softmax(dim=1)[:, -1]
