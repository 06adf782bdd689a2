"""A card full of recordings."""

from pathlib import Path

import numpy as np
import pytest
import soundfile


@pytest.fixture(scope="session")
def song(bundle_path: Path) -> tuple[np.ndarray, int]:
    """Half a minute of the chorus, in which three are reported."""
    samples, rate_hz = soundfile.read(bundle_path / "chorus.flac", dtype="float32")
    return samples[: 30 * rate_hz], rate_hz


@pytest.fixture
def card(tmp_path: Path, song) -> Path:
    """A card of a recorder."""
    folder = tmp_path / "card" / "DATA"
    folder.mkdir(parents=True)
    for name in ("20240501_043000.WAV", "SMM01_20240502_043000.wav", "song.flac"):
        soundfile.write(folder / name, *song)
    return tmp_path / "card"
