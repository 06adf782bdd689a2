"""A gallery that a cluster embeds is that of one machine, though it loses a worker."""

import os
import pickle
import signal
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("ray.data", reason="the extra `scale` is not installed")

from PIL import Image

from edge.recognition.picture_cache import PictureCache
from gallery.build import main
from gallery.embedding import embedded
from gallery.records import PictureRecord
from tests.edge.analysis.test_ray_pool import hearers
from tests.support import ROOT
from tests.support.broker import until

BUILD = """
import pickle, sys
from pathlib import Path
from edge.recognition.picture_cache import PictureCache
from gallery.ray_embedding import embedded_by_ray
from tests.gallery.test_ray_build import PatientEye, records, rows_of

here, small = Path(sys.argv[1]), {}
cache = PictureCache(here / "kept", PatientEye.dim)
found = embedded_by_ray(
    records(here), PatientEye(here / "go"), cache, small.__setitem__, address="local", count=2
)
(here / "found").write_bytes(pickle.dumps((rows_of(found), sorted(small))))
"""

SINGLE_CORE = """
from functools import partial
import ray
from edge.analysis.ray_cluster import RayCluster

class Worker:
    def __init__(self, job): pass
    def __call__(self, batch): return batch

ray.init = partial(ray.init, num_cpus=1)
with RayCluster("local", 2) as cluster:
    rows = [{"n": n} for n in range(130)]
    done = list(cluster.staged(rows, lambda row: [row], Worker, None, batch=64))
print(done == rows)
"""


@dataclass(frozen=True)
class PatientEye:
    """Sees the colours of a picture, once a file is there."""

    go: Path
    dim, arithmetic = 12, "fp32"

    def prepare(self, image):
        return preprocess(image)

    @property
    def preprocess(self):
        return preprocess

    def embed_batch(self, planes):
        while not self.go.exists():  # the test has not seen both workers yet
            time.sleep(0.1)
        # A row depends on its batch, if a little: so it shows of what batches were made.
        rows = np.array(planes, np.float32) + np.float32(0.01) + np.mean(planes, axis=0) / 8
        return rows / np.linalg.norm(rows, axis=1, keepdims=True)


def preprocess(image):
    return np.asarray(image, np.float32)[:2, :2].ravel() / 255


def records(folder):
    paths = sorted((folder / "pictures").iterdir())
    return [PictureRecord(path, "parus_major", "", "me", "CC0") for path in paths]


def rows_of(found):
    return [(record.path.name, picture.key, bytes(picture.row)) for record, picture in found]


@pytest.fixture
def pictures(tmp_path):
    """More than two batches, two of them unreadable."""
    (tmp_path / "pictures").mkdir()
    random = np.random.default_rng(0)
    for n in range(140):
        image = Image.fromarray(random.integers(0, 256, (16, 16, 3), np.uint8))
        image.save(tmp_path / "pictures" / f"{n:03}.png")
    for name in ("010.png", "100.png"):
        (tmp_path / "pictures" / name).write_bytes(b"not a picture")
    return tmp_path


def test_a_cluster_embeds_the_same_though_it_loses_a_worker(pictures):
    running = subprocess.Popen(
        [sys.executable, "-c", BUILD, str(pictures)],
        stderr=subprocess.PIPE,
        env={**os.environ, "PYTHONPATH": str(ROOT), "RAY_USAGE_STATS_ENABLED": "0"},
    )
    until(lambda: running.poll() is not None or len(hearers(running.pid)) == 2, within_s=300)
    assert running.poll() is None, running.communicate()[1].decode()
    os.kill(hearers(running.pid)[0], signal.SIGKILL)
    (pictures / "go").touch()
    err = running.communicate(timeout=300)[1].decode()
    assert running.returncode == 0, err
    assert "010.png" in err
    assert "2 of 140 pictures left out" in err
    found, small = pickle.loads((pictures / "found").read_bytes())
    eye, cache = PatientEye(pictures / "go"), PictureCache(None, PatientEye.dim)
    alone = rows_of(embedded(records(pictures), eye, cache, lambda key, image: None))
    assert found == alone
    assert small == sorted(key for _, key, _ in alone)


def test_a_single_core_opens_though_more_workers_are_asked_for():
    ended = subprocess.run(
        [sys.executable, "-c", SINGLE_CORE],
        capture_output=True,
        text=True,
        env={**os.environ, "PYTHONPATH": str(ROOT), "RAY_USAGE_STATS_ENABLED": "0"},
        timeout=60,
    )
    assert ended.stdout.split() == ["True"], ended.stderr


def test_a_cluster_that_is_nowhere_is_told_before_a_model_loads(bundle_copy, tmp_path, capsys):
    folder = tmp_path / "pictures" / "Parus_major"
    folder.mkdir(parents=True)
    Image.new("RGB", (32, 32)).save(folder / "a.png")
    call = [str(bundle_copy.path), "--pictures", str(tmp_path / "pictures")]
    assert main([*call, "--ray", "127.0.0.1:1"]) == 2
    assert "no cluster at '127.0.0.1:1'" in capsys.readouterr().err
