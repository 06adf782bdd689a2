"""Where a song begins."""

import numpy as np
import pytest

from edge.contract.audio import AudioSpec
from edge.onset import Onset, rise
from edge.source.framing import Window, frame_waveform

RATE_HZ = 48_000
SPEC = AudioSpec(RATE_HZ, 120_000, 30_000)
LENGTH_S = 10.0


def song(
    start_s: float, end_s: float = LENGTH_S, noise: float = 0.01, level: float = 0.1
) -> np.ndarray:
    """Syllables of a tenth of a second and pauses as long, float32, over noise."""
    time = np.arange(int(LENGTH_S * RATE_HZ)) / RATE_HZ
    sounds = (time >= start_s) & (time < end_s) & ((time - start_s) % 0.2 < 0.1)
    random = np.random.default_rng(0).standard_normal(len(time))
    whole = level * np.sin(2 * np.pi * 4000 * time) * sounds + noise * random
    return whole.astype(np.float32)


def onset(waveform: np.ndarray, expected_s: float, latest_s: float = LENGTH_S) -> float:
    """In seconds, after the whole waveform was heard."""
    ear = Onset(SPEC)
    for window in frame_waveform(waveform, RATE_HZ, SPEC):
        ear.hear(window)
    return ear.near(round(expected_s * RATE_HZ), round(latest_s * RATE_HZ)) / RATE_HZ


@pytest.mark.parametrize("start_s", [3.0, 4.4, 5.5])
@pytest.mark.parametrize("off_s", [-1.1, -0.3, 0.0, 0.6, 1.1])
@pytest.mark.parametrize(("noise", "level"), [(0.01, 0.1), (0.1, 0.1), (0.0, 0.1), (1e-5, 1e-3)])
def test_it_is_found_half_a_window_away(
    start_s: float, off_s: float, noise: float, level: float
) -> None:
    found = onset(song(start_s, noise=noise, level=level), start_s + off_s)
    assert found == pytest.approx(start_s, abs=0.03)


def test_the_end_of_a_song_is_no_beginning() -> None:
    assert onset(song(3.0, 6.0), 3.4) == pytest.approx(3.0, abs=0.03)


@pytest.mark.parametrize("constant", [0.0, 0.5])
def test_where_nothing_rises_the_expected_place_stays(constant: float) -> None:
    still = np.full(int(LENGTH_S * RATE_HZ), constant, np.float32)
    assert onset(still, 5.123) == 5.123


def test_it_is_never_later_than_it_can_be() -> None:
    assert onset(song(5.0), 4.2, latest_s=4.5) < 4.5


def test_a_gap_is_not_bridged() -> None:
    ear, before, after = Onset(SPEC), song(2.0), song(LENGTH_S)
    ear.hear(Window(0, before[:120_000]))
    ear.hear(Window(3 * RATE_HZ, after[:120_000]))
    place = round(3.1 * RATE_HZ)
    assert ear.near(place, place + RATE_HZ) >= 3 * RATE_HZ


def test_what_is_held_no_longer_leaves_the_expected_place() -> None:
    assert onset(song(1.0, 20.0), -3.0) == -3.0


def test_a_place_out_of_range_is_no_rise() -> None:
    sound = (song(5.0) * 32767).astype(np.int16)
    assert rise(sound, RATE_HZ, len(sound), len(sound) + 10) is None
