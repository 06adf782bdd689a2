"""A large gallery is searched by signs, and finds what a look at every row would."""

import numpy as np
import pytest

from edge.contract.gallery import Gallery, GalleryRow
from edge.recognition import bits
from edge.recognition.search import Search

DIM, SPECIES, PICTURES = 128, 400, 8


def unit(rows):
    return rows / np.linalg.norm(rows, axis=1, keepdims=True)


@pytest.fixture(scope="module")
def looks():
    """float[species, 2, dim]: hen and cock of each."""
    return np.random.default_rng(0).standard_normal((SPECIES, 2, DIM))


@pytest.fixture(scope="module")
def gallery(looks):
    spread = 0.5 * np.random.default_rng(1).standard_normal((SPECIES, PICTURES, DIM))
    rows = unit((looks[:, np.minimum(np.arange(PICTURES), 1)] + spread).reshape(-1, DIM))
    names = (f"bird_{n}" for n in range(SPECIES))
    table = tuple(GalleryRow(name, "", "", "", "") for name in names for _ in range(PICTURES))
    return Gallery(rows.astype(np.float16), table)


@pytest.mark.parametrize("numpy_counts", [True, False])
def test_a_bird_of_whom_one_picture_shows_another_look_is_found(
    gallery, looks, monkeypatch, numpy_counts
):
    if not numpy_counts:
        monkeypatch.delattr(np, "bitwise_count", raising=False)
    random = np.random.default_rng(2)
    noise = random.standard_normal((60, DIM))
    windows = unit(looks[:60, 0] + 1.2 * noise).astype(np.float32)
    names = list(gallery.members)
    background = unit(random.standard_normal((50, DIM))).astype(np.float16)
    exact, listed = (
        Search(gallery, names, 1, background, many_rows=many).scores(windows)
        for many in (10**9, 100)
    )
    winners = exact.score.argmax(axis=1)
    assert (listed.score.argmax(axis=1) == winners).all()
    every = np.arange(60)
    assert np.allclose(listed.score[every, winners], exact.score[every, winners], atol=1e-4)


@pytest.mark.parametrize("dim", [1, 63, 64, 100])
def test_signs_of_any_number_of_dimensions_are_compared(dim):
    rows = np.random.default_rng(3).standard_normal((20, dim)).astype(np.float32)
    found = bits.distances(bits.signs(rows).T, bits.signs(rows[:1])[0])
    assert found.tolist() == ((rows > 0) != (rows[0] > 0)).sum(axis=1).tolist()
