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
