"""Medoids: the few pictures of a species that stand for all of them (PAM)."""

import numpy as np

from edge.contract.arrays import Float32s, Places

_GAIN = 1e-5
"""Least gain of a swap: below it float32 goes round in circles."""


def medoids(distance: Float32s, count: int) -> Places:
    """Places whose distances to all others sum up to the least, as far as swaps find it.

    They are built greedily, then the best swap is done until none helps (PAM, Kaufman & Rousseeuw
    1987; all swaps are weighed at once as in FastPAM1, Schubert & Rousseeuw 2021, section 3).

    Args:
        distance: float32[n, n], symmetric, 0 on its diagonal.
        count: how many, below n.

    Returns:
        intp[count], in ascending order.
    """
    chosen = _built(distance, count)
    while (swap := _best_swap(distance, chosen)) is not None:
        medoid, candidate = swap
        chosen[medoid] = candidate
    return np.sort(chosen)


def _built(distance: Float32s, count: int) -> Places:
    """Medoids that each lessen the sum the most, one after another."""
    chosen, near = list[int](), np.full(len(distance), distance.max() + 1, np.float32)
    for _ in range(count):
        gain = np.maximum(near[:, None] - distance, 0).sum(axis=0)
        gain[chosen] = -1
        chosen.append(int(gain.argmax()))
        near = np.minimum(near, distance[:, chosen[-1]])
    return np.array(chosen, np.intp)


def _best_swap(distance: Float32s, chosen: Places) -> tuple[int, int] | None:
    """Number of a medoid, and the place that had better take its turn; None if none is better."""
    own = distance[:, chosen]  # [n, medoids]
    owner, near = own.argmin(axis=1), own.min(axis=1)[:, None]
    others = own.copy()
    others[np.arange(len(own)), owner] = distance.max() + 1
    second = others.min(axis=1)[:, None]  # [n, 1]: once the nearest is gone
    shared = np.minimum(distance - near, 0)  # [n, candidates]: the nearest stays
    lost = np.minimum(distance, second) - near - shared
    is_owner = np.zeros((len(chosen), len(distance)), np.float32)
    is_owner[owner, np.arange(len(distance))] = 1
    change = is_owner @ lost + shared.sum(axis=0)  # [medoids, candidates]
    change[:, chosen] = np.inf
    medoid, candidate = np.unravel_index(change.argmin(), change.shape)
    return (int(medoid), int(candidate)) if change[medoid, candidate] < -_GAIN else None
