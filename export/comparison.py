"""Comparison of exported encoders with the checkpoint that they were made from, in torch."""

from collections.abc import Sequence
from pathlib import Path

import torch

from edge.contract.arrays import Float32s
from edge.contract.bundle import load_bundle
from edge.contract.errors import DatasetError
from export.agreement import Agreement, agreement
from export.fidelity import Function, Parity, compare_graph, in_batches
from export.recordings import LabelledRecording, cut
from train.model.checkpoint import Checkpoint, load_checkpoint, model_id
from train.model.student import WaveformStudent


def compare(student: WaveformStudent, graph: bytes, recorded: Float32s | None = None) -> Parity:
    """Compare a graph with torch.

    Args:
        student: the reference, in evaluation mode.
        graph: an ONNX file.
        recorded: float32[windows, samples] of recordings.
    """

    @torch.inference_mode()
    def log_mel(windows: Float32s) -> Float32s:
        found: Float32s = student.frontend(torch.from_numpy(windows)).numpy()
        return found

    return compare_graph(_torch(student), graph, recorded, log_mel)


def _torch(student: WaveformStudent) -> Function:
    @torch.inference_mode()
    def encode(windows: Float32s) -> Float32s:
        embedded: Float32s = student(torch.from_numpy(windows)).numpy()
        return embedded

    return encode


def check_bundle(
    path: Path, checkpoint_path: Path, recorded: Sequence[LabelledRecording]
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
        precision: (
            compare(student, bundle.encoder_bytes(precision), windows),
            agreement(bundle, precision, lambda w: in_batches(encode, w), recorded),
        )
        for precision in bundle.manifest.precisions
    }


def reference_of(checkpoint: Checkpoint) -> WaveformStudent:
    """Reference that every variant is compared with."""
    return WaveformStudent(checkpoint.frontend, checkpoint.student).eval()
