"""Records, bundles on disk and rows, made for the tests."""

import json
from collections.abc import Callable
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from edge.contract.bundle import load_bundle
from edge.contract.errors import BundleError
from edge.records.detection import Candidate, Detection, Picture

DIM = 8


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


@dataclass(frozen=True)
class Ended:
    """How a command ended."""

    code: int
    out: str
    err: str

    def records(self) -> list[dict[str, Any]]:
        """The JSON lines of stdout, which may hold nothing else."""
        return [json.loads(line) for line in self.out.splitlines()]


def unit_rows(count: int, seed: int) -> np.ndarray:
    rows = np.random.default_rng(seed).normal(size=(count, DIM))
    return (rows / np.linalg.norm(rows, axis=1, keepdims=True)).astype(np.float16)


def refused(bundle: BundleFolder) -> str:
    with pytest.raises(BundleError) as caught:
        load_bundle(bundle.path)
    message = str(caught.value)
    assert "\n" not in message
    assert str(bundle.path) in message
    return message


def detection(**change: Any) -> Detection:
    values: dict[str, Any] = {
        "id": "01990000-0000-7000-8000-000000000000",
        "station": "field",
        "detected_at": None,
        "time_zone": "UTC",
        "clock_synchronised": True,
        "start_s": 4 * 3600 + 31 * 60 + 7.9,
        "end_s": 20_000.0,
        "source": "dawn.wav",
        "species_id": "cuculus_canorus",
        "scientific_name": "Cuculus canorus",
        "common_name": "Common Cuckoo",
        "probability": 0.934,
        "score": 12.5,
        "similarity": 0.61,
        "hits": 2,
        "hits_needed": 2,
        "pictures": (
            Picture("pictures/cuculus_canorus_02.jpg", None, "birdlisten aviary", "CC0", 0.7),
            Picture(None, "https://x/1.jpg", "A. Author", "CC-BY", 0.6),
        ),
        "top": (Candidate("Cuculus canorus", "Common Cuckoo", 12.5, 0.934),),
        "clip": None,
        "model_id": "a" * 64,
        "bundle": "aviary",
        "precision": "fp32",
        "provider": "CPUExecutionProvider",
    }
    return Detection(**{**values, **change})
