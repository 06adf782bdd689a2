import numpy as np
import pytest

from edge.contract.audio import repeat_pad, to_mono_float32
from edge.contract.audio_spec import AudioSpec
from edge.contract.errors import AudioError, BundleError


@pytest.mark.parametrize("values", [(0, 10, 5), (48_000, 0, 0), (48_000, 10, 0), (48_000, 10, -1)])
def test_rate_window_and_hop_must_be_positive(values: tuple[int, int, int]) -> None:
    with pytest.raises(BundleError, match="positive"):
        AudioSpec(*values)


def test_a_hop_longer_than_the_window_would_leave_samples_unheard() -> None:
    with pytest.raises(BundleError, match="never be heard"):
        AudioSpec(48_000, 100, 101)


@pytest.mark.parametrize(("hop", "overlap"), [(100, 1), (51, 2), (50, 2), (49, 3), (1, 100)])
def test_overlap_is_the_number_of_windows_that_hold_one_instant(hop: int, overlap: int) -> None:
    spec = AudioSpec(48_000, 100, hop)
    starts = np.arange(0, 10_000, hop)
    most = max(int(((starts <= at) & (at < starts + 100)).sum()) for at in range(1000, 1200))
    assert spec.overlap == most == overlap


@pytest.mark.parametrize("dtype", ["int16", "int32"])
def test_integers_scale_to_full_scale(dtype: str) -> None:
    limits = np.iinfo(dtype)
    scaled = to_mono_float32(np.array([limits.min, 0, limits.max], dtype))
    assert scaled.dtype == np.float32
    assert scaled.tolist() == pytest.approx([-1, 0, 1], abs=1e-4)
    assert np.abs(scaled).max() <= 1


def test_channels_are_averaged() -> None:
    stereo = np.array([[0.5, -0.5], [0.25, 0.75]], np.float64)
    assert to_mono_float32(stereo).tolist() == [0.0, 0.5]


def test_one_channel_is_left_as_it_is() -> None:
    samples = np.linspace(-1, 1, 7, dtype=np.float32)
    assert (to_mono_float32(samples) == samples).all()
    assert (to_mono_float32(samples[:, None]) == samples).all()


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
def test_samples_that_are_not_finite_are_refused(bad: float) -> None:
    with pytest.raises(AudioError, match="NaN or infinite"):
        to_mono_float32(np.array([[0, bad]], np.float32))


@pytest.mark.parametrize(
    "pcm", [np.zeros((1, 1, 1), np.float32), np.float32(0), np.array(["a"]), np.zeros(2, complex)]
)
def test_what_is_no_audio_is_refused(pcm: np.ndarray) -> None:
    with pytest.raises(AudioError, match="expected samples"):
        to_mono_float32(np.asarray(pcm))


@pytest.mark.parametrize("length", [1, 2, 3, 4, 5, 9, 10])
def test_repeat_pad_tiles_whole_copies_and_adds_zeros(length: int) -> None:
    clip = np.arange(1, length + 1, dtype=np.float32)
    padded = repeat_pad(clip, 10)
    copies = 10 // length
    assert len(padded) == 10
    assert padded.dtype == np.float32
    assert (padded[: copies * length].reshape(copies, length) == clip).all()
    assert (padded[copies * length :] == 0).all()


def test_repeat_pad_leaves_long_clips_alone() -> None:
    clip = np.ones(11, np.float32)
    assert repeat_pad(clip, 10) is clip
