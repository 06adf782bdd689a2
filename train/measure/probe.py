"""A linear classifier on frozen features: what a supervised listener would make of them."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from edge.contract.arrays import Embeddings, Places
from gallery.data.dataset import Dataset
from train.measure.protocol import Protocol, Task
from train.measure.recordings import Recordings, load_recordings
from train.measure.retrieval import PooledEmbeddings
from train.model.checkpoint import Checkpoint
from train.model.student import Student, embed_log_mels, open_student

_STEPS = 200
_PENALTY = 3e-3
_LEAST_DEVIATION = 0.05
"""Relative to the spread of all features: a dead feature must not be blown up."""


@dataclass(frozen=True)
class Probe:
    """Multinomial logistic regression over standardised features."""

    mean: Tensor
    deviation: Tensor
    weight: Tensor
    bias: Tensor

    def log_probability(self, features: Embeddings) -> Embeddings:
        """float32[n, width] -> float32[n, classes]."""
        inputs = (torch.from_numpy(features) - self.mean) / self.deviation
        logits = inputs @ self.weight + self.bias
        found: Embeddings = logits.log_softmax(dim=1).numpy()
        return found


def fit_probe(features: Embeddings, labels: Places) -> Probe:
    """Fit with every class at the same weight and an L2 penalty, by L-BFGS.

    Args:
        features: float32[n, width].
        labels: int[n] classes; each from 0 to the highest has a row.
    """
    inputs, targets = torch.from_numpy(features), torch.from_numpy(labels)
    mean, spread = inputs.mean(dim=0), inputs.std(dim=0)
    deviation = spread + _LEAST_DEVIATION * inputs.std()
    standard = (inputs - mean) / deviation
    counts = torch.bincount(targets)
    weight = torch.zeros(inputs.shape[1], len(counts), requires_grad=True)
    bias = torch.zeros(len(counts), requires_grad=True)
    optimizer = torch.optim.LBFGS([weight, bias], max_iter=_STEPS)

    def closure() -> Tensor:
        optimizer.zero_grad()
        logits = standard @ weight + bias
        loss = functional.cross_entropy(logits, targets, weight=1 / counts.float())
        total: Tensor = loss + _PENALTY * weight.square().sum()
        total.backward()  # type: ignore[no-untyped-call]
        return total

    optimizer.step(closure)  # type: ignore[no-untyped-call]
    return Probe(mean, deviation, weight.detach(), bias.detach())


def probe_tasks(
    checkpoint: Checkpoint, dataset: Dataset, test: Recordings, protocol: Protocol, cache: Path
) -> dict[str, Task]:
    """Linear probe of a student's features, before and after distillation.

    The probe learns from the training split; without one there are no tasks.
    """
    items = dataset.select("audio", "train", dataset.taxonomy.ids)
    if not items:
        return {}
    train = load_recordings(items, checkpoint.input_spec, cache)
    species = sorted(set(train.species.tolist()))
    held = protocol.flags(np.array(species))
    students = {"before": before(checkpoint), "after": checkpoint.student}
    return {
        f"linear probe, {when} distillation": Task(
            f"linear probe, {when} distillation",
            probe(student, train, test, species),
            protocol.sung,
            held,
        )
        for when, student in students.items()
    }


def before(checkpoint: Checkpoint) -> Student:
    """The student as it was before distillation."""
    start = open_student(checkpoint.config["student"], checkpoint.frontend)
    return start.student(checkpoint.dim).eval()


class _Features(nn.Module):
    """A student without its projection."""

    def __init__(self, student: Student) -> None:
        super().__init__()
        self.student = student

    def forward(self, log_mel: Tensor) -> Tensor:
        """float32[batch, 1, frames, mel_bins] -> float32[batch, hidden]."""
        return self.student.features(log_mel)


def probe(student: Student, train: Recordings, test: Recordings, core: Sequence[str]) -> Embeddings:
    """Log-probability of core species by a linear classifier on a student's features.

    Returns:
        float32[recordings of test, species], pooled by the maximum over windows.
    """
    model = _Features(student)
    fitted = fit_probe(embed_log_mels(model, train.log_mels).numpy(), _labels(train, core))
    scores = fitted.log_probability(embed_log_mels(model, test.log_mels).numpy())
    return PooledEmbeddings(scores, test.recording).loudest(scores)


def _labels(recordings: Recordings, core: Sequence[str]) -> Places:
    """int[windows]: place of each window's species."""
    place = {species: n for n, species in enumerate(core)}
    return np.array([place[species] for species in recordings.species])[recordings.recording]
