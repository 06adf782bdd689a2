"""A fold's recordings as each row of the report hears them, and what a probe makes of features."""

from collections.abc import Callable, Sequence

import numpy as np
import numpy.typing as npt
from torch import Tensor, nn

from train.baselines import Embeddings
from train.birds.crossval import Row
from train.birds.probe import fit_probe
from train.checkpoint import Checkpoint
from train.methods import Names, methods
from train.recordings import Recordings
from train.retrieval import Heard
from train.student import Student, embed_log_mels, open_start

BASELINES_OF = "HTSAT, hint"
"""The row whose CLAP the baselines use."""


def ears(
    row: Row, checkpoint: Checkpoint, choice: Sequence[str]
) -> Callable[[Sequence[Tensor]], dict[str, Embeddings]]:
    """How one row of the report hears; with the baselines if it is the one they belong to.

    Args:
        row: of the report.
        checkpoint: its student.
        choice: ids of the species that the zero-shot chain chooses among.
    """
    ids = checkpoint.taxonomy.ids
    names = Names(np.isin(ids, checkpoint.heard), np.isin(ids, choice))

    def with_baselines(log_mels: Sequence[Tensor]) -> dict[str, Embeddings]:
        found = methods(checkpoint, log_mels, names)
        return {row.name: found.pop("distilled"), **found}

    def alone(log_mels: Sequence[Tensor]) -> dict[str, Embeddings]:
        return {row.name: embed_log_mels(checkpoint.student, log_mels).numpy()}

    return with_baselines if row.name == BASELINES_OF else alone


def before(checkpoint: Checkpoint) -> Student:
    """The student as it was before distillation."""
    start = open_start(checkpoint.config["student"], checkpoint.frontend.hop_samples)
    return start.student(checkpoint.dim).eval()


class Features(nn.Module):
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
    model = Features(student)
    fitted = fit_probe(embed_log_mels(model, train.log_mels).numpy(), _labels(train, core))
    scores = fitted.log_probability(embed_log_mels(model, test.log_mels).numpy())
    return Heard(scores, test.recording).loudest(scores)


def _labels(recordings: Recordings, core: Sequence[str]) -> npt.NDArray[np.intp]:
    """int[windows]: place of each window's species."""
    place = {species: n for n, species in enumerate(core)}
    return np.array([place[one] for one in recordings.species])[recordings.recording]
