"""What no bird makes is never reported, by either shipped bundle."""

import numpy as np
import pytest
import soundfile

from edge.config import DEMO_BUNDLE, PACKAGED_BUNDLE

RATE_HZ, SECONDS = 48_000, 12
TIME = np.arange(RATE_HZ * SECONDS) / RATE_HZ


def white(seed=0):
    return np.random.default_rng(seed).standard_normal(len(TIME))


def hum(hz):
    return sum(np.sin(2 * np.pi * hz * n * TIME) / n for n in range(1, 12))


SIGNALS = {
    "silence": 0 * TIME,
    "dither of one bit": np.random.default_rng(0).integers(-1, 2, len(TIME)) / 32768,
    "an offset": 0 * TIME + 0.3,
    "an offset under hiss": 0.3 + 1e-3 * white(),
    "hum of 50 Hz": 0.1 * hum(50),
    "hum of 60 Hz": 0.03 * hum(60) + 1e-4 * white(),
    "white noise": 0.1 * white(),
    "loud white noise": np.clip(3 * white(), -1, 1),
    "a clipped tone": np.clip(20 * np.sin(2 * np.pi * 1000 * TIME), -1, 1),
    "a clipped high tone": np.clip(20 * np.sin(2 * np.pi * 4000 * TIME), -1, 1),
    "one sample stuck": np.where(TIME > 5, 0.7, 0),
}


@pytest.mark.parametrize("bundle", [DEMO_BUNDLE, PACKAGED_BUNDLE], ids=lambda one: one.name)
@pytest.mark.parametrize("name", SIGNALS)
def test_nothing_is_reported_where_nothing_sings(birdlisten, tmp_path, bundle, name):
    soundfile.write(tmp_path / "x.wav", SIGNALS[name], RATE_HZ, subtype="PCM_16")
    sound = ("--input", tmp_path / "x.wav", "--bundle", bundle, "--station", tmp_path)
    ended = birdlisten(*sound, "--json")
    assert (ended.code, ended.out) == (0, "")
    assert "windows heard" in ended.err
