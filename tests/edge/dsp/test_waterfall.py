import numpy as np
import pytest

from edge.dsp.waterfall import BANDS, FLOOR_DBFS, STEP_DB, Waterfall
from edge.source.block import Block

hypothesis = pytest.importorskip("hypothesis")
st = hypothesis.strategies
RATE = 48_000


def blocks(samples: np.ndarray, size: int, rate_hz: int = RATE, first: int = 0) -> list[Block]:
    return [
        Block(samples[at : at + size], rate_hz, first + at) for at in range(0, len(samples), size)
    ]


def tone(hz: float, seconds: float, rate_hz: int = RATE, amplitude: float = 1.0) -> np.ndarray:
    time = np.arange(round(seconds * rate_hz)) / rate_hz
    return (amplitude * np.sin(2 * np.pi * hz * time)).astype(np.float32)


def level(value: int) -> float:
    return FLOOR_DBFS + STEP_DB * (value - 1)


@pytest.mark.parametrize("rate_hz", [8000, 16_000, 22_050, 44_100, 48_000, 96_000, 192_000])
def test_a_tone_stands_in_its_band_at_its_level(rate_hz: int) -> None:
    fall = Waterfall()
    fall.add(blocks(tone(3000, 2, rate_hz, amplitude=0.1), 1000, rate_hz))
    column = fall.columns()[10]
    place = int(column.argmax())
    assert abs(fall.bands_hz[place] - 3000) < max(0.06 * 3000, rate_hz / 1024)
    assert level(int(column[place])) == pytest.approx(-20, abs=4)


def test_a_minute_is_kept_and_columns_count_from_the_start_of_the_source() -> None:
    fall = Waterfall()
    for second in range(70):
        fall.add(blocks(tone(1000, 1), 4800, first=second * RATE))
    assert len(fall.columns()) == 1200
    assert fall.end == pytest.approx(1400, abs=1)
    assert 0 <= fall.behind_s < 0.1


def test_what_was_not_heard_is_zero_and_the_rest_keeps_its_place() -> None:
    fall = Waterfall()
    fall.add(blocks(tone(1000, 1), 4800))
    fall.add(blocks(tone(1000, 1), 4800, first=3 * RATE))
    columns = fall.columns()
    is_gap = (columns == 0).all(axis=1)
    assert not is_gap[:19].any()
    assert is_gap[20:60].all()
    assert not is_gap[60:].any()
    assert len(columns) == pytest.approx(79, abs=1)


def test_silence_is_no_gap() -> None:
    fall = Waterfall()
    fall.add(blocks(np.zeros(RATE, np.float32), 4800))
    assert (fall.columns() == 1).all()


def test_another_rate_begins_anew() -> None:
    fall = Waterfall()
    fall.add(blocks(tone(1000, 2), 4800))
    fall.add(blocks(tone(1000, 1, 16_000), 1600, 16_000, first=32_000))
    assert len(fall.columns()) < 25
    assert max(fall.bands_hz) < 8000


def test_too_much_at_once_is_a_gap_and_not_work() -> None:
    fall = Waterfall()
    fall.add(blocks(tone(1000, 30), 4800))
    assert len(fall.columns()) <= 5 * 20
    assert fall.end == pytest.approx(600, abs=2)


@hypothesis.settings(max_examples=20, deadline=None)
@hypothesis.given(
    sizes=st.lists(st.tuples(st.integers(0, 9000), st.integers(0, 30_000)), max_size=6),
    rate_hz=st.sampled_from([8000, 44_100, 48_000]),
)
def test_any_blocks_and_gaps_give_columns_in_order(
    sizes: list[tuple[int, int]], rate_hz: int
) -> None:
    fall, place, before = Waterfall(), 0, 0
    for size, gap in sizes:
        fall.add([Block(np.full(size, 0.1, np.float32), rate_hz, place)])
        place += size + gap
        assert fall.end >= before
        assert fall.columns().shape[1] == BANDS
        assert len(fall.columns()) <= min(fall.end, 1200)
        before = fall.end


def test_block_sizes_make_no_difference() -> None:
    sound = np.random.default_rng(0).normal(0, 0.1, 3 * RATE).astype(np.float32)
    found = []
    for size in (480, 4800, 70_000):
        fall = Waterfall()
        for block in blocks(sound, size):
            fall.add([block])
        found.append(fall.columns())
    assert all(np.array_equal(found[0], columns) for columns in found)
