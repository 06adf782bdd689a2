import numpy as np
import pytest

torch = pytest.importorskip("torch")
from transformers import ClapFeatureExtractor  # noqa: E402

from export.signals import signals  # noqa: E402
from train.model.frontend import LogMel, LogMelSpec  # noqa: E402


@pytest.fixture(scope="module")
def extractor():
    return ClapFeatureExtractor(frequency_min=50, truncation="rand_trunc", max_length_s=10)


@pytest.mark.parametrize("exported", [False, True])
@pytest.mark.parametrize("name", list(signals(4800)))
def test_log_mel_equals_claps_own(extractor, exported, name):
    waveform = signals(480_000)[name]
    expected = extractor(waveform, sampling_rate=48_000, return_tensors="pt")["input_features"]
    frontend = LogMel(LogMelSpec.from_extractor(extractor), exported)
    found = frontend(torch.from_numpy(waveform)[None])
    assert found.shape == expected.shape == (1, 1, 1001, 64)
    # Bins 60 dB under the loudest are rounding noise of a float32 transform, theirs and ours.
    audible = expected > expected.max() - 60
    assert (found - expected)[audible].abs().max() < 0.05
    assert (found - expected)[audible].abs().mean() < 1e-3


def test_ordinary_noise_agrees_to_a_ten_thousandth_of_a_decibel(extractor):
    noise = signals(480_000)["noise"]
    expected = extractor(noise, sampling_rate=48_000, return_tensors="pt")["input_features"]
    for exported in (False, True):
        frontend = LogMel(LogMelSpec.from_extractor(extractor), exported)
        found = frontend(torch.from_numpy(noise)[None])
        assert (found - expected).abs().max() < 1e-4


def test_only_the_bins_that_the_filterbank_uses_are_kept():
    spec = LogMelSpec()
    bins = LogMel(spec).filters.shape[0]
    assert bins * spec.sample_rate_hz / spec.fft_samples == pytest.approx(spec.max_hz, abs=60)
    assert bins < spec.fft_samples // 2


def test_silence_is_the_floor():
    assert np.allclose(LogMel(LogMelSpec())(torch.zeros(1, 4800)).numpy(), -100)
