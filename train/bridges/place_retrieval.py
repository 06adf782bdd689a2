"""Validation of localisation without boxes or names: a sound finds its frame by its best place."""

from collections.abc import Callable

import torch

from train.bridges.localisation_losses import best_place
from train.bridges.localiser import Localiser
from train.bridges.pairs import PairSet
from train.bridges.pixels import FramePixels
from train.engine.ranks import ALONE, Ranks

_MOMENTS = 4
"""Frames of a clip that are asked for."""


def place_retrieval(
    localiser: Localiser, pairs: PairSet, pixels: FramePixels, ranks: Ranks = ALONE
) -> Callable[[], float]:
    """Mean reciprocal rank of a sound's own frame among those of all clips, by the best place.

    Args:
        localiser: is taken as it is whenever it is asked.
        pairs: clips of the validation split.
        pixels: their frames.
        ranks: all know the first one's score, so that none ends before the others.
    """
    clips = [*range(len(pairs.clips))]
    frames = pairs.bank.times_s.shape[1]
    moments = [frames * (2 * n + 1) // (2 * _MOMENTS) for n in range(_MOMENTS)]

    def score() -> float:
        positions = []
        for moment in moments:
            times_s = pairs.bank.times_s[:, moment].tolist()
            heard = localiser.hear(localiser.windows(pairs, clips, times_s))
            places = localiser.look(pixels.of(clips, [moment] * len(clips)))
            likeness = best_place(places, heard, 1.0).T
            positions.append((likeness >= likeness.diagonal()[:, None]).sum(dim=1))
        return float((1 / torch.cat(positions)).mean())

    return lambda: float(ranks.from_first(score() if ranks.first else None))
