import numpy as np
import pytest

from edge.contract.float_level import FloatLevel, float_level

SOUND = np.random.default_rng(0).uniform(-1, 1, 100_000).astype(np.float32)


def with_clicks(sound: np.ndarray, value: float, count: int = 3) -> np.ndarray:
    clicked = sound.copy()
    clicked[:count] = value
    return clicked


@pytest.mark.parametrize("scale", [1e-30, 1e-4, 0.5, 1.0, 1.9])
def test_sound_within_full_scale_or_little_above_is_left_as_it_is(scale: float) -> None:
    sound = SOUND * np.float32(scale)
    level = float_level([sound])
    assert level == FloatLevel()
    assert (level.apply(sound) == sound).all()


@pytest.mark.parametrize("exponent", [2, 3, 7, 15, 31])
def test_the_level_is_the_power_of_two_that_sound_keeps_to(exponent: int) -> None:
    sound = SOUND * np.float32(2.0**exponent)
    level = float_level(np.split(sound, 10))
    assert level == FloatLevel(exponent)
    assert level.gain_db == pytest.approx(-6.02 * exponent, abs=0.1)
    assert (level.apply(sound) == SOUND).all()


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf, 17.0, 1e5, -1e30, 3e38])
def test_few_damaged_samples_do_not_silence_the_others(value: float) -> None:
    sound = with_clicks(SOUND, value)
    level = float_level([sound])
    assert level == FloatLevel(0, damaged=3)
    heard = level.apply(sound)
    assert (heard[:3] == 0).all()
    assert (heard[3:] == SOUND[3:]).all()


def test_clicks_somewhat_above_the_level_are_sound() -> None:
    sound = with_clicks(SOUND, 15.0)
    assert float_level([sound]) == FloatLevel()
    assert (FloatLevel().apply(sound) == sound).all()


@pytest.mark.parametrize("value", [np.nan, 1e12, 3e38])
def test_what_no_recorder_writes_is_damage_however_much_there_is(value: float) -> None:
    sound = with_clicks(SOUND, value, count=90_000)
    assert float_level([sound]) == FloatLevel(0, damaged=90_000)


def test_a_recording_of_damage_alone_is_silent() -> None:
    broken = np.full((100, 2), np.nan, np.float32)
    level = float_level([broken])
    assert level == FloatLevel(0, damaged=200)
    assert (level.apply(broken) == np.zeros((100, 2))).all()
    assert float_level([]) == FloatLevel()


def test_the_type_of_samples_is_kept() -> None:
    assert FloatLevel(3).apply(SOUND).dtype == np.float32
    assert FloatLevel(3).apply(SOUND.astype(np.float64)).dtype == np.float64
