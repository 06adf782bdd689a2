"""Where a song begins."""

from dataclasses import replace

import numpy as np
import pytest

from edge.config import DEMO_BUNDLE
from edge.contract.audio_spec import AudioSpec
from edge.contract.bundle import load_bundle
from edge.decision.confirm import Confirmed, Hit
from edge.dsp.buffer import SampleBuffer
from edge.dsp.onset import Onset, _held, _level, rise
from edge.pipeline.builder import Origin, RecordBuilder
from edge.recognition.recognizer import Recognizer
from edge.source.framing import Window, frame_waveform

RATE_HZ = 48_000
SPEC = AudioSpec(RATE_HZ, 120_000, 30_000)
HALF_S = 1.25
LENGTH_S = 10.0


def song(
    start_s: float, end_s: float = LENGTH_S, noise: float = 0.01, level: float = 0.1, seed: int = 0
) -> np.ndarray:
    """Syllables of a tenth of a second and pauses as long, float32, over noise."""
    time = np.arange(int(LENGTH_S * RATE_HZ)) / RATE_HZ
    phase = (time - start_s) % 0.2 / 0.1
    sounds = ((time >= start_s) & (time < end_s) & (phase < 1)) * np.sin(np.pi * phase)
    random = np.random.default_rng(seed).standard_normal(len(time))
    whole = level * np.sin(2 * np.pi * 4000 * time) * sounds + noise * random
    return whole.astype(np.float32)


def onset(waveform: np.ndarray, expected_s: float, latest_s: float = LENGTH_S) -> float | None:
    """In seconds, after the whole waveform was heard; half a window from what is expected."""
    buffer = SampleBuffer()
    onset = Onset(SPEC, buffer)
    for window in frame_waveform(waveform, RATE_HZ, SPEC):
        buffer.add(window)
    last_s = min(expected_s + HALF_S, latest_s)
    found = onset.between(round((expected_s - HALF_S) * RATE_HZ), round(last_s * RATE_HZ))
    return None if found is None else found / RATE_HZ


@pytest.mark.parametrize("start_s", [3.0, 4.4, 5.5])
@pytest.mark.parametrize("off_s", [-1.1, -0.3, 0.0, 0.6, 1.1])
@pytest.mark.parametrize(("noise", "level"), [(0.01, 0.1), (0.05, 0.1), (0.0, 0.1), (1e-5, 1e-3)])
def test_it_is_found_half_a_window_away(
    start_s: float, off_s: float, noise: float, level: float
) -> None:
    found = onset(song(start_s, noise=noise, level=level), start_s + off_s)
    assert found == pytest.approx(start_s, abs=0.03)


def test_the_end_of_a_song_is_no_beginning() -> None:
    assert onset(song(3.0, 6.0), 3.4) == pytest.approx(3.0, abs=0.03)


@pytest.mark.parametrize("constant", [0.0, 0.5])
def test_stillness_has_no_onset(constant: float) -> None:
    assert onset(np.full(int(LENGTH_S * RATE_HZ), constant, np.float32), 5.0) is None


def test_steady_noise_and_a_song_that_goes_on_hardly_ever_have_one() -> None:
    noise = [onset(song(LENGTH_S, seed=seed), 5.0) for seed in range(20)]
    assert noise.count(None) >= 18
    assert all(onset(song(start / 50), 5.0) is None for start in range(10))


def test_a_dropout_is_no_silence_before_a_song() -> None:
    waveform = song(4.4)
    waveform[round(3.1 * RATE_HZ) : round(3.6 * RATE_HZ)] = 0
    assert onset(waveform, 4.2) == pytest.approx(4.4, abs=0.03)


def test_it_is_never_later_than_it_can_be() -> None:
    found = onset(song(5.0), 4.2, latest_s=4.5)
    assert found is None or found < 4.5


def test_a_gap_is_not_bridged() -> None:
    buffer, before, after = SampleBuffer(), song(2.0), song(0.0)
    onset = Onset(SPEC, buffer)
    buffer.add(Window(0, before[:120_000]))
    buffer.add(Window(3 * RATE_HZ, after[:120_000]))
    place = round(3.1 * RATE_HZ)
    found = onset.between(place - 60_000, place + 60_000)
    assert found is None or found >= 3 * RATE_HZ


