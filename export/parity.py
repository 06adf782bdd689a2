"""Is an exported encoder still the same encoder, on every target?

python -m export.parity BUNDLE [--checkpoint DIR] [--recordings DIR] [--split test] [--json]

Every precision is compared with torch in FP32, through `edge.encoder` as deployed: the log-mel and
the embedding, on signals that break front ends and on recordings. An FP16 graph is also run as a
GPU would, rounding every half, for a processor computes halves in float and hides what overflows.
With recordings of species in the gallery, the best species and mAP are compared, too.
"""

import json
import logging
import sys
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
import onnx
import torch

from edge.contract.bundle import load_bundle
from edge.contract.errors import DatasetError
from edge.encoder import Encoder
from edge.session import Running, open_session
from edge.usage import Parser
from export.agreement import Agreement, agreement
from export.emulate import rounded
from export.graph import log_mel_of
from export.recorded import Recorded, cut, read_recorded
from export.signals import signals
from gallery.command import run
from train.checkpoint import Checkpoint, load_checkpoint, model_id
from train.student import WaveformStudent

_LOG = logging.getLogger(__name__)
_BATCH = 8
_AUDIBLE_DB = 60
"""Bins further below the loudest are rounding noise of a float32 transform."""
Windows = npt.NDArray[np.float32]
Function = Callable[[Windows], Windows]


@dataclass(frozen=True)
class Limits:
    """What a variant must reach to be written."""

    signals: float
    """Least cosine with torch on any signal."""
    recordings: float
    """Mean cosine with torch over windows of recordings."""
    log_mel_db: float = 0.05
    """Largest difference of any audible bin."""


LIMITS = {
    "fp32": Limits(0.99999, 0.99999),
    "fp16": Limits(0.9999, 0.99999),
    "int8": Limits(0.98, 0.999),
}


@dataclass(frozen=True)
class Parity:
    """How far one variant is from torch."""

    signals: dict[str, float]
    """Cosine by signal; of an FP16 graph the worse of deployed and emulated."""
    log_mel_db: dict[str, float]
    """Largest difference of an audible bin, by signal."""
    error: float
    """Largest difference of a coordinate, on signals."""
    recordings: tuple[float, float] | None
    """Mean and least cosine over windows of recordings."""

    def problems(self, limits: Limits) -> list[str]:
        """What is outside the limits, in words."""
        found = [
            f"cosine with torch is {cosine:.6f} on {name!r}, expected at least {limits.signals}"
            for name, cosine in self.signals.items()
            if not cosine >= limits.signals
        ]
        found += [
            f"the log-mel differs by {difference:.2g} dB on {name!r}, expected at most "
            f"{limits.log_mel_db}"
            for name, difference in self.log_mel_db.items()
            if not difference <= limits.log_mel_db
        ]
        if self.recordings and not self.recordings[0] >= limits.recordings:
            mean = f"{self.recordings[0]:.6f}, expected at least {limits.recordings}"
            found.append(f"mean cosine with torch on recordings is {mean}")
        return found


def compare(student: WaveformStudent, graph: bytes, recorded: Windows | None = None) -> Parity:
    """Compare a graph with torch.

    Args:
        student: the reference, in evaluation mode.
        graph: an ONNX file.
        recorded: float32[windows, samples] of recordings.
    """
    model, encoder = onnx.load_from_string(graph), Encoder(graph, Running("cpu", threads=0))
    made = signals(encoder.window_samples)
    hard, reference = np.stack(list(made.values())), _torch(student)
    ways: list[Function] = [encoder.encode]
    if _holds_halves(model):
        ways.append(_plainly(rounded(model)))
    expected = reference(hard)
    found = np.stack([way(hard) for way in ways])
    return Parity(
        dict(zip(made, _worst((found * expected).sum(axis=2)), strict=True)),
        dict(zip(made, _log_mel_differences(student, model, hard), strict=True)),
        float(np.abs(found - expected).max()),
        None if recorded is None else _recordings(reference, ways, recorded),
    )


def _worst(cosines: Windows) -> list[float]:
    """Of several ways, [ways, signals]; not a number is the worst there is."""
    return [float(one) for one in np.nan_to_num(cosines, nan=-1).min(axis=0)]


def _recordings(
    reference: Function, ways: Sequence[Function], windows: Windows
) -> tuple[float, float]:
    expected = _in_batches(reference, windows)
    cosines = [(_in_batches(way, windows) * expected).sum(axis=1) for way in ways]
    worst = np.nan_to_num(np.stack(cosines), nan=-1).min(axis=0)
    return float(worst.mean()), float(worst.min())


def _log_mel_differences(
    student: WaveformStudent, model: onnx.ModelProto, hard: Windows
) -> list[float]:
    part = log_mel_of(model)
    found = _plainly(rounded(part) if _holds_halves(part) else part)(hard)
    with torch.inference_mode():
        expected = student.frontend(torch.from_numpy(hard)).numpy()
    audible = expected > expected.max(axis=(1, 2, 3), keepdims=True) - _AUDIBLE_DB
    difference = np.where(audible, np.abs(found - expected), 0)
    return [float(one) for one in np.nan_to_num(difference, nan=np.inf).max(axis=(1, 2, 3))]


