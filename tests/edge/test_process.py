"""Processes that the listener starts: what they import, and what becomes of them."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest

from edge.source.child import Child
from edge.system.process import leashed
from tests.support import ROOT
from tests.support.radio import Radio

RATE_HZ = 16_000
INSTALLED = ("astral", "numpy", "onnxruntime", "sounddevice", "soundfile", "soxr", "yaml")
COMMANDS = (
    ["devices"],
    ["devices", "--backend", "arecord"],
    ["bench", "--threads", "1", "--precision", "int8"],
    ["doctor", "--seconds", "0"],
    ["listen", "--input", "-", "--no-clips"],
    ["listen", "--device", "no such device"],
    ["service", "show", "--device", "0"],
    ["why"],
)


def of_python_itself() -> set[str]:
    """Modules that `python -m` asks for before any of ours can run."""
    program = "import runpy, sys; print(*sys.modules)"
    told = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    return {name.partition(".")[0] for name in told.stdout.split()}


@pytest.fixture
def hostile(tmp_path: Path) -> Path:
    """A folder whose modules have the names of all that might be imported; each leaves a mark."""
    folder = tmp_path / "hostile"
    folder.mkdir()
    trap = f"open({str(tmp_path / 'ran')!r}, 'a').write(__name__ + ' ')\nraise SystemExit('ran')\n"
    for name in {*sys.stdlib_module_names, *INSTALLED, "sitecustomize"} - of_python_itself():
        (folder / f"{name}.py").write_text(trap)
    return folder


@pytest.mark.parametrize("arguments", COMMANDS, ids=" ".join)
def test_nothing_is_imported_from_the_current_folder(
    hostile: Path, tmp_path: Path, arguments: list[str]
) -> None:
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "XDG_STATE_HOME": str(tmp_path)}
    subprocess.run(
        [sys.executable, "-m", "edge", *arguments],
        cwd=hostile,
        env=environment,
        stdin=subprocess.DEVNULL,
        capture_output=True,
    )
    assert not (tmp_path / "ran").exists(), (tmp_path / "ran").read_text()


def test_a_command_that_is_installed_looks_nowhere_near(hostile: Path, tmp_path: Path) -> None:
    script = tmp_path / "birdlisten"
    script.write_text(
        f"#!{sys.executable}\nimport sys\nfrom edge.cli import main\nsys.exit(main())\n"
    )
    script.chmod(0o755)
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "XDG_STATE_HOME": str(tmp_path)}
    subprocess.run([script, "devices"], cwd=hostile, env=environment, capture_output=True)
    assert not (tmp_path / "ran").exists()


def ended(pid: int) -> bool:
    """True once a process has ended, be it only a zombie."""
    for _ in range(100):
        try:
            state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
        except OSError:
            return True
        if state == "Z":
            return True
        time.sleep(0.05)
    return False


def test_a_child_ends_with_a_parent_that_is_killed(tmp_path: Path) -> None:
    program = (
        "import time\nfrom edge.source.child import Child\n"
        "child = Child(['sh', '-c', 'echo $$; exec sleep 60'])\n"
        "print(child.stdout.readline().decode(), flush=True)\ntime.sleep(60)\n"
    )
    with subprocess.Popen(
        [sys.executable, "-c", program], cwd=ROOT, stdout=subprocess.PIPE, text=True
    ) as parent:
        assert parent.stdout
        child = int(parent.stdout.readline())
        assert Path(f"/proc/{child}").exists()
        parent.kill()
    assert ended(child)


def test_a_command_that_cannot_be_run_says_so(tmp_path: Path) -> None:
    (tmp_path / "tool").write_text("not a program")
    (tmp_path / "tool").chmod(0o755)
    with pytest.raises(FileNotFoundError):
        Child([str(tmp_path / "missing")])
    told = subprocess.run(
        leashed([str(tmp_path / "tool")]), capture_output=True, text=True, check=False
    )
    assert told.returncode == 127
    assert "tool: Exec format error" in told.stderr


@pytest.fixture
def radio() -> Iterator[Radio]:
    noise = np.random.default_rng(0).normal(size=3 * RATE_HZ, scale=0.02).astype(np.float32)
    radio = Radio(noise, RATE_HZ)
    yield radio
    radio.stop()


def ffmpegs(mark: str) -> list[int]:
    found = []
    for file in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            words = file.read_bytes().split(b"\0")
        except OSError:
            continue
        if words[0].endswith(b"ffmpeg") and any(mark.encode() in word for word in words):
            found.append(int(file.parent.name))
    return found


@pytest.fixture
def started(radio: Radio, tmp_path: Path) -> Callable[..., subprocess.Popen[bytes]]:
    def start(*arguments: str) -> subprocess.Popen[bytes]:
        command = [sys.executable, "-m", "edge", *arguments, "--input", f"{radio.url}/live"]
        quiet = subprocess.DEVNULL
        return subprocess.Popen(
            [*command, "--station", str(tmp_path / "station")],
            cwd=ROOT,
            stdout=quiet,
            stderr=quiet,
        )

    return start


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM, signal.SIGINT])
@pytest.mark.parametrize("command", ["listen", "learn-background"])
def test_no_ffmpeg_outlives_the_command(radio: Radio, started, command, number) -> None:
    with started(command) as process:
        while not (children := ffmpegs(radio.url)):
            assert process.poll() is None
            time.sleep(0.05)
        process.send_signal(number)
    assert all(map(ended, children))


def test_learning_leaves_nothing_behind(radio: Radio, started) -> None:
    with started("learn-background", "--minutes", "0.2", "--threshold", "1") as process:
        process.wait(60)
    assert [pid for pid in ffmpegs(radio.url) if not ended(pid)] == []
