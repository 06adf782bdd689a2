"""Channels: which of them are heard, and what is told of those that are not."""

from pathlib import Path

import numpy as np
import pytest
import soundfile

from edge.contract.errors import AudioError
from edge.source.channels import mixdown
from edge.source.recording import read_recording

RATE = 48_000
RNG = np.random.default_rng(0)


@pytest.fixture
def song(tone) -> np.ndarray:
    hiss = RNG.normal(0, 1e-3, 3 * RATE).astype(np.float32)
    return tone(2000, 3.0) * np.linspace(0, 1, 3 * RATE, dtype=np.float32) + hiss


def written(tmp_path: Path, *channels: np.ndarray) -> Path:
    soundfile.write(tmp_path / "a.flac", np.stack(channels, axis=1), RATE, "PCM_24")
    return tmp_path / "a.flac"


@pytest.mark.parametrize(
    ("other", "told"),
    [
        (lambda song: -song, "opposite phase"),
        (lambda song: 0 * song, "channel 2 is silent"),
        (lambda song: 0 * song + 0.5, "channel 2 is silent"),
        (lambda song: 1e-4 * song, "channel 2 is silent"),
        (lambda song: RNG.normal(0, 0.3, len(song)).clip(-1, 1), "channel 2 is nothing but noise"),
    ],
)
def test_a_channel_that_would_spoil_the_mix_is_left_out_and_told(
    tmp_path: Path, song, caplog, other, told: str
) -> None:
    heard, _ = read_recording(written(tmp_path, song, other(song)))
    assert np.abs(heard - song).max() < 1e-4
    (line,) = caplog.messages
    assert told in line
    assert "heard: 1" in line


@pytest.mark.parametrize(
    "other",
    [
        lambda song: song,
        lambda song: 0.3 * song,
        lambda song: np.roll(song, 20),
        lambda song: RNG.normal(0, 1e-3, len(song)) + 0.02 * song,
        lambda song: song + RNG.normal(0, 0.05, len(song)),
    ],
)
def test_sound_channels_are_averaged_without_a_word(tmp_path: Path, song, caplog, other) -> None:
    second = other(song)
    heard, _ = read_recording(written(tmp_path, song, second))
    assert np.abs(heard - (song + second) / 2).max() < 1e-4
    assert not caplog.messages


def test_rain_on_both_channels_and_silence_are_no_faults() -> None:
    rain = RNG.normal(0, 0.1, (RATE, 2)).astype(np.float32)
    for begun in (rain, np.zeros((RATE, 2), np.float32), np.zeros((3, 2), np.float32)):
        assert mixdown("mix", begun).weights.tolist() == [0.5, 0.5]


@pytest.mark.parametrize(
    ("chosen", "place"), [("left", 0), ("right", 1), ("1", 0), ("2", 1), ("3", 2)]
)
def test_a_channel_by_its_side_or_number(chosen: str, place: int) -> None:
    begun = RNG.normal(0, 0.1, (1000, 3)).astype(np.float32)
    assert (mixdown(chosen, begun).apply(begun) == begun[:, place]).all()


@pytest.mark.parametrize("chosen", ["4", "0", "each"])
def test_a_channel_that_is_not_there_is_refused(tmp_path: Path, song, chosen: str) -> None:
    with pytest.raises(AudioError, match=f"has 2 channels, not the asked for {chosen}"):
        mixdown(chosen, np.zeros((10, 2), np.float32))


@pytest.mark.parametrize("chosen", ["mix", "left", "right", "1"])
def test_of_one_channel_every_choice_is_that_one(chosen: str) -> None:
    begun = RNG.normal(0, 0.1, (1000, 1)).astype(np.float32)
    assert (mixdown(chosen, begun).apply(begun) == begun[:, 0]).all()
