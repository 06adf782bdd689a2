"""Parts of recordings: read alone, kept apart, and drawn as if the recording were one."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import soundfile

torch = pytest.importorskip("torch")
from edge.contract.errors import AudioError  # noqa: E402
from gallery.data import reading  # noqa: E402
from gallery.data.dataset import Item  # noqa: E402
from gallery.data.reading import read_item  # noqa: E402
from train.model.frontend import LogMelSpec  # noqa: E402
from train.sound.cache import load_each  # noqa: E402
from train.sound.features import LogMels, load_features  # noqa: E402
from train.sound.section import section_shares, sections  # noqa: E402

RATE_HZ = 8000


@pytest.fixture
def recording(tmp_path: Path) -> Item:
    """Ten seconds of noise."""
    samples = np.random.default_rng(0).normal(0, 0.1, 10 * RATE_HZ).astype(np.float32)
    soundfile.write(tmp_path / "long.wav", samples, RATE_HZ, subtype="FLOAT")
    return Item(tmp_path / "long.wav", "audio", "parus_major", "train", "CC0", "nobody")


@pytest.mark.parametrize("sought", [True, False])
def test_a_part_is_that_part_of_the_whole(recording, monkeypatch, sought):
    if not sought:
        monkeypatch.setattr(reading, "_sought", lambda item: None)
    whole, _ = read_item(recording)
    part, rate_hz = read_item(replace(recording, begin_s=2.5, end_s=4.0))
    assert rate_hz == RATE_HZ
    assert np.allclose(part, whole[20_000:32_000], atol=1e-6)
    rest, _ = read_item(replace(recording, begin_s=9.0))
    assert np.allclose(rest, whole[72_000:], atol=1e-6)
    with pytest.raises(AudioError, match="ends before 12 s"):
        read_item(replace(recording, begin_s=12.0, end_s=13.0))


def test_of_a_long_recording_sections_are_kept_as_long_as_the_limit(recording, tmp_path):
    short = tmp_path / "short.wav"
    soundfile.write(short, np.full(RATE_HZ, 0.1), RATE_HZ)
    items = [recording, replace(recording, path=short)]
    assert sections(items, 0, 2) == items
    assert sections(items, 10, 2) == items
    found = sections(items, 6, 2)
    assert [(item.begin_s, item.end_s) for item in found] == [(0, 2), (4, 6), (8, 10), (0, None)]
    assert section_shares(found) == pytest.approx([1 / 3, 1 / 3, 1 / 3, 1])
    assert section_shares(items) == [1, 1]


def test_windows_that_are_parts_already_are_drawn_each_by_itself(recording):
    windows = [replace(recording, begin_s=begin, end_s=begin + 2.0) for begin in (0.0, 1.0)]
    assert sections(windows, 1, 1) == windows
    assert section_shares([*windows, *sections([recording], 4, 2)]) == [1, 1, 0.5, 0.5]


def test_a_recording_in_an_archive_is_cut_too(recording, tmp_path):
    content = recording.path.read_bytes()
    (tmp_path / "shard.tar").write_bytes(b"before" + content + b"behind")
    item = replace(recording, path=tmp_path / "shard.tar", span=(6, 6 + len(content)))
    found = sections([item], 6, 2)
    assert [(part.begin_s, part.span) for part in found] == [(n, item.span) for n in (0, 4, 8)]
    assert np.array_equal(read_item(found[1])[0], read_item(recording)[0][32_000:48_000])


def test_a_header_that_does_not_know_the_length_is_not_believed(recording, tmp_path):
    content = bytearray(recording.path.read_bytes())
    at = content.index(b"data") + 4
    content[at : at + 4] = bytes((0, 0, 0, 0))
    recording.path.write_bytes(content)
    found = sections([recording], 6, 2)
    assert [part.begin_s for part in found] == [0, 4, 8]
    assert len(read_item(found[2])[0]) == 2 * RATE_HZ
    samples = np.random.default_rng(0).normal(0, 0.1, 10 * RATE_HZ)
    soundfile.write(tmp_path / "piped.flac", samples, RATE_HZ)
    piped = bytearray((tmp_path / "piped.flac").read_bytes())
    piped[21] &= 0xF0
    piped[22:26] = bytes(4)
    (tmp_path / "piped.flac").write_bytes(piped)
    item = replace(recording, path=tmp_path / "piped.flac")
    assert sections([item], 6, 2) == [item]
    assert len(read_item(replace(item, begin_s=3.0, end_s=5.0))[0]) == 2 * RATE_HZ


@pytest.mark.parametrize("archived", [False, True])
def test_a_part_is_cleaned_as_the_whole_is(tmp_path, archived):
    random = np.random.default_rng(0)
    samples = random.normal(0, 20, (4 * RATE_HZ, 2)).astype(np.float32)
    samples[:, 1] = 0
    samples[9000] = np.nan
    soundfile.write(tmp_path / "loud.wav", samples, RATE_HZ, subtype="FLOAT")
    item = Item(tmp_path / "loud.wav", "audio", "parus_major", "train", "CC0", "nobody")
    if archived:
        item = replace(item, span=(0, item.path.stat().st_size))
    whole, _ = read_item(replace(item, span=None))
    part, _ = read_item(replace(item, begin_s=1.0, end_s=3.0))
    assert np.array_equal(part, whole[RATE_HZ : 3 * RATE_HZ])
    assert part[1000] == 0
    assert 0.1 < part.std() < 0.5


def test_a_part_that_is_too_short_is_left_out_of_the_cache(recording, tmp_path):
    short = replace(recording, begin_s=9.99)
    with pytest.raises(AudioError, match=r"holds 0\.0100 s of the part that begins at 9\.99 s"):
        read_item(short)
    assert load_features([recording, short], LogMelSpec(), tmp_path)[0] == [recording]


def test_parts_of_one_file_are_kept_apart_and_found_again(recording, tmp_path):
    parts = sections([recording], 6, 2)
    kept = load_each(parts, tmp_path / "kept", LogMels(LogMelSpec()))
    readable, log_mels = load_features([recording, *parts], LogMelSpec(), tmp_path)
    assert readable == [recording, *parts]
    assert [len(array) for array in kept] == [201, 201, 201]
    assert log_mels.lengths.tolist() == [1001, 201, 201, 201]
    assert not np.array_equal(kept[0], kept[1])
    moved = replace(parts[1], path=recording.path.rename(tmp_path / "moved.wav"))
    again = load_each([moved], tmp_path / "kept", None)
    assert np.array_equal(again[0], kept[1])
