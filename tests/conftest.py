"""Fixtures shared by the tests: bundles to break, recordings, and a private PulseAudio."""

import json
import logging
import os
import shutil
import signal
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from edge.cli import main
from edge.config import DEMO_BUNDLE
from edge.contract.audio import AudioSpec
from edge.contract.bundle import npy_bytes, write_bundle
from edge.contract.calibration import Calibration
from edge.contract.gallery import Gallery, GalleryRow
from edge.contract.manifest import Manifest
from edge.contract.taxonomy import Species, Taxonomy
from tests.pulse import Pulse

NAMES = ("Cuculus canorus", "Strix aluco", "Parus major")
DIM = 8
SPEC = AudioSpec(sample_rate_hz=8000, window_samples=8000, hop_samples=2000)


@pytest.fixture(autouse=True)
def _listening_to_the_aviary(monkeypatch: pytest.MonkeyPatch) -> None:
    """Tests know what sings in the aviary; the packaged bundle is for those that name it."""
    monkeypatch.setenv("BIRDLISTEN_BUNDLE", str(DEMO_BUNDLE))


@pytest.fixture(autouse=True)
def _loggers_as_found() -> Iterator[None]:
    """Commands that run within the test process set the levels of our loggers."""
    loggers = [logging.getLogger(name) for name in ("", "edge", "gallery", "train", "export")]
    levels = [one.level for one in loggers]
    yield
    for one, level in zip(loggers, levels, strict=True):
        one.setLevel(level)


class BundleFolder:
    """A bundle on disk that tests edit and break."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def manifest(self) -> dict[str, Any]:
        return json.loads((self.path / "manifest.json").read_text(encoding="utf-8"))

    def write(self, manifest: Any) -> None:
        (self.path / "manifest.json").write_text(json.dumps(manifest), encoding="utf-8")

    def edit(self, change: Callable[[dict[str, Any]], object]) -> None:
        manifest = self.manifest()
        change(manifest)
        self.write(manifest)

    def file(self, role: str) -> Path:
        return self.path / self.manifest()["roles"][role]["file"]

    def put(self, role: str, content: bytes) -> None:
        """Give a role other content, with size and hash to match."""
        self.file(role).write_bytes(content)
        size = {"bytes": len(content), "sha256": sha256(content).hexdigest()}
        self.edit(lambda manifest: manifest["roles"][role].update(size))


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


def unit_rows(count: int, seed: int) -> np.ndarray:
    rows = np.random.default_rng(seed).normal(size=(count, DIM))
    return (rows / np.linalg.norm(rows, axis=1, keepdims=True)).astype(np.float16)


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
        GalleryRow(one.species_id, f"{one.species_id}_{n}.jpg", "https://x", "me", "CC0")
        for one in taxonomy.species
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


@dataclass(frozen=True)
class Ended:
    """How a command ended."""

    code: int
    out: str
    err: str

    def records(self) -> list[dict[str, Any]]:
        """The JSON lines of stdout, which may hold nothing else."""
        return [json.loads(line) for line in self.out.splitlines()]


@pytest.fixture
def birdlisten(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> Iterator[Callable[..., Ended]]:
    """Runs `birdlisten` in this process, away from the user's own settings."""
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    on_term, handlers = signal.getsignal(signal.SIGTERM), logging.root.handlers[:]

    def run(*arguments: object) -> Ended:
        try:
            code = main([str(one) for one in arguments])
        except SystemExit as stop:
            code = int(stop.code or 0)
        written = capsys.readouterr()
        assert "Traceback" not in written.err
        return Ended(code, written.out, written.err)

    yield run
    signal.signal(signal.SIGTERM, on_term)
    logging.root.handlers[:] = handlers


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
def world(tmp_path_factory: pytest.TempPathFactory) -> Any:
    """A tiny aviary with a tiny teacher and student; only for tests that have torch."""
    from tests.world import make_world

    return make_world(tmp_path_factory.mktemp("world"))
