"""The ways to INT8 and FP16 side by side, on trained weights.

python scripts/bench/int8.py --checkpoint DIR --recordings DIR [--split test] [--rounds 15]

Size and time as a ratio to FP32 in the same run, one thread; cosine with torch on windows of
recordings and on the signals that break front ends (an FP16 graph rounds as a GPU would).
"""

import argparse
import tempfile
import warnings
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import onnx
from encoder import encoding, medians

from export.comparison import compare, reference_of
from export.graph import to_onnx
from export.half import to_half, to_half_weights
from export.int8 import to_int8
from export.methods import METHODS
from export.recordings import cut, read_recorded
from train.birds.report import machine
from train.model.checkpoint import Checkpoint, load_checkpoint


def variants(checkpoint: Checkpoint, windows: np.ndarray) -> Iterator[tuple[str, onnx.ModelProto]]:
    """Every variant that can be made of a checkpoint."""
    single = to_onnx(checkpoint.frontend, checkpoint.student, checkpoint.window_samples)
    yield "fp32", single
    yield "fp16 arithmetic", to_half(single)
    yield "fp16 weights", to_half_weights(single)
    for method in METHODS:
        yield f"int8 {method}", to_int8(single, method, windows)


def table(checkpoint: Checkpoint, windows: np.ndarray, folder: Path, rounds: int) -> Iterator[str]:
    """A line a variant; calibrated on every second window and compared on the others."""
    files, found = {}, {}
    for name, model in variants(checkpoint, windows[0::2]):
        files[name] = folder / f"{name}.onnx"
        onnx.save(model, files[name])
        graph = files[name].read_bytes()
        found[name] = compare(reference_of(checkpoint), graph, windows[1::2])
    times = medians({name: encoding(file, 1) for name, file in files.items()}, rounds)
    yield "| variant | MB | time / fp32 | mean cosine, recordings | least | least, signals |"
    yield "|---|---|---|---|---|---|"
    for name, parity in found.items():
        mean, least = parity.recordings or (np.nan, np.nan)
        size, ratio = files[name].stat().st_size / 1e6, times[name] / times["fp32"]
        hard = min(parity.signals.values())
        yield f"| {name} | {size:.1f} | {ratio:.2f} | {mean:.6f} | {least:.6f} | {hard:.6f} |"


def main() -> None:
    """Run the command."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--checkpoint", type=Path, required=True)
    parser.add_argument("--recordings", type=Path, required=True)
    parser.add_argument("--split", default="test")
    parser.add_argument("--rounds", type=int, default=15)
    args = parser.parse_args()
    warnings.filterwarnings("ignore")
    checkpoint = load_checkpoint(args.checkpoint)
    recorded = read_recorded(args.recordings, args.split, checkpoint.audio.sample_rate_hz)
    windows = cut(recorded, checkpoint.audio)
    if windows is None:
        raise SystemExit(f"{args.recordings}: no recordings in split {args.split}")
    print(f"Machine: {machine()}. {args.checkpoint}, {len(windows) // 2} windows.\n")
    with tempfile.TemporaryDirectory() as folder:
        for line in table(checkpoint, windows, Path(folder), args.rounds):
            print(line, flush=True)


if __name__ == "__main__":
    main()
