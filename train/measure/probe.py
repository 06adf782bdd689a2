"""A linear classifier on frozen features: what a supervised listener would make of them."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from edge.contract.arrays import Embeddings, Places
from gallery.data.dataset import Dataset
from train.measure.methods import embed_plainly
from train.measure.protocol import Protocol
from train.measure.recordings import Recordings, load_recordings
from train.measure.retrieval import PooledEmbeddings
from train.measure.species_sets import SpeciesSets
from train.measure.task import Task
from train.model.checkpoint import Checkpoint
from train.model.opening import open_student
from train.model.spectrogram_vit import PatchSpec
from train.model.student import Student

_STEPS = 200
_PENALTY = 3e-3
_LEAST_DEVIATION = 0.05
"""Relative to the spread of all features: a dead feature must not be blown up."""
_BLOCK = 16_384
"""Windows whose logits are held at a time."""
_CPU = torch.device("cpu")


@dataclass(frozen=True)
class Probe:
    """Multinomial logistic regression over standardised features."""

    mean: Tensor
    deviation: Tensor
    weight: Tensor
    bias: Tensor

    def log_probability(self, features: Embeddings) -> Embeddings:
        """float32[n, width] -> float32[n, classes]."""
        inputs = torch.from_numpy(features).to(self.mean.device)
        logits = (inputs - self.mean) / self.deviation @ self.weight + self.bias
        found: Embeddings = logits.log_softmax(dim=1).cpu().numpy()
        return found


def fit_probe(features: Embeddings, labels: Places, device: torch.device = _CPU) -> Probe:
    """Fit with every class at the same weight and an L2 penalty, by L-BFGS.

    Args:
        features: float32[n, width].
        labels: int[n] classes; each from 0 to the highest has a row.
        device: to fit on.
    """
    inputs, targets = (torch.from_numpy(array).to(device) for array in (features, labels))
    mean, spread = inputs.mean(dim=0), inputs.std(dim=0)
    deviation = spread + _LEAST_DEVIATION * inputs.std()
    counts = torch.bincount(targets)
    cost = 1 / counts.float()
    weight = torch.zeros(inputs.shape[1], len(counts), requires_grad=True, device=device)
    bias = torch.zeros(len(counts), requires_grad=True, device=device)
    optimizer = torch.optim.LBFGS([weight, bias], max_iter=_STEPS)
    total = cost[targets].sum()

    def closure() -> Tensor:
        optimizer.zero_grad()
        value = _PENALTY * weight.square().sum()
        value.backward()  # type: ignore[no-untyped-call]
        for begin in range(0, len(inputs), _BLOCK):
            rows, right = inputs[begin : begin + _BLOCK], targets[begin : begin + _BLOCK]
            logits = (rows - mean) / deviation @ weight + bias
            loss = functional.cross_entropy(logits, right, weight=cost, reduction="sum") / total
            loss.backward()  # type: ignore[no-untyped-call]
            value = value + loss.detach()
        return value.detach()

    optimizer.step(closure)  # type: ignore[no-untyped-call]
    return Probe(mean, deviation, weight.detach(), bias.detach())


def probe_tasks(
    checkpoint: Checkpoint, dataset: Dataset, test: Recordings, protocol: Protocol, cache: Path
) -> Iterator[Task]:
    """Linear probe of a student's features, before and after distillation.

    The probe learns from the training split; without one there are no tasks.
    """
    items = dataset.select("audio", "train", dataset.taxonomy.ids)
    if not items:
        return
    train = load_recordings(items, checkpoint.input_spec, cache)
    species = sorted(set(train.species.tolist()))
    held = SpeciesSets.of(([name] for name in species), protocol.ids)
    for when in ("before", "after"):
        student = before(checkpoint) if when == "before" else checkpoint.student
        name = f"linear probe, {when} distillation"
        scores = probe(student, train, test=test, core=species, cache=cache)
        yield Task.of(name, scores, protocol.sung, held)


def before(checkpoint: Checkpoint) -> Student:
    """The student as it was before distillation, cut into the same patches if it has some."""
    shape = checkpoint.student.audio_config
    start = open_student(
        checkpoint.config["student"],
        checkpoint.frontend,
        window_s=checkpoint.window_samples / checkpoint.frontend.sample_rate_hz,
        patches=PatchSpec(shape["patch"], *shape["stride"]) if "patch" in shape else None,
    )
    device = next(checkpoint.student.parameters()).device
    return start.student(checkpoint.dim).eval().to(device)


class _Features(nn.Module):
    """A student without its projection."""

    def __init__(self, student: Student) -> None:
        super().__init__()
        self.student = student

    def forward(self, log_mel: Tensor) -> Tensor:
        """float32[batch, 1, frames, mel_bins] -> float32[batch, hidden]."""
        return self.student.features(log_mel)


def probe(
    student: Student,
    train: Recordings,
    test: Recordings,
    core: Sequence[str],
    cache: Path | None = None,
) -> Embeddings:
    """Log-probability of core species by a linear classifier on a student's features.

    Args:
        student: hears on its device, on which the classifier is fitted, too.
        train: recordings to learn from.
        test: recordings to score.
        core: ids of the species.
        cache: where features are kept; None keeps none.

    Returns:
        float32[recordings of test, species], pooled by the maximum over windows.
    """
    model = _Features(student)

    def features(recordings: Recordings) -> Embeddings:
        kept = embed_plainly if cache is None else recordings.kept(cache, unit=False)
        return kept(model, recordings.log_mels)

    device = next(student.parameters()).device
    fitted = fit_probe(features(train), _labels(train, core), device)
    heard = PooledEmbeddings(features(test), test.recording)
    return heard.each(fitted.log_probability)


def _labels(recordings: Recordings, core: Sequence[str]) -> Places:
    """int[windows]: place of each window's species."""
    place = {species: n for n, species in enumerate(core)}
    return np.array([place[species] for species in recordings.species])[recordings.recording]
