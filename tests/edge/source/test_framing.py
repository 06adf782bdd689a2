import itertools

import numpy as np
import pytest
import soxr

from edge.contract.audio_spec import AudioSpec
from edge.source.block import Block
from edge.source.framing import Framer, frame_blocks, frame_waveform
from edge.source.resampling import Resampler, resample

SPEC = AudioSpec(48_000, 100, 30)


def ramp(samples: int) -> np.ndarray:
    """Each sample says where it is; none is zero."""
    return np.arange(1, samples + 1, dtype=np.float32)


def cut(waveform: np.ndarray, sizes: list[int], rate_hz: int = 48_000, start: int = 0) -> list:
    edges = np.cumsum([0, *sizes])
    assert edges[-1] == len(waveform)
    pairs = itertools.pairwise(edges)
    return [Block(waveform[a:b], rate_hz, start + int(a)) for a, b in pairs]


def partition(samples: int, seed: int) -> list[int]:
    chance, sizes = np.random.default_rng(seed), []
    while (rest := samples - sum(sizes)) > 0:
        sizes.append(min(rest, int(chance.integers(0, chance.choice([3, 40, 400])))))
    return sizes


def same(left: list, right: list) -> bool:
    return [w.start_sample for w in left] == [w.start_sample for w in right] and all(
        (a.samples == b.samples).all() for a, b in zip(left, right, strict=True)
    )


@pytest.mark.parametrize("samples", [1, 99, 100, 101, 129, 130, 131, 777])
def test_any_partition_into_blocks_gives_the_same_windows(samples: int) -> None:
    waveform = ramp(samples)
    whole = list(frame_waveform(waveform, 48_000, SPEC))
    for seed in range(10):
        blocks = cut(waveform, partition(samples, seed))
        assert same(list(frame_blocks(blocks, SPEC)), whole)
    assert same(list(frame_blocks(cut(waveform, [1] * samples), SPEC)), whole)


@pytest.mark.parametrize(
    ("samples", "starts"),
    [
        (0, []),
        (1, [0]),
        (99, [0]),
        (100, [0]),
        (101, [0, 1]),
        (129, [0, 29]),
        (130, [0, 30]),
        (131, [0, 30, 31]),
        (190, [0, 30, 60, 90]),
    ],
)
def test_windows_start_a_hop_apart_and_the_last_ends_with_the_stream(
    samples: int, starts: list[int]
) -> None:
    waveform = ramp(samples)
    windows = list(frame_waveform(waveform, 48_000, SPEC))
    assert [window.start_sample for window in windows] == starts
    for window in windows:
        assert window.samples.dtype == np.float32
        assert window.samples.shape == (100,)
        if samples >= 100:
            start = window.start_sample
            assert (window.samples == waveform[start : start + 100]).all()


@pytest.mark.parametrize("hop", [1, 30, 99, 100])
@pytest.mark.parametrize("samples", [1, 60, 100, 101, 199, 200, 201, 555])
def test_every_sample_is_in_some_window(samples: int, hop: int) -> None:
    windows = frame_waveform(ramp(samples), 48_000, AudioSpec(48_000, 100, hop))
    heard = set(np.concatenate([window.samples for window in windows]).tolist())
    assert set(ramp(samples).tolist()) <= heard


def test_a_short_stream_is_tiled() -> None:
    (window,) = frame_waveform(ramp(40), 48_000, SPEC)
    assert window.samples.tolist() == [*ramp(40), *ramp(40), *[0] * 20]


def test_windows_keep_their_samples_when_the_source_reuses_its_buffer() -> None:
    buffer = np.ones(100, np.float32)

    def blocks():
        for n in range(3):
            buffer[:] = n
            yield Block(buffer, 48_000, 100 * n)

    held = list(frame_blocks(blocks(), AudioSpec(48_000, 100, 100)))
    assert [window.samples[0] for window in held] == [0, 1, 2]


def test_after_a_gap_everything_starts_afresh() -> None:
    before, after = ramp(145), -ramp(110)
    blocks = [*cut(before, [70, 75]), *cut(after, [50, 60], start=1000)]
    windows = list(frame_blocks(blocks, SPEC))
    alone = [*frame_waveform(before, 48_000, SPEC), *frame_waveform(after, 48_000, SPEC)]
    assert [w.start_sample for w in windows] == [0, 30, 45, 1000, 1010]
    assert all((a.samples == b.samples).all() for a, b in zip(windows, alone, strict=True))