@pytest.mark.parametrize("rate_hz", [8000, 48_000, 250_000])
@pytest.mark.parametrize("count", [0, 1, 1024, 2048, 5001])
def test_too_little_sound_has_no_onset(rate_hz: int, count: int) -> None:
    assert rise(np.zeros(count, np.int16), rate_hz, 0, count) is None


def test_a_buffer_forgets_the_oldest() -> None:
    buffer, samples = SampleBuffer(), song(0.0)
    buffer.hold(120_000)
    for window in frame_waveform(samples, RATE_HZ, SPEC):
        buffer.add(window)
    assert buffer.end == len(samples)
    assert len(buffer.cut(0, 200_000)) == 0
    held = buffer.cut(len(samples) - 120_000, len(samples))
    assert np.abs(held / 32767 - samples[-120_000:]).max() < 1e-4


@pytest.fixture(scope="module")
def recognizer() -> Recognizer:
    return Recognizer(load_bundle(DEMO_BUNDLE))


def began(
    recognizer: Recognizer, waveform: np.ndarray, first: int, hop_samples: int = 30_000
) -> float:
    """`start_s` of a record of two hits, the first in the window that begins at a sample."""
    buffer, origin = SampleBuffer(), Origin("test", "test", live=False)
    builder = RecordBuilder(recognizer.identity, recognizer.match, Onset(SPEC, buffer), origin)
    windows = list(frame_waveform(waveform, RATE_HZ, SPEC))
    for window in windows:
        buffer.add(window)
    spec, scores = replace(SPEC, hop_samples=hop_samples), recognizer.score(windows[:1])[0]
    middle = first + (SPEC.window_samples - hop_samples) // 2
    run = Confirmed(
        species=0,
        start_sample=middle if first else 0,
        end_sample=middle + 2 * hop_samples,
        hits=2,
        hits_needed=2,
        best=Hit(first, 0.9, scores),
        middle_sample=middle,
    )
    return builder.detection(run, spec, windows[-1]).start_s


def test_a_record_begins_where_the_song_does(recognizer: Recognizer) -> None:
    assert began(recognizer, song(4.4), 120_000) == pytest.approx(4.4, abs=0.03)
    assert began(recognizer, song(1.4), 0) == pytest.approx(1.4, abs=0.03)


def test_where_sound_goes_on_as_before_windows_tell(recognizer: Recognizer) -> None:
    assert began(recognizer, song(0.0), 120_000) == pytest.approx(3.4375, abs=1e-3)
    assert began(recognizer, song(0.0), 0) == 0


