import math

import numpy as np
import pytest

pytest.importorskip("torch")
from edge.contract.audio import AudioSpec
from gallery.curve import (
    ScoredWindows,
    false_matches,
    false_threshold,
    fit_platt,
    true_matches,
)
from gallery.takes import Take, mixtures

SPEC = AudioSpec(48_000, 120_000, 30_000)


def test_platt_recovers_the_curve_that_drew_the_labels():
    random = np.random.default_rng(0)
    score = random.normal(0, 2, 20_000)
    there = random.random(20_000) < 1 / (1 + np.exp(-(1.7 * score - 0.8)))
    slope, intercept = fit_platt(score, there)
    assert slope == pytest.approx(1.7, rel=0.06)
    assert intercept == pytest.approx(-0.8, rel=0.1)


def test_platt_stays_finite_on_a_perfect_split():
    score = np.concatenate([np.zeros(50), np.ones(50)])
    slope, intercept = fit_platt(score, score > 0.5)
    assert math.isfinite(slope)
    assert slope > 0
    assert math.isfinite(intercept)


def windows_of(there, takes=1):
    take = np.repeat(np.arange(takes), len(there) // takes)
    return ScoredWindows(there.astype(np.float32), there, take, np.zeros(len(take), bool), SPEC)


def test_the_threshold_makes_at_most_one_false_match_an_hour():
    random = np.random.default_rng(1)
    there = random.random((4 * 5760, 3)) < 0.1
    probability = random.random(there.shape) ** 4
    windows = windows_of(there, takes=4)
    threshold = false_threshold(probability, windows)
    hours = 4
    assert false_matches(probability, windows, threshold) <= hours
    assert false_matches(probability, windows, threshold - 0.01) > hours
    assert 0.5 < threshold < 0.99


def test_false_matches_are_what_the_confirmation_confirms():
    there = np.zeros((12, 2), bool)
    probability = np.zeros((12, 2))
    probability[[2, 4], 0] = 0.9  # two hits within a window's length, not next to each other
    probability[[1, 9], 1] = 0.9  # too far apart
    windows = windows_of(there)
    assert false_matches(probability, windows, 0.8) == 1
    assert false_matches(probability, windows, 0.95) == 0
    assert true_matches(probability, windows, 0.8) == (0, 0)
    there[:, 0] = True
    assert false_matches(probability, windows_of(there), 0.8) == 0
    assert true_matches(probability, windows_of(there), 0.8) == (1, 1)
    assert true_matches(probability, windows_of(there), 0.95) == (0, 1)


def test_nothing_false_still_asks_for_even_odds():
    there = np.ones((100, 2), bool)
    assert false_threshold(np.ones((100, 2)), windows_of(there)) == 0.5


def test_a_mixture_sings_with_both_birds_and_does_not_clip():
    time_s = np.arange(48_000) / 48_000
    low = Take(np.sin(2 * np.pi * 500 * time_s).astype(np.float32), frozenset({"owl"}))
    high = Take(np.sin(2 * np.pi * 5000 * time_s).astype(np.float32), frozenset({"tit"}))
    quiet = Take(np.full(100, 0.01, np.float32), frozenset())
    made = list(mixtures([low, high], [quiet]))
    both = [one for one in made if one.species_ids == {"owl", "tit"}]
    assert both
    for one in both:
        spectrum = np.abs(np.fft.rfft(one.waveform))
        assert min(spectrum[500], spectrum[5000]) > 100 * np.median(spectrum)
        assert np.abs(one.waveform).max() <= 1
