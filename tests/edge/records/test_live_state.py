import json
import math
import time
import zlib
from dataclasses import replace

import numpy as np
import pytest

from edge.records.live_state import decoded_state, encoded
from tests.support.live import live_state

hypothesis = pytest.importorskip("hypothesis")
st = hypothesis.strategies


def test_a_state_is_read_as_it_was_written() -> None:
    state = live_state()
    found = decoded_state(encoded(state))
    assert found is not None
    assert replace(found, spectrogram=None) == replace(state, spectrogram=None)
    assert found.spectrogram is not None
    assert np.array_equal(found.spectrogram.columns, state.spectrogram.columns)
    assert found.spectrogram.bands_hz == (500.0, 1000.0, 2000.0)


def test_a_state_may_have_no_spectrogram_no_guess_and_nothing_heard() -> None:
    state = live_state(spectrogram=None, best=None, heard=(), window_ms=None, level_dbfs=None)
    assert decoded_state(encoded(state)) == state


def test_any_other_program_reads_the_first_line_as_json() -> None:
    line = json.loads(encoded(live_state()).split(b"\n")[0])
    assert (line["format"], line["version"]) == ("birdlisten live state", 1)
    assert line["heard"][0]["hits_needed"] == 2
    assert line["spectrogram"]["columns"] == 4


def test_levels_are_in_decibels_and_gaps_are_no_numbers() -> None:
    spectrogram = live_state().spectrogram
    assert spectrogram is not None
    level = spectrogram.level_dbfs()
    assert math.isnan(level[0, 0])
    assert level[0, 1:].tolist() == [-120.0, -119.5]


@hypothesis.given(cut=st.integers(0, 2000), flipped=st.integers(0, 10**6))
def test_a_torn_or_damaged_file_is_no_state(cut: int, flipped: int) -> None:
    content = encoded(live_state())
    assert decoded_state(content[: min(cut, len(content) - 1)]) is None
    damaged = bytearray(content)
    damaged[flipped % len(content)] ^= 1 << flipped % 8
    assert decoded_state(bytes(damaged)) is None


@hypothesis.given(st.binary(max_size=300))
def test_any_other_file_is_no_state(content: bytes) -> None:
    assert decoded_state(content) is None


@pytest.mark.parametrize("change", [{"version": 2}, {"format": "other"}, {"heard": 3}, {"boot": 1}])
def test_another_version_or_shape_is_no_state(change: dict[str, object]) -> None:
    line, _, columns = encoded(live_state())[:-4].partition(b"\n")
    told = {**json.loads(line), **change}
    if "boot" in change:
        del told["boot"]
    content = json.dumps(told).encode() + b"\n" + columns
    assert decoded_state(content + zlib.crc32(content).to_bytes(4, "big")) is None


def test_a_state_is_current_until_its_writer_misses_some_turns() -> None:
    now_ns = time.monotonic_ns()
    assert live_state().is_current
    assert live_state(written_ns=now_ns - 4 * 10**9).is_current
    assert not live_state(written_ns=now_ns - 5 * 10**9).is_current
    assert live_state(written_ns=now_ns - 60 * 10**9, every_s=30.0).is_current


def test_a_state_of_another_boot_is_never_current() -> None:
    assert not live_state(boot="another").is_current
    assert not live_state(written_ns=time.monotonic_ns() + 10**12).is_current


def test_a_clock_that_is_set_changes_no_age() -> None:
    assert live_state(written_ms=0).is_current
