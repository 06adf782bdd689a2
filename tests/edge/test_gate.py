from collections.abc import Callable

import numpy as np
import pytest

from edge.contract.audio import repeat_pad
from edge.dsp.gate import Gate, GateConfig, Texture, _medians, judge
from edge.dsp.gate import passing as windows_that_pass
from edge.source.framing import Window

CONFIG = GateConfig()
SAMPLES = 48_000


def noise(level: float, seed: int = 0) -> np.ndarray:
    return (level * np.random.default_rng(seed).normal(size=SAMPLES)).astype(np.float32)


def tone(level: float) -> np.ndarray:
    return (level * np.sin(np.arange(SAMPLES) * 0.3)).astype(np.float32)


def passing() -> np.ndarray:
    """Bursts with silence between, as of a bird."""
    return tone(1.0) * (np.arange(SAMPLES) // 4800 % 2).astype(np.float32)


def constant(value: float) -> np.ndarray:
    return np.full(SAMPLES, value, np.float32)


@pytest.mark.parametrize(
    ("samples", "reason"),
    [
        (constant(0), "flat_line"),
        (constant(0.1), "dc"),
        (constant(-1), "dc"),
        (constant(0.5) + noise(1e-4), "dc"),
        (noise(1e-5), "silence"),
        (noise(1e-5) + constant(1e-5), "silence"),
        (np.clip(tone(50), -1, 1), "clipped"),
        (np.clip(noise(50), -1, 1), "clipped"),
        (constant(1) * np.sign(tone(1)), "clipped"),
        (noise(1e-3), "noise"),
        (noise(0.1), "noise"),
        (noise(0.01) + tone(0.001), None),
        (noise(0.01) + constant(0.3), "noise"),
        (noise(0.01) * np.linspace(0.2, 3, SAMPLES), None),
        (tone(0.1), None),
        (tone(0.5) + constant(0.2), None),
        (passing(), None),
        (np.clip(20 * passing(), -1, 1), None),
    ],
)
def test_only_what_can_be_heard_passes(samples: np.ndarray, reason: str | None) -> None:
    assert judge(samples.astype(np.float32), CONFIG).reason == reason


def test_a_clipped_but_lively_window_passes_with_a_flag() -> None:
    assert judge(np.clip(20 * passing(), -1, 1), CONFIG).clipped
    assert not judge(0.5 * passing(), CONFIG).clipped


@pytest.mark.parametrize("level", [1.0, 0.1, 1e-3])
def test_the_level_is_that_of_the_sound_without_its_offset(level: float) -> None:
    expected = 20 * np.log10(level / np.sqrt(2))
    for offset in (0, 0.01):
        verdict = judge(tone(level) + np.float32(offset), CONFIG)
        assert verdict.level_dbfs == pytest.approx(expected, abs=0.05)


def test_the_verdict_does_not_depend_on_polarity() -> None:
    for samples in (noise(1e-3), constant(0.1), np.clip(tone(50), -1, 1), 0.5 * passing()):
        assert judge(-samples, CONFIG) == judge(samples, CONFIG)


def test_the_limits_are_the_configurations() -> None:
    quiet = noise(1e-3)
    assert judge(quiet, GateConfig(silence_dbfs=-50)).reason == "silence"
    assert judge(quiet, GateConfig(silence_dbfs=-70)).reason == "noise"
    assert judge(quiet, GateConfig(activity_db=1)).reason is None
    assert judge(quiet, GateConfig(crest_db=0.1)).reason is None


@pytest.mark.parametrize("snr_db", [0, -10])
def test_a_short_call_in_noise_passes(snr_db: float) -> None:
    time = np.arange(SAMPLES) / 48_000
    call = np.sin(2 * np.pi * 4000 * time) * ((time > 0.4) & (time < 0.5))
    level = 0.05 * 10 ** (snr_db / 20) * np.sqrt(2)
    assert judge(noise(0.05) + (level * call).astype(np.float32), CONFIG).reason is None


def test_noise_is_listened_to_until_it_is_the_usual_one() -> None:
    reason = listening()
    assert [reason(n, 0.001) for n in range(3)] == ["noise"] * 3
    reasons = [reason(3 + n, 0.01) for n in range(90)]  # 20 dB louder
    settled = reasons.index("noise")
    assert reasons == [None] * settled + ["noise"] * (90 - settled)
    assert 55 < settled < 85  # 14 dB and what chance adds, at 0.2 dB a second
    assert reason(99, 0.001) == "noise"


def test_noise_becomes_usual_as_soon_when_windows_are_far_apart() -> None:
    reason = listening()
    reason(0, 0.001)
    settled = [reason(second, 0.01) for second in range(10, 100, 10)].index("noise")
    assert 55 < 10 * (settled + 1) < 95


def test_a_dropout_is_not_what_is_usual() -> None:
    gate, dropout = Gate(48_000), noise(0.01)
    dropout[: SAMPLES * 3 // 4] = 0
    heard = [dropout, noise(0.01, 1), dropout, noise(0.01, 2)]
    reasons = [gate.judge(Window(n * SAMPLES, one)).reason for n, one in enumerate(heard)]
    assert reasons == [None, "noise", None, "noise"]


def listening() -> Callable[[int, float], str | None]:
    """What a gate says of noise that is this loud at a second."""
    gate = Gate(48_000)

    def reason(second: int, level: float) -> str | None:
        return gate.judge(Window(second * 48_000, noise(level, second))).reason

    return reason


def test_a_window_too_short_for_a_spectrum_is_judged_by_its_level() -> None:
    assert judge(noise(0.1)[:1000], CONFIG).reason is None
    assert judge(noise(1e-6)[:1000], CONFIG).reason == "silence"


def test_of_a_recording_the_windows_that_pass_are_left_or_all_if_none_does() -> None:
    heard, still = (Window(0, tone(0.1)), Window(SAMPLES, constant(0)))
    assert windows_that_pass([still, heard, still], CONFIG) == [heard]
    assert windows_that_pass([still, still], CONFIG) == [still, still]


@pytest.mark.parametrize("sign", [1, -1])
def test_a_rail_reached_on_either_side_clips(sign: int) -> None:
    lopsided = sign * np.clip(20 * passing(), -0.2, 1).astype(np.float32)
    assert judge(lopsided, CONFIG).clipped


def test_a_sample_at_the_clip_level_is_clipped() -> None:
    level = GateConfig(clip_level=0.5)
    assert judge(0.5 * np.sign(passing()), level).clipped
    assert not judge(0.499 * np.sign(passing()), level).clipped


def test_clipping_counts_beyond_its_share() -> None:
    samples = tone(0.1)
    samples[: SAMPLES // 50] = 1
    assert judge(samples, GateConfig(clip_share=0.019)).clipped
    assert not judge(samples, GateConfig(clip_share=0.021)).clipped


def test_an_overload_is_told_by_the_deviation_of_its_level() -> None:
    """Half of it is 6 dB louder than the other half: 3 dB of standard deviation."""
    loud = np.where(np.arange(SAMPLES) < SAMPLES // 2, 1.0, 10 ** (-6 / 20)).astype(np.float32)
    square = loud * np.sign(tone(1) + 1e-6)
    assert judge(square, GateConfig(steady_db=3.1)).reason == "clipped"
    assert judge(square, GateConfig(steady_db=2.9)).reason is None


@pytest.mark.parametrize("level", [0.1, 1e-2, 1e-3])
def test_a_call_stands_out_of_noise_however_quiet_both_are(level: float) -> None:
    time = np.arange(SAMPLES) / 48_000
    call = np.sin(2 * np.pi * 4000 * time) * ((time > 0.4) & (time < 0.5))
    assert judge(noise(level), CONFIG).reason == "noise"
    assert judge(noise(level) + (level * call).astype(np.float32), CONFIG).reason is None


@pytest.mark.parametrize("rate_hz", [16_000, 22_050, 32_000, 44_100])
def test_noise_and_high_calls_are_told_apart_at_any_rate(rate_hz: int) -> None:
    config = GateConfig(sample_rate_hz=rate_hz)
    time = np.arange(SAMPLES) / rate_hz
    call = 0.05 * np.sin(2 * np.pi * 6000 * time) * ((time > 0.4) & (time < 0.6))
    assert judge(noise(0.05), config).reason == "noise"
    assert judge(noise(0.05) + call.astype(np.float32), config).reason is None


def sloping(slope_db: float, seed: int = 0) -> np.ndarray:
    """Noise whose spectrum rises by so much from nothing to half the rate."""
    spectrum = np.fft.rfft(noise(0.01, seed))
    spectrum *= 10 ** (slope_db * np.linspace(0, 1, len(spectrum)) / 20)
    return np.fft.irfft(spectrum).astype(np.float32)


@pytest.mark.parametrize("slope_db", [-30, -15, 15, 30])
def test_noise_that_falls_or_rises_with_frequency_is_noise(slope_db: float) -> None:
    assert judge(sloping(slope_db), CONFIG).reason == "noise"


def test_noise_that_grows_in_some_bands_alone_is_listened_to() -> None:
    gate = Gate(48_000)
    heard = [sloping(0), sloping(0, 1), sloping(20, 2), sloping(0, 3)]
    reasons = [gate.judge(Window(n * SAMPLES, samples)).reason for n, samples in enumerate(heard)]
    assert reasons == ["noise", "noise", None, "noise"]


@pytest.mark.parametrize("hz", [1000, 4000, 12_000])
def test_a_steady_tone_is_told_from_noise_by_its_height_above_what_is_around(hz: int) -> None:
    """A bin of 1024 with Hann's window holds noise of 384 sigma^2, a tone of (256 a)^2 more."""
    time = np.arange(SAMPLES) / 48_000
    for height_db, stands_out in ((2.0, False), (6.0, True)):
        power = 384 * 0.05**2 * (10 ** (height_db / 10) - 1)
        steady = np.sqrt(power) / 256 * np.sin(2 * np.pi * hz * time)
        reason = judge(noise(0.05) + steady.astype(np.float32), CONFIG).reason
        assert (reason is None) == stands_out


def test_a_spectrum_is_enough_to_judge_by() -> None:
    click = np.zeros(1024, np.float32)
    click[512] = 0.5
    assert judge(click, CONFIG).reason == "noise"
    assert judge(click[1:], CONFIG).reason is None


def test_the_median_of_the_bands_is_that_of_numpy_to_the_bit() -> None:
    random = np.random.default_rng(3)
    for scale in (1e-3, 1, 1e3):
        bands = (scale * random.normal(size=(64, 12))).astype(np.float32)
        found = _medians(bands)
        assert found.dtype == np.float32
        assert np.array_equal(found, np.median(bands, axis=0))


def test_windows_that_share_frames_are_judged_as_if_each_were_the_first() -> None:
    random, texture = np.random.default_rng(4), Texture(CONFIG)
    stream, start = np.concatenate([noise(0.01, seed) for seed in range(40)]), 0
    told = []
    while start + SAMPLES < len(stream):
        real = SAMPLES if random.random() < 0.8 else int(random.integers(1, SAMPLES))
        heard = repeat_pad(stream[start : start + real], SAMPLES)
        window = Window(start, heard, real_samples=None if real == SAMPLES else real)
        found, alone = (one.steady_floor_db(window) for one in (texture, Texture(CONFIG)))
        assert (found is None) == (alone is None)
        told.append(found is not None)
        if found is not None:
            assert found == pytest.approx(alone, abs=1e-3)
        start += int(random.integers(1, SAMPLES * 5 // 4))  # shared, or behind a gap
    assert any(told)
    assert not all(told)


def test_a_window_heard_twice_is_judged_alike() -> None:
    gate, window = Gate(48_000), Window(0, noise(0.01))
    assert [gate.judge(window).reason for _ in range(2)] == ["noise", "noise"]


@pytest.mark.parametrize("rows", [1, 2, 63, 64])
def test_the_median_of_any_count_of_rows_is_that_of_numpy(rows: int) -> None:
    bands = np.random.default_rng(rows).normal(size=(rows, 12)).astype(np.float32)
    assert np.array_equal(_medians(bands), np.median(bands, axis=0))
