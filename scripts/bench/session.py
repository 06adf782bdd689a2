"""Cost of onnxruntime's settings: threads, spinning, arena and memory pattern.

python scripts/bench/session.py BUNDLE [--precision int8]

Every setting runs in a process of its own, a window every 50 ms as a listener that keeps up does:
time of a window, time of all processors for it, most memory held. `edge/recognition/runtime.py`
takes the best.
"""

import argparse
import json
import subprocess
import sys
from itertools import product
from pathlib import Path

from edge.contract.bundle import load_bundle
from train.birds.report import machine

_CHILD = """
import json, statistics, sys, time
import numpy, onnxruntime
from edge.recognition.trial import peak_mb
file, threads, spinning, arena, pattern = sys.argv[1], *map(int, sys.argv[2:])
options = onnxruntime.SessionOptions()
options.intra_op_num_threads = threads
options.enable_cpu_mem_arena, options.enable_mem_pattern = bool(arena), bool(pattern)
options.add_session_config_entry("session.intra_op.allow_spinning", str(spinning))
graph = open(file, "rb").read()
session = onnxruntime.InferenceSession(graph, options, providers=["CPUExecutionProvider"])
samples = session.get_inputs()[0].shape[1]
noise = 0.1 * numpy.random.default_rng(0).standard_normal((1, samples)).astype(numpy.float32)
times = []
for number in range(22):
    if number == 2:
        used = time.process_time()
    begun = time.perf_counter()
    session.run(None, {"waveform": noise})
    times.append(1000 * (time.perf_counter() - begun))
    time.sleep(0.05)
cpu_ms = 1000 * (time.process_time() - used) / 20
print(json.dumps([statistics.median(times[2:]), cpu_ms, peak_mb()]))
"""


def main() -> None:
    """Run the command."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("bundle", type=Path)
    parser.add_argument("--precision", default="int8")
    args = parser.parse_args()
    manifest = load_bundle(args.bundle).manifest
    file = args.bundle / manifest.roles[f"encoder.{args.precision}"].file
    print(f"Machine: {machine()}. {manifest.name}, {args.precision}.\n")
    print("| threads | spinning | arena | pattern | ms a window | CPU ms | peak MB |")
    print("|---|---|---|---|---|---|---|")
    for setting in product((1, 2), (0, 1), (0, 1), (0, 1)):
        command = [sys.executable, "-c", _CHILD, str(file), *map(str, setting)]
        done = subprocess.run(command, capture_output=True, text=True, check=True)
        wall, cpu, peak = json.loads(done.stdout)
        cells = [str(setting[0]), *("on" if one else "off" for one in setting[1:])]
        print(
            "|", " | ".join([*cells, f"{wall:.1f}", f"{cpu:.1f}", f"{peak:.0f}"]), "|", flush=True
        )


if __name__ == "__main__":
    main()