def _holds_halves(model: onnx.ModelProto) -> bool:
    return any(one.data_type == onnx.TensorProto.FLOAT16 for one in model.graph.initializer) or any(
        attribute.name == "to" and attribute.i == onnx.TensorProto.FLOAT16
        for node in model.graph.node
        for attribute in node.attribute
    )


def _plainly(model: onnx.ModelProto) -> Function:
    """Run a graph on a processor as it is written, without optimisation."""
    session = open_session(model.SerializeToString(), Running("cpu", threads=0, optimised=False))
    return lambda windows: session.run(None, {"waveform": windows})[0]


def _torch(student: WaveformStudent) -> Function:
    @torch.inference_mode()
    def encode(windows: Windows) -> Windows:
        embedded: Windows = student(torch.from_numpy(windows)).numpy()
        return embedded

    return encode


def _in_batches(function: Function, windows: Windows) -> Windows:
    return np.concatenate(
        [function(windows[n : n + _BATCH]) for n in range(0, len(windows), _BATCH)]
    )


def check(parity: Parity, precision: str) -> None:
    """Refuse a variant that isn't the same encoder.

    Raises:
        DatasetError: it is outside its limits.
    """
    problems = parity.problems(LIMITS[precision])
    if problems:
        more = f" (and {len(problems) - 1} more)" if len(problems) > 1 else ""
        raise DatasetError(f"{precision}: {problems[0]}{more}; the variant was not written")
    worst = min(parity.signals, key=lambda name: parity.signals[name])
    _LOG.info("%s: least cosine %.7f (%s)", precision, parity.signals[worst], worst)


def check_bundle(
    path: Path, checkpoint_path: Path, recorded: Sequence[Recorded]
) -> dict[str, tuple[Parity, dict[str, Agreement]]]:
    """Compare every precision of a bundle with the checkpoint that it was made from.

    Raises:
        BirdlistenError: bundle or checkpoint can't be used, or don't belong together.
    """
    bundle, checkpoint = load_bundle(path), load_checkpoint(checkpoint_path)
    if model_id(checkpoint_path) != bundle.manifest.model_id:
        raise DatasetError(
            f"{checkpoint_path}: not the checkpoint that {path} was made from; name it with "
            "--checkpoint"
        )
    student = reference_of(checkpoint)
    windows = cut(recorded, bundle.manifest.audio)
    encode = _torch(student)
    return {
        one: (
            compare(student, bundle.encoder_bytes(one), windows),
            agreement(bundle, one, lambda w: _in_batches(encode, w), recorded),
        )
        for one in bundle.manifest.precisions
    }


def reference_of(checkpoint: Checkpoint) -> WaveformStudent:
    """What every variant is compared with."""
    return WaveformStudent(checkpoint.frontend, checkpoint.student).eval()


def _row(precision: str, parity: Parity, agreed: dict[str, Agreement]) -> str:
    least = min(parity.signals, key=lambda name: parity.signals[name])
    recorded = "{:.6f} | {:.6f}".format(*parity.recordings) if parity.recordings else "- | -"
    sets = (f"{name} {one.top1:.2%}, {one.mAP_loss:+.2f}" for name, one in agreed.items())
    return (
        f"| {precision} | {parity.signals[least]:.6f} ({least}) | {recorded} | {parity.error:.1e} "
        f"| {max(parity.log_mel_db.values()):.1e} | {'; '.join(sets) or '-'} |"
    )


_HEAD = """| precision | least cosine on signals | mean on recordings | least | largest error \
| log-mel, dB | by species set: same best species, points of mAP lost |
|---|---|---|---|---|---|---|"""


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command; exit status 1 if a variant is outside its limits."""
    parser = Parser(prog="python -m export.parity", description=__doc__)
    parser.add_argument("bundle", type=Path)
    parser.add_argument("--checkpoint", type=Path, help="default: the folder that holds the bundle")
    parser.add_argument("--recordings", type=Path, help="data set (manifest.csv) to listen to")
    parser.add_argument("--split", default="test", help="of the recordings (default test)")
    parser.add_argument("--json", action="store_true", help="every figure, as one JSON object")
    args = parser.parse_args(argv)

    def command() -> None:
        rate_hz = load_bundle(args.bundle).manifest.audio.sample_rate_hz
        recorded = read_recorded(args.recordings, args.split, rate_hz) if args.recordings else ()
        found = check_bundle(args.bundle, args.checkpoint or args.bundle.parent, recorded)
        if args.json:
            plain = {
                precision: {**asdict(parity), "sets": {k: asdict(one) for k, one in sets.items()}}
                for precision, (parity, sets) in found.items()
            }
            print(json.dumps(plain, indent=1))
        else:
            print(_HEAD, *(_row(k, *one) for k, one in found.items()), sep="\n")
        wrong = [f"{k}: {p}" for k, (one, _) in found.items() for p in one.problems(LIMITS[k])]
        if wrong:
            raise DatasetError("\n".join(wrong))

    return run(command)


if __name__ == "__main__":
    sys.exit(main())
