"""Shards of tar, whose recordings are read where they lie."""

import io
import json
import tarfile
from pathlib import Path

import numpy as np
import pytest
import soundfile

torch = pytest.importorskip("torch")
from edge.contract.errors import AudioError, DatasetError  # noqa: E402
from gallery.data.corpora import open_dataset  # noqa: E402
from gallery.data.reading import read_item  # noqa: E402
from train.model.frontend import LogMelSpec  # noqa: E402
from train.sound.features import load_features  # noqa: E402
from train.sound.section import section_shares  # noqa: E402


def encoded(samples: np.ndarray, kind: str) -> bytes:
    with io.BytesIO() as file:
        soundfile.write(file, samples, 8000, format=kind)
        return file.getvalue()


def shard(path: Path, samples: dict[str, bytes]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    with tarfile.open(path, "w") as archive:
        for name, content in samples.items():
            member = tarfile.TarInfo(name)
            member.size = len(content)
            archive.addfile(member, io.BytesIO(content))


def note(**fields: str) -> bytes:
    return json.dumps(fields).encode()


@pytest.fixture
def shards(tmp_path: Path) -> tuple[Path, list[np.ndarray]]:
    """A bird each to train and to test with, and background."""
    sounds = [np.random.default_rng(n).normal(0, 0.1, 8000 + n * 800) for n in range(3)]
    flac, wav, other = (encoded(sounds[n], kind) for n, kind in enumerate(("FLAC", "WAV", "FLAC")))
    bird = note(scientific_name="Parus major", license="CC0", attribution="somebody")
    train = {"a/0.json": bird, "a/0.flac": flac, "a/1.wav": wav, "a/1.json": note(species="")}
    shard(tmp_path / "train" / "000000.tar", train)
    shard(tmp_path / "valid" / "000000.tar", {"2.flac": other, "2.json": bird, "3.flac": b"x"})
    return tmp_path, sounds


def test_samples_are_recordings_with_what_is_said_of_them(shards):
    folder, sounds = shards
    found = open_dataset(f"webdataset:{folder}")
    assert [(item.species_id, item.split) for item in found.items] == [
        ("parus_major", "train"),
        ("", "train"),
        ("parus_major", "validation"),
    ]
    assert (found.items[0].licence, found.items[0].attribution) == ("CC0", "somebody")
    assert found.taxonomy.species[0].family == "Paridae"
    for item, samples in zip(found.items, sounds, strict=True):
        heard, rate_hz = read_item(item)
        assert rate_hz == 8000
        assert np.allclose(heard, samples, atol=1e-4)
    assert not [path for path in folder.rglob("*") if path.suffix in (".flac", ".wav")]


def test_recordings_of_one_shard_are_kept_apart(shards, tmp_path):
    items = open_dataset(f"webdataset:{shards[0]}").items
    readable, log_mels = load_features(items, LogMelSpec(), tmp_path / "cache")
    assert readable == list(items)
    assert log_mels.lengths.tolist() == [101, 111, 121]
    assert section_shares(items) == [1, 1, 1]


def test_what_is_no_shard_or_a_damaged_one_is_told(tmp_path):
    with pytest.raises(DatasetError, match=r"expected e.g. train/000000.tar"):
        open_dataset(f"webdataset:{tmp_path}")
    shard(tmp_path / "0.tar", {"0.flac": b"no sound"})
    with pytest.raises(DatasetError, match="found 1 sounds and 0 JSON"):
        open_dataset(f"webdataset:{tmp_path}")
    shard(tmp_path / "0.tar", {"0.flac": b"no sound", "0.json": note(species="Parus major")})
    (item,) = open_dataset(f"webdataset:{tmp_path}").items
    with pytest.raises(AudioError, match="not readable"):
        read_item(item)
    (tmp_path / "0.tar").write_bytes(b"no tar")
    with pytest.raises(DatasetError, match="damaged"):
        open_dataset(f"webdataset:{tmp_path}")