def test_a_gap_never_mixes_sound_from_both_sides() -> None:
    blocks = [*cut(ramp(145), [145]), *cut(-ramp(70), [70], start=146)]
    for window in frame_blocks(blocks, SPEC):
        assert not ((window.samples > 0).any() and (window.samples < 0).any())


def test_a_change_of_rate_starts_afresh() -> None:
    blocks = [Block(ramp(150), 48_000, 0), Block(ramp(300), 96_000, 150)]
    starts = [window.start_sample for window in frame_blocks(blocks, SPEC)]
    assert starts == [0, 30, 50, 75, 105, 125]


@pytest.mark.parametrize("rate_hz", [8_000, 22_050, 44_100, 48_000, 96_000])
def test_resampling_keeps_pitch_and_length(tone, pitch, rate_hz: int) -> None:
    heard = resample(tone(1234, 2.0, rate_hz), rate_hz, 48_000)
    assert abs(len(heard) - 96_000) <= 1
    assert pitch(heard, 48_000) == pytest.approx(1234, abs=1)
    assert np.abs(heard[5000:-5000]).max() == pytest.approx(0.3, rel=0.01)


def test_resampling_in_pieces_equals_resampling_at_once(tone) -> None:
    waveform = tone(3000, 1.0, 44_100)
    resampler = Resampler(44_100, 48_000)
    pieces = [resampler.push(part) for part in np.array_split(waveform, 37)]
    heard = np.concatenate([*pieces, resampler.finish()])
    at_once = soxr.resample(waveform, 44_100, 48_000)
    assert len(heard) == len(at_once)
    assert np.abs(heard - at_once).max() < 1e-4


def test_sound_above_the_new_rate_does_not_fold_back(tone) -> None:
    assert np.abs(resample(tone(30_000, 1.0, 96_000), 96_000, 48_000)[5000:-5000]).max() < 1e-3


@pytest.mark.parametrize("rate_hz", [8_000, 44_100, 96_000])
def test_starts_after_a_gap_are_in_the_encoders_samples(tone, rate_hz: int) -> None:
    spec = AudioSpec(48_000, 24_000, 12_000)
    second = tone(500, 1.0, rate_hz)
    blocks = [Block(second, rate_hz, 0), Block(second, rate_hz, 10 * rate_hz)]
    starts = [window.start_sample for window in frame_blocks(blocks, spec)]
    expected = [0, 12_000, 24_000]
    assert starts == [*expected, *(480_000 + one for one in expected)]


@pytest.mark.parametrize("rate_hz", [24_000, 48_000, 96_000])
def test_a_window_ends_at_the_clock_of_its_last_sample(rate_hz: int) -> None:
    begun_ns, size = 7_000_000_000, rate_hz // 20
    blocks = [
        Block(np.zeros(size, np.float32), rate_hz, n * size, begun_ns + (n + 1) * 50_000_000)
        for n in range(40)
    ]
    windows = list(frame_blocks(blocks, AudioSpec(48_000, 24_000, 11_000)))
    assert len(windows) > 6
    for window in windows:
        assert window.ended_ns is not None
        assert window.end_sample == window.start_sample + 24_000
        late_ns = window.ended_ns - begun_ns - window.end_sample / 48_000 * 1e9
        assert abs(late_ns) <= 1


def test_of_a_recording_no_window_has_a_clock() -> None:
    assert {window.ended_ns for window in frame_waveform(ramp(250), 48_000, SPEC)} == {None}


@pytest.mark.parametrize(("samples", "real"), [(1, 1), (99, 99), (100, None), (101, None)])
def test_only_a_window_that_repeats_a_short_stream_says_how_much_is_real(
    samples: int, real: int | None
) -> None:
    windows = list(frame_waveform(ramp(samples), 48_000, SPEC))
    assert [window.real_samples for window in windows] == [real] * len(windows)
    assert windows[-1].end_sample == samples


def test_the_hop_is_asked_for_after_each_window() -> None:
    hop, starts = [30], []
    for window in frame_blocks([Block(ramp(300), 48_000, 0)], SPEC, lambda: hop[0]):
        starts.append(window.start_sample)
        hop[0] = {30: 50, 80: 20}.get(window.start_sample, 30)
    assert starts == [0, 30, 80, 100, 130, 160, 190, 200]


def test_a_framer_begins_where_the_stream_does() -> None:
    for start in (0, 500):
        framer = Framer(SPEC, start) if start else Framer(SPEC)
        windows = [*framer.push(ramp(131)), *framer.finish()]
        assert [window.start_sample - start for window in windows] == [0, 30, 31]
    assert list(Framer(SPEC).finish()) == []
