"""A cache that a cluster builds is that of one machine, though it loses a worker."""

import os
import signal
import subprocess
import sys

import pytest

pytest.importorskip("torch")
pytest.importorskip("ray.data", reason="the extra `scale` is not installed")

from tests.edge.analysis.test_ray_pool import hearers
from tests.support import ROOT
from tests.support.broker import until
from tests.train.test_cache import made, numbers, refuse, same
from train.data.__main__ import main
from train.sound.cache import load_each

BUILD = """
import sys, time
from pathlib import Path
from edge.contract.errors import AudioError
from tests.train.test_cache import item, numbers
from train.sound.ray_cache import fill_by_ray

go = Path(sys.argv[1])

def slowly(one):
    while not go.exists():  # the test has not seen both workers yet
        time.sleep(0.1)
    if one.path.name == "003.wav":
        raise AudioError(f"{one.path}: is unreadable")
    return numbers(one)

items = [item(path.relative_to(Path.cwd())) for path in sorted(Path.cwd().glob("sounds/*.wav"))]
fill_by_ray(items, Path("kept"), slowly, address="local", count=2)
"""


def test_a_cluster_builds_the_cache_though_it_loses_a_worker(tmp_path):
    items = made(tmp_path / "sounds", 12)
    items[3].path.write_bytes(b"not a sound")
    running = subprocess.Popen(
        [sys.executable, "-c", BUILD, str(tmp_path / "go")],
        cwd=tmp_path,
        stderr=subprocess.PIPE,
        env={**os.environ, "PYTHONPATH": str(ROOT), "RAY_USAGE_STATS_ENABLED": "0"},
    )
    until(lambda: len(hearers(running.pid)) == 2, within_s=300)
    os.kill(hearers(running.pid)[0], signal.SIGKILL)
    (tmp_path / "go").touch()
    err = running.communicate(timeout=300)[1].decode()
    assert running.returncode == 0, err
    assert "003.wav: is unreadable; skipped" in err
    readable = [one for one in items if one is not items[3]]
    assert same(load_each(readable, tmp_path / "kept", refuse), map(numbers, readable))


def test_a_cluster_that_is_nowhere_is_told(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    made(tmp_path / "sounds", 1)
    row = "sounds/000.wav,audio,Parus major,Great Tit,train,CC0,nobody"
    columns = "path,kind,scientific_name,common_name,split,licence,attribution"
    (tmp_path / "manifest.csv").write_text(f"{columns}\n{row}\n")
    ranks = "species_id,scientific_name,common_name,kingdom,phylum,class,order,family,genus,epithet"
    bird = "parus_major,Parus major,Great Tit,Animalia,Chordata,Aves,P,Paridae,Parus,major"
    (tmp_path / "taxonomy.csv").write_text(f"{ranks}\n{bird}\n")
    student = "student=cnn:mobilenetv3_small_100"
    assert main(["cache", ".", "--ray", "127.0.0.1:1", student]) == 2
    assert "no cluster at '127.0.0.1:1'" in capsys.readouterr().err
    assert main(["cache", ".", student]) == 0
    assert "1 of 1 recordings are kept" in capsys.readouterr().out
