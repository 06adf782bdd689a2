"""The losses of localisation, each against a literal numpy form of its equation."""

import numpy as np
import pytest

torch = pytest.importorskip("torch")
from train.bridges.localisation_losses import (  # noqa: E402
    audio_hint,
    best_place,
    map_hint,
    max_over_places,
)

TAU = 0.03
CLIPS, HEIGHT, WIDTH, DIM = 5, 3, 4, 6


@pytest.fixture
def pair():
    random = np.random.default_rng(4)
    places = random.normal(size=(CLIPS, HEIGHT, WIDTH, DIM)).astype(np.float32)
    heard = random.normal(size=(CLIPS, DIM)).astype(np.float32)
    return unit(places), unit(heard)


def unit(rows):
    return rows / np.linalg.norm(rows, axis=-1, keepdims=True)


def found(function, *arrays):
    return float(function(*map(torch.from_numpy, arrays)))


def literal_logits(places, heard):
    logits = np.full((CLIPS, CLIPS), -np.inf)
    for n in range(CLIPS):
        for m in range(CLIPS):
            for y in range(HEIGHT):
                for x in range(WIDTH):
                    logits[n, m] = max(logits[n, m], places[n, y, x] @ heard[m] / TAU)
    return logits


def literal_cross_entropy(logits):
    rows = [np.log(np.exp(row - row.max()).sum()) + row.max() for row in logits]
    return np.mean([row - logits[n, n] for n, row in enumerate(rows)])


def test_the_best_place_is_the_maximum_over_all(pair):
    logits = best_place(*map(torch.from_numpy, pair), TAU).numpy()
    assert logits == pytest.approx(literal_logits(*pair), rel=1e-4)


def test_the_contrast_is_the_sum_of_both_ways(pair):
    logits = literal_logits(*pair)
    expected = literal_cross_entropy(logits) + literal_cross_entropy(logits.T)
    value = max_over_places(*map(torch.from_numpy, pair), TAU)
    assert float(value) == pytest.approx(expected, rel=1e-4)


def test_the_audio_hint_is_a_mean_square_to_the_unit_teacher_without_rows_of_nan(pair):
    heard = pair[1]
    taught = np.random.default_rng(5).normal(size=heard.shape).astype(np.float32)
    taught[2, 1] = np.nan
    rows = [0, 1, 3, 4]
    expected = np.mean([(heard[n] - taught[n] / np.linalg.norm(taught[n])) ** 2 for n in rows])
    assert found(audio_hint, heard, taught) == pytest.approx(expected, rel=1e-5)


def test_a_hint_of_nothing_costs_nothing_and_has_a_gradient_of_zeros(pair):
    heard = torch.from_numpy(pair[1]).requires_grad_()
    places = torch.from_numpy(pair[0]).requires_grad_()
    value = audio_hint(heard, torch.full((CLIPS, DIM), torch.nan))
    value = value + map_hint(places, torch.full((CLIPS, 5, 5), torch.nan))
    value.backward()
    assert float(value.detach()) == 0
    assert not heard.grad.any()
    assert not places.grad.any()


def literal_bilinear(plane, height, width):
    """One channel, resampled with pixel centres at half steps (`align_corners=False`)."""
    rows, columns = plane.shape
    made = np.zeros((height, width))
    for i in range(height):
        for j in range(width):
            y = min(max((i + 0.5) * rows / height - 0.5, 0), rows - 1)
            x = min(max((j + 0.5) * columns / width - 0.5, 0), columns - 1)
            top, left = int(y), int(x)
            bottom, right = min(top + 1, rows - 1), min(left + 1, columns - 1)
            upper = plane[top, left] * (1 - x + left) + plane[top, right] * (x - left)
            lower = plane[bottom, left] * (1 - x + left) + plane[bottom, right] * (x - left)
            made[i, j] = upper * (1 - y + top) + lower * (y - top)
    return made


def test_the_map_hint_is_a_mean_square_to_the_resized_mean_over_channels(pair):
    places = pair[0]
    maps = np.random.default_rng(6).random((CLIPS, 7, 5)).astype(np.float32)
    maps[3, 0, 0] = np.nan
    squares = []
    for n in (0, 1, 2, 4):
        channels = [literal_bilinear(places[n, :, :, c], 7, 5) for c in range(DIM)]
        squares.append((np.mean(channels, axis=0) - maps[n]) ** 2)
    assert found(map_hint, places, maps) == pytest.approx(np.mean(squares), rel=1e-4)
