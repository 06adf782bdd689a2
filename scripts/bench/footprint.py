"""Memory, start and idle cost of the whole listener at a real sound server.

python scripts/bench/footprint.py [--seconds 60]

Memory: the sum of PSS over the listener's processes while birds sing, at most. Start: from nothing
to an encoder that is warm and the first block taken. Idle: processor time while nothing but steady
noise is heard. End: from SIGTERM, while birds sing. For the aviary's own encoder in every
precision, and full-size HTSAT in INT8, whose weights are random: that changes neither memory nor
time.
"""

import argparse
import contextlib
import json
import os
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from hashlib import sha256
from pathlib import Path

import numpy as np
import onnx
import soundfile
from transformers import ClapAudioConfig

from edge.config import DEMO_BUNDLE
from export.graph import to_onnx
from export.int8 import to_int8
from train.birds.report import machine
from train.model.frontend import InputSpec, LogMelSpec
from train.model.student import Student

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))
from tests.support.pulse import Pulse, capture_children

_TICK_S = 1 / os.sysconf("SC_CLK_TCK")
_WINDOW, _HOP = 480_000, 144_000


def htsat_bundle(folder: Path) -> Path:
    """The aviary's bundle with a full-size HTSAT for an encoder."""
    bundle = folder / "htsat"
    shutil.copytree(DEMO_BUNDLE, bundle)
    manifest = json.loads((bundle / "manifest.json").read_text())
    roles = manifest["roles"]
    known = onnx.load(bundle / roles["encoder.int8"]["file"]).metadata_props
    student = Student(ClapAudioConfig().to_dict(), manifest["embedding_dim"]).eval()
    input_spec = InputSpec(LogMelSpec(), _WINDOW)
    model = to_int8(to_onnx(input_spec.frontend, student, input_spec.window_samples), "dynamic")
    facts = {one.key: one.value for one in known} | {"window_samples": str(_WINDOW)}
    onnx.helper.set_model_props(model, facts)
    content = model.SerializeToString()
    (bundle / "encoder.int8-htsat.onnx").write_bytes(content)
    for precision in ("fp32", "fp16"):
        for kind in ("encoder", "background"):
            roles.pop(f"{kind}.{precision}", None)
    size, digest = len(content), sha256(content).hexdigest()
    roles["encoder.int8"] = {"file": "encoder.int8-htsat.onnx", "bytes": size, "sha256": digest}
    manifest["audio"] |= {"window_samples": _WINDOW, "hop_samples": _HOP}
    (bundle / "manifest.json").write_text(json.dumps(manifest))
    return bundle


class Started:
    """A listener, and when it had taken its first block."""

    def __init__(self, bundle: Path, precision: str, station: Path) -> None:
        address = station / "notify"
        station.mkdir()
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as line:
            line.bind(str(address))
            line.settimeout(60)
            begun = time.monotonic()
            command = [sys.executable, "-m", "edge", "--device", "pulse", "--bundle", str(bundle)]
            self.it = subprocess.Popen(
                [*command, "--precision", precision, "--station", str(station)],
                env={**os.environ, "NOTIFY_SOCKET": str(address)},
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
            )
            while not line.recv(4096).startswith(b"WATCHDOG"):
                pass
            self.start_s = time.monotonic() - begun

    def processes(self) -> list[int]:
        """Parent and child."""
        return [self.it.pid, *capture_children(self.it.pid)]

    def pss_mb(self) -> float:
        """Sum over the processes."""
        rollups = [
            Path(f"/proc/{process}/smaps_rollup").read_text() for process in self.processes()
        ]
        lines = [line for text in rollups for line in text.splitlines() if line.startswith("Pss:")]
        return sum(int(line.split()[1]) for line in lines) / 1024

    def cpu_s(self) -> float:
        """User and system time of the processes."""
        stats = [Path(f"/proc/{process}/stat").read_text() for process in self.processes()]
        fields = [text.rpartition(")")[2].split() for text in stats]
        return sum(int(field[11]) + int(field[12]) for field in fields) * _TICK_S


@contextlib.contextmanager
def server() -> Iterator[Pulse]:
    """A sound server for all."""
    pulse = Pulse()
    os.environ |= pulse.environment
    pulse.start()
    pulse.keep_awake()
    yield pulse
    pulse.stop()


def measure(bundle: Path, precision: str, folder: Path, pulse: Pulse, seconds: float) -> str:
    """A line of the table."""
    noise = folder / "noise.wav"
    random = np.random.default_rng(0).standard_normal(int(48_000 * (seconds + 30)))
    soundfile.write(noise, 0.01 * random, 48_000)
    playing = pulse.play(noise)
    listener = Started(bundle, precision, folder / f"{bundle.name}-{precision}")
    time.sleep(15)  # until noise is the usual
    before = listener.cpu_s()
    time.sleep(seconds / 2)
    idle = (listener.cpu_s() - before) / (seconds / 2)
    playing.kill()
    chorus = folder / "chorus.wav"
    soundfile.write(chorus, *soundfile.read(DEMO_BUNDLE / "chorus.flac", dtype="float32"))
    singing = pulse.play(chorus)
    most = 0.0
    for _ in range(int(seconds)):
        most = max(most, listener.pss_mb())
        time.sleep(1)
    told = time.monotonic()
    listener.it.terminate()
    listener.it.wait()
    end_s = time.monotonic() - told
    singing.kill()  # the next one's idle must be
    numbers = f"{most:.0f} | {listener.start_s:.2f} | {100 * idle:.1f} % | {end_s:.2f}"
    return f"| {bundle.name} {precision} | {numbers} |"


def main() -> None:
    """Run the command."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=60.0)
    args = parser.parse_args()
    print(f"{machine()}\n\n| encoder | PSS, MiB | start, s | idle, of a core | end, s |")
    print("|---|---|---|---|---|")
    with tempfile.TemporaryDirectory() as name, server() as pulse:
        folder = Path(name)
        encoders = [(DEMO_BUNDLE, one) for one in ("fp32", "fp16", "int8")]
        for bundle, precision in [*encoders, (htsat_bundle(folder), "int8")]:
            print(
                measure(
                    bundle, precision=precision, folder=folder, pulse=pulse, seconds=args.seconds
                ),
                flush=True,
            )


if __name__ == "__main__":
    main()
