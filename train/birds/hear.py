"""A fold's recordings as each of its models hears them."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn

from train.baselines import Embeddings
from train.birds.crossval import Row
from train.birds.probe import fit_probe
from train.checkpoint import Checkpoint
from train.dataset import Item
from train.features import load_features, windows
from train.methods import methods
from train.retrieval import Heard
from train.runs import CACHE
from train.student import Student, embed_log_mels, open_start

_HOPS = 4
"""Windows advance by a quarter, as the listener's do."""
BASELINES_OF = "HTSAT, hint"
"""The row whose CLAP the baselines use."""


@dataclass(frozen=True)
class Recordings:
    """Windows of some recordings."""

    log_mels: Tensor
    """float32[windows, 1, frames, mel_bins]."""
    recording: npt.NDArray[np.intp]
    """int[windows], ascending."""
    species: npt.NDArray[np.str_]
    """str[recordings], ids."""


def load_recordings(items: Sequence[Item], checkpoint: Checkpoint) -> Recordings:
    """Cut readable recordings into the windows of a checkpoint."""
    frames = checkpoint.frontend.frames(checkpoint.window_samples)
    features = load_features(items, checkpoint.frontend, CACHE)
    readable = [(item, one) for item, one in zip(items, features, strict=True) if one is not None]
    cut = [windows(one, frames, frames // _HOPS) for _, one in readable]
    return Recordings(
        torch.cat(cut),
        np.repeat(np.arange(len(cut)), [len(one) for one in cut]),
        np.array([item.species_id for item, _ in readable]),
    )


def hear(
    row: Row, checkpoint: Checkpoint, recordings: Recordings, trained: Sequence[str]
) -> dict[str, Heard]:
    """What one row of the report hears, and the baselines if it is the one they belong to."""
    if row.name == BASELINES_OF:
        known = np.isin(checkpoint.taxonomy.ids, trained)
        found = methods(checkpoint, recordings.log_mels, known)
        found[row.name] = found.pop("distilled")
    else:
        found = {row.name: embed_log_mels(checkpoint.student, recordings.log_mels).numpy()}
    return {name: Heard(one, recordings.recording) for name, one in found.items()}


class Features(nn.Module):
    """A student without its projection."""

    def __init__(self, student: Student) -> None:
        super().__init__()
        self.student = student

    def forward(self, log_mel: Tensor) -> Tensor:
        """float32[batch, 1, frames, mel_bins] -> float32[batch, hidden]."""
        return self.student.features(log_mel)


def before(checkpoint: Checkpoint) -> Student:
    """The student as it was before distillation; a CNN with random weights."""
    start = open_start(checkpoint.config["student"], checkpoint.frontend.hop_samples)
    return start.student(checkpoint.dim).eval()


def probe(student: Student, train: Recordings, test: Recordings, core: Sequence[str]) -> Embeddings:
    """Log-probability of core species by a linear classifier on a student's features.

    Returns:
        float32[recordings of test, species], pooled by the maximum over windows.
    """
    place = {species: n for n, species in enumerate(core)}
    labels = np.array([place[one] for one in train.species])[train.recording]
    model = Features(student)
    fitted = fit_probe(embed_log_mels(model, train.log_mels).numpy(), labels)
    scores = fitted.log_probability(embed_log_mels(model, test.log_mels).numpy())
    return Heard(scores, test.recording).pooled(np.eye(len(core), dtype=np.float32))
