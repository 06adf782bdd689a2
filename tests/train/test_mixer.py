"""Mixtures of recordings: birds at other speeds, over background that may be the louder."""

import numpy as np
import pytest

pytest.importorskip("torch")
from train.sound.mixer import Mixer

RATE = 48_000


def tone(hz: float, seconds: float = 5.0) -> np.ndarray:
    moments = np.arange(round(seconds * RATE)) / RATE
    return (0.2 * np.sin(2 * np.pi * hz * moments)).astype(np.float16)


def test_mixtures_are_of_one_length_at_one_peak_and_repeatable():
    mixers = [Mixer([tone(2000), tone(5000, 0.5)], [tone(100)], RATE, seed=3) for _ in range(2)]
    drawn = [[mixer.draw() for _ in range(12)] for mixer in mixers]
    for one, again in zip(*drawn, strict=True):
        assert one.dtype == np.float32
        assert len(one) == 3 * RATE
        assert np.abs(one).max() == pytest.approx(0.5, rel=1e-3)
        assert np.array_equal(one, again)


def test_some_mixtures_are_background_alone():
    mixer = Mixer([tone(6000)], [tone(100)], RATE, seed=0, birdless=0.5)
    spectra = [np.abs(np.fft.rfft(mixer.draw())) for _ in range(40)]
    low = [one[: 3 * 200].max() > 20 * one[3 * 3000 : 3 * 9000].max() for one in spectra]
    assert 8 < sum(low) < 32
    without = Mixer([tone(6000)], [], RATE, seed=0, birdless=0.5)
    assert np.abs(np.fft.rfft(without.draw())).argmax() > 3 * 3000


@pytest.mark.parametrize("birdless", [0.0, 1.0], ids=["birds", "background alone"])
def test_sounds_are_paired_and_played_at_other_speeds(birdless):
    sounds, silence = [tone(2000), tone(6000)], [np.zeros(5 * RATE, np.float16)]
    birds, background = (silence, sounds) if birdless else (sounds, [])
    mixer = Mixer(birds, background, RATE, seed=0, birdless=birdless)
    peaks = set()
    paired = 0
    for _ in range(30):
        spectrum = np.abs(np.fft.rfft(mixer.draw()))
        strong = np.flatnonzero(spectrum > 0.05 * spectrum.max()) / 3
        paired += strong.max() > 1.5 * strong.min()
        peaks.add(round(spectrum.argmax() / 3, -2))
    assert 5 < paired < 25
    assert len(peaks) > 4


def test_background_lies_from_far_below_the_bird_to_above_it():
    mixer = Mixer([tone(6000)], [tone(100)], RATE, seed=0)
    spectra = [np.square(np.abs(np.fft.rfft(mixer.draw()))) for _ in range(200)]
    ratios = [
        10 * np.log10(one[3 * 3000 : 3 * 9000].sum() / (one[3 * 90 : 3 * 110].sum() + 1))
        for one in spectra
    ]
    assert sum(ratio < 0 for ratio in ratios) > 20
    assert sum(ratio > 15 for ratio in ratios) > 40


def test_what_leads_is_drawn_by_its_weight():
    birds = [tone(2000), tone(6000, 50)]
    leads = [Mixer(birds, [], RATE, seed=seed, weights=[1, 0]).draw() for seed in range(20)]
    peaks = [np.abs(np.fft.rfft(one)).argmax() / 3 for one in leads]
    assert sum(peak < 3000 for peak in peaks) > 12
