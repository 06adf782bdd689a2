"""A fold's recordings as each row of the report hears them, and what a probe makes of features."""

from collections.abc import Callable, Sequence

from torch import Tensor

from edge.contract.arrays import Embeddings
from train.birds.crossval import StudentRow
from train.measure.methods import DISTILLED, SpeciesTexts, TextSets, methods
from train.model.checkpoint import Checkpoint
from train.model.student import embed_log_mels

BASELINES_OF = "HTSAT, hint"
"""The row whose CLAP the baselines use."""


def embedders(
    row: StudentRow, checkpoint: Checkpoint, choice: Sequence[str]
) -> Callable[[Sequence[Tensor]], dict[str, Embeddings]]:
    """Embedder of one row of the report; with the baselines if it is the one they belong to.

    Args:
        row: of the report.
        checkpoint: its student.
        choice: ids of the species that the zero-shot chain chooses among.
    """
    texts = SpeciesTexts(checkpoint.taxonomy.species, checkpoint.anchors)
    names = TextSets(texts.of(checkpoint.seen_species), texts.of(choice))

    def with_baselines(log_mels: Sequence[Tensor]) -> dict[str, Embeddings]:
        found = dict(methods(checkpoint, log_mels, names))
        return {row.name: found.pop(DISTILLED), **found}

    def alone(log_mels: Sequence[Tensor]) -> dict[str, Embeddings]:
        return {row.name: embed_log_mels(checkpoint.student, log_mels).numpy()}

    return with_baselines if row.name == BASELINES_OF else alone
