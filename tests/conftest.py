"""Fixtures shared by the tests: bundles to break, recordings, and a private PulseAudio."""

import json
import logging
import os
import shutil
import signal
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from edge.cli import main
from edge.config import DEMO_BUNDLE
from edge.contract.audio_spec import AudioSpec
from edge.contract.bundle import npy_bytes, write_bundle
from edge.contract.calibration import Calibration
from edge.contract.gallery import Gallery, GalleryRow
from edge.contract.manifest import Manifest
from edge.contract.taxonomy import Species, Taxonomy
from tests.support.disk import SmallDisk
from tests.support.factories import DIM, BundleFolder, Ended, unit_rows
from tests.support.pulse import Pulse

NAMES = ("Cuculus canorus", "Strix aluco", "Parus major")
SPEC = AudioSpec(sample_rate_hz=8000, window_samples=8000, hop_samples=2000)


@pytest.fixture(autouse=True)
def _listening_to_the_aviary(monkeypatch: pytest.MonkeyPatch) -> None:
    """Tests know what sings in the aviary; the packaged bundle is for those that name it."""
    monkeypatch.setenv("BIRDLISTEN_BUNDLE", str(DEMO_BUNDLE))


@pytest.fixture(autouse=True, scope="session")
def _own_cache(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Pictures that tests embed are kept away from the user's."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("XDG_CACHE_HOME", str(tmp_path_factory.mktemp("cache")))
        yield


@pytest.fixture(autouse=True)
def _loggers_as_found() -> Iterator[None]:
    """Commands that run within the test process set levels, and a handler of the root logger."""
    loggers = [logging.getLogger(name) for name in ("", "edge", "gallery", "train", "export")]
    levels, handlers = [logger.level for logger in loggers], logging.root.handlers[:]
    yield
    logging.root.handlers[:] = handlers
    for logger, level in zip(loggers, levels, strict=True):
        logger.setLevel(level)


@pytest.fixture(scope="session")
def bundle_path() -> Path:
    return DEMO_BUNDLE


@pytest.fixture
def bundle_copy(bundle_path: Path, tmp_path: Path) -> BundleFolder:
    """The aviary's bundle, writable, without what the manifest doesn't name."""
    ignored = shutil.ignore_patterns("chorus.*", "pictures")
    shutil.copytree(bundle_path, tmp_path / "copy", ignore=ignored)
    return BundleFolder(tmp_path / "copy")


@pytest.fixture
def taxonomy() -> Taxonomy:
    ranks = ("Animalia", "Chordata", "Aves", "Order", "Family")
    return Taxonomy(
        tuple(
            Species(name.lower().replace(" ", "_"), name, f"Common {n}", *ranks, *name.split())
            for n, name in enumerate(NAMES)
        )
    )


@pytest.fixture
def small_manifest() -> Manifest:
    return Manifest(
        name="small",
        licence="CC0-1.0",
        model_id="a" * 64,
        space_id="b" * 64,
        audio=SPEC,
        embedding_dim=DIM,
        teacher="teacher",
        student="student",
        roles={},
        species_sets={"all": None, "owls": ["strix_aluco"]},
    )


@pytest.fixture
def small_contents(taxonomy: Taxonomy, tmp_path: Path) -> dict[str, bytes]:
    """Every role of a bundle of three species; its encoder is bytes that no test may run."""
    table = tuple(
        GalleryRow(species.species_id, f"{species.species_id}_{n}.jpg", "https://x", "me", "CC0")
        for species in taxonomy.species
        for n in range(2)
    )
    taxonomy.save(tmp_path / "taxonomy.csv")
    known = Calibration((0.0, 1.0), (0.1, 0.9), 0.5).to_json()
    return {
        "encoder.fp32": b"not a graph",
        "gallery.rows": npy_bytes(unit_rows(6, 1)),
        "gallery.table": Gallery(unit_rows(6, 1), table).table_csv(),
        "taxonomy": (tmp_path / "taxonomy.csv").read_bytes(),
        "anchors": npy_bytes(unit_rows(3, 2)),
        "background.fp32": npy_bytes(unit_rows(5, 3)),
        "calibration": json.dumps({"fp32": {"all": known}}).encode(),
    }


@pytest.fixture
def small_bundle(
    small_manifest: Manifest, small_contents: dict[str, bytes], tmp_path: Path
) -> BundleFolder:
    write_bundle(tmp_path / "small", small_manifest, small_contents)
    return BundleFolder(tmp_path / "small")


@pytest.fixture(scope="session")
def tone() -> Callable[..., np.ndarray]:
    def make(hz: float, seconds: float, rate_hz: int = 48_000, level: float = 0.3) -> np.ndarray:
        moments = np.arange(round(seconds * rate_hz)) / rate_hz
        return (level * np.sin(2 * np.pi * hz * moments)).astype(np.float32)

    return make


@pytest.fixture(scope="session")
def pitch() -> Callable[[np.ndarray, int], float]:
    """The strongest frequency of a waveform, in hertz."""

    def measure(samples: np.ndarray, rate_hz: int) -> float:
        spectrum = np.abs(np.fft.rfft(samples * np.hanning(len(samples))))
        return float(spectrum.argmax() * rate_hz / len(samples))

    return measure


@pytest.fixture
def birdlisten(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> Iterator[Callable[..., Ended]]:
    """Runs `birdlisten` in this process, away from the user's own settings."""
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    on_term, handlers = signal.getsignal(signal.SIGTERM), logging.root.handlers[:]

    def run(*arguments: object) -> Ended:
        try:
            code = main([str(argument) for argument in arguments])
        except SystemExit as stop:
            code = int(stop.code or 0)
        written = capsys.readouterr()
        assert "Traceback" not in written.err
        return Ended(code, written.out, written.err)

    yield run
    signal.signal(signal.SIGTERM, on_term)
    logging.root.handlers[:] = handlers


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[SmallDisk]:
    """A disk that fills up as a test likes."""
    disk = SmallDisk(tmp_path / "disk")
    if not disk.mount():
        pytest.skip("may not mount a file system here")
    yield disk
    disk.unmount()


@pytest.fixture
def pulse(monkeypatch: pytest.MonkeyPatch) -> Iterator[Pulse]:
    installed = all(map(shutil.which, ("pulseaudio", "pactl", "paplay")))
    if not installed and not os.environ.get("CI"):
        pytest.skip("pulseaudio is not installed")
    server = Pulse()
    try:
        server.start()
        for name, value in server.environment.items():
            monkeypatch.setenv(name, value)
        yield server
    finally:
        server.stop()


@pytest.fixture(scope="session")
def computed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A cache that the tests of training share: what a recording gives is computed once."""
    return tmp_path_factory.mktemp("computed")


@pytest.fixture(scope="session")
def world(tmp_path_factory: pytest.TempPathFactory) -> Any:
    """A tiny aviary with a tiny teacher and student; only for tests that have torch."""
    from tests.support.world import make_world

    return make_world(tmp_path_factory.mktemp("world"))


@pytest.fixture(scope="session")
def small_world(tmp_path_factory: pytest.TempPathFactory) -> Any:
    """Tiny models that have learned next to nothing; see `world` for those that have."""
    from tests.support.small_world import make_small_world

    return make_small_world(tmp_path_factory.mktemp("small-world"))