@pytest.mark.parametrize("hop_samples", [30_000, 90_000, 120_000])
def test_records_of_one_species_never_overlap(recognizer: Recognizer, hop_samples: int) -> None:
    """A song ends a run at the latest where the next one begins at the earliest."""
    last, first = 0, 120_000
    ends = last + SPEC.window_samples - (SPEC.window_samples - hop_samples) // 2
    for start in range(0, 5 * RATE_HZ, RATE_HZ // 10):
        assert began(recognizer, song(start / RATE_HZ), first, hop_samples) >= ends / RATE_HZ


def bursts(*places: int, length: int = 60_000, level: int = 3000, seed: int = 0) -> np.ndarray:
    """A second and a quarter of faint noise, int16; from each place on a tone joins in."""
    time, random = np.arange(length), np.random.default_rng(seed)
    sound = 20 * random.standard_normal(length)
    for n, place in enumerate(places):
        tone = np.sin(2 * np.pi * (3000 + 1500 * n) * time / RATE_HZ)
        sound += level * tone * (time >= place)
    return np.round(sound).astype(np.int16)


@pytest.mark.parametrize("place", [15_000, 24_000, 30_000, 45_000])
def test_a_tone_in_noise_rises_where_it_begins(place: int) -> None:
    assert rise(bursts(place), RATE_HZ, 0, 60_000) == pytest.approx(place, abs=700)


@pytest.mark.parametrize("place", [15_000, 24_000, 45_000])
def test_the_split_leaves_the_least_around_the_means_of_both_parts(place: int) -> None:
    """Hinkley's split word by word, of the level held over a pause."""
    samples = bursts(place, level=300)
    raw = _level(samples, RATE_HZ).astype(np.float64)
    level = np.array([raw[max(n - 19, 0) : n + 1].max() for n in range(len(raw))])
    assert np.array_equal(_held(_level(samples, RATE_HZ), 20), level)
    left = {
        480 * n + 512: np.square(level[:n] - level[:n].mean()).sum()
        + np.square(level[n:] - level[n:].mean()).sum()
        for n in range(1, len(level))
    }
    assert rise(samples, RATE_HZ, 0, 60_000) == min(left, key=left.__getitem__)


def test_a_rise_is_looked_for_from_the_first_place_up_to_the_last() -> None:
    samples = bursts(24_000)
    place = rise(samples, RATE_HZ, 0, 60_000)
    assert place is not None
    assert rise(samples, RATE_HZ, place, place + 1) == place
    assert rise(samples, RATE_HZ, place + 1, 60_000) != place
    assert rise(samples, RATE_HZ, 0, place) != place


def test_where_nothing_may_rise_nothing_does() -> None:
    assert rise(np.zeros(5000, np.int16), RATE_HZ, 4000, 4100) is None


@pytest.mark.parametrize("seed", range(6))
def test_faint_noise_alone_does_not_rise(seed: int) -> None:
    assert rise(bursts(seed=seed), RATE_HZ, 0, 60_000) is None


def test_a_sound_that_ends_does_not_rise() -> None:
    assert rise(bursts(24_000)[::-1], RATE_HZ, 30_000, 60_000) is None


@pytest.mark.parametrize(("rate_hz", "least"), [(8000, 2048), (48_000, 2048), (250_000, 5000)])
def test_two_spectra_are_enough_for_a_rise_and_less_is_not(rate_hz: int, least: int) -> None:
    tone = 9000 * np.sin(2 * np.pi * 3000 * np.arange(least) / rate_hz)
    tone[: least // 2] = 0
    samples = tone.astype(np.int16)
    assert rise(samples, rate_hz, 0, least) is not None
    assert rise(samples[1:], rate_hz, 0, least) is None


def test_sound_below_and_above_the_band_of_songs_is_no_rise() -> None:
    time = np.arange(60_000)
    for hz in (200, 17_000):
        hum = 3000 * np.sin(2 * np.pi * hz * time / RATE_HZ) * np.clip(time / 24_000 - 1, 0, 1)
        samples = bursts() + hum.astype(np.int16)
        assert rise(samples, RATE_HZ, 0, 60_000) is None


@pytest.mark.parametrize("pause_s", [0.05, 0.1, 0.15])
def test_a_pause_between_syllables_is_no_fall_and_their_next_no_rise(pause_s: float) -> None:
    time = np.arange(96_000)
    sings = (time % round((0.1 + pause_s) * RATE_HZ)) < 0.1 * RATE_HZ
    tone = 3000 * np.sin(2 * np.pi * 3000 * time / RATE_HZ) * sings
    assert rise((bursts(length=96_000) + tone).astype(np.int16), RATE_HZ, 24_000, 72_000) is None


@pytest.mark.parametrize("seed", range(6))
def test_a_hiss_that_grows_by_three_decibels_rises_there(seed: int) -> None:
    """A share of the bins tells it; the loudest alone is a matter of chance."""
    grown = np.where(np.arange(60_000) < 30_000, 1, 10 ** (3 / 20))
    hiss = 300 * grown * np.random.default_rng(seed).standard_normal(60_000)
    assert rise(hiss.astype(np.int16), RATE_HZ, 0, 60_000) == pytest.approx(30_000, abs=500)


def test_windows_that_adjoin_leave_no_gap(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(f"{__name__}.SPEC", AudioSpec(RATE_HZ, 120_000, 120_000))
    assert onset(song(4.4), 4.2) == pytest.approx(4.4, abs=0.03)


def test_only_the_sound_around_the_place_in_question_counts() -> None:
    """A long song before, louder, would make a faint one no rise."""
    waveform = song(6.5, level=0.05) + song(0.0, 4.0, level=0.5)
    assert onset(waveform, 6.5) == pytest.approx(6.5, abs=0.03)


def test_sound_of_any_length_is_cut_into_whole_spectra() -> None:
    samples = bursts(3000, length=7000)
    for length in range(6775, 6790):
        assert rise(samples[:length], RATE_HZ, 0, length) == pytest.approx(3000, abs=700)
