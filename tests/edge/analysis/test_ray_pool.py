"""`birdlisten analyze --ray`: a cluster finds what a process finds, and outlives a lost hearer."""

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

pytest.importorskip("ray.data", reason="the extra `scale` is not installed")

from tests.edge.analysis.test_analyze import kept
from tests.support import ROOT
from tests.support.broker import until

HEARER = b"MapWorker"


def command(card: Path, output: Path, *more: str) -> list[str]:
    call = [sys.executable, "-m", "edge", "analyze", str(card), "--output", str(output)]
    return [*call, "--bundle", "aviary", *more]


def hearers(parent: int) -> list[int]:
    """Processes of a local cluster's actors that hear."""
    owners, named = {}, []
    for stat in Path("/proc").glob("[0-9]*/stat"):
        try:
            owner = int(stat.read_text().rpartition(")")[2].split()[1])
            command = stat.with_name("cmdline").read_bytes()
        except OSError:
            continue
        owners[int(stat.parent.name)] = owner
        if HEARER in command:
            named.append(int(stat.parent.name))
    return [process for process in named if parent in ancestors(process, owners)]


def ancestors(process: int, owners: dict[int, int]) -> Iterator[int]:
    while process in owners:
        process = owners[process]
        yield process


def test_a_cluster_finds_the_same_though_it_loses_a_hearer(card: Path, tmp_path: Path) -> None:
    for number in range(9):
        song = (card / "DATA" / "song.flac").read_bytes()
        (card / "DATA" / f"2024050{number + 1}_043000.flac").write_bytes(song)
    (card / "broken.wav").write_bytes(b"RIFF, but nothing else")
    alone = subprocess.run(command(card, tmp_path / "alone"), cwd=ROOT, capture_output=True)
    running = subprocess.Popen(
        command(card, tmp_path / "ray", "--ray", "local", "--jobs", "2"),
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env={**os.environ, "RAY_DEDUP_LOGS": "0", "RAY_USAGE_STATS_ENABLED": "0"},
    )
    until(lambda: len(hearers(running.pid)) == 2, within_s=300)
    os.kill(hearers(running.pid)[0], signal.SIGKILL)
    out, err = running.communicate(timeout=300)
    assert running.returncode == alone.returncode == 1, err.decode()
    assert kept(tmp_path / "ray") == kept(tmp_path / "alone")
    assert b"broken.wav" in err
    assert b"Traceback" not in err
    assert out.count(b"\n") == alone.stdout.count(b"\n")


@pytest.mark.parametrize("address", ["127.0.0.1:1", "ray://127.0.0.1:1", "auto"])
def test_a_cluster_that_is_nowhere_is_told(card: Path, tmp_path: Path, address: str) -> None:
    call = command(card, tmp_path / "out", "--ray", address)
    ended = subprocess.run(call, cwd=ROOT, capture_output=True, text=True, timeout=120)
    assert ended.returncode == 2, ended.stderr
    assert f"no cluster at '{address}'" in ended.stderr
    assert "Traceback" not in ended.stderr
