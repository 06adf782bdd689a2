"""One independent random generator per named item, so that order and process count never matter."""

import hashlib

import numpy as np


def generator(seed: int, *names: object) -> np.random.Generator:
    """Return the generator of one item.

    Args:
        seed: Seed of the whole data set, not negative.
        names: What the generator is for, e.g. ``("song", "parus_major", 3)``.

    Returns:
        A generator that depends on the seed and the names only.
    """
    digest = hashlib.sha256("/".join(map(str, names)).encode()).digest()
    words = [int.from_bytes(digest[i : i + 4], "little") for i in range(0, 16, 4)]
    return np.random.default_rng(np.random.SeedSequence([seed, *words]))
