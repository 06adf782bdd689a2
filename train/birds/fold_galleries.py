"""One fold, embedded by its own teacher: pictures, anchors, and what is searched for what."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np

from gallery.data.dataset import Dataset
from gallery.teacher import Teacher, mean_anchors
from train.birds.folds import TEST, TRAIN, UNSEEN
from train.measure.protocol import embed_labelled
from train.measure.retrieval import LabelledEmbeddings

ALL_NAMES = "T (570 species)"
"""The texts of all species."""


@dataclass(frozen=True)
class FoldGalleries:
    """Embeddings of a fold; `core` are the species that queries are asked about."""

    core: tuple[str, ...]
    anchors: LabelledEmbeddings
    """Of every species."""
    taught: LabelledEmbeddings
    """Core pictures that the teacher learned from."""
    new: LabelledEmbeddings
    """Core pictures by photographers it never saw."""
    unseen: LabelledEmbeddings
    """Pictures of species that no training saw, by photographers that it never saw."""
    others: LabelledEmbeddings
    """Every picture of every species that is not core."""

    @property
    def galleries(self) -> dict[str, LabelledEmbeddings]:
        """Galleries that core recordings are searched in, by name."""
        everyone = [*self.core, *sorted(set(self.others.species.tolist()))]
        return {
            "T": self.anchors.of(self.core),
            ALL_NAMES: self.anchors.of(everyone),
            **{f"I{name}": gallery for name, gallery in self.pictured.items()},
        }

    @property
    def pictured(self) -> dict[str, LabelledEmbeddings]:
        """The galleries of pictures, by what their names add to a task's."""
        return {
            "": self.taught,
            " (new photographers)": self.new,
            " (570 species)": joined(self.taught, self.others),
        }

    @property
    def unseen_galleries(self) -> dict[str, LabelledEmbeddings]:
        """Galleries that recordings of unseen species are searched in."""
        hidden = sorted(set(self.unseen.species.tolist()))
        return {"T": self.anchors.of(hidden), "I": self.unseen}


def joined(first: LabelledEmbeddings, other: LabelledEmbeddings) -> LabelledEmbeddings:
    """Rows of both."""
    return LabelledEmbeddings(
        np.concatenate([first.rows, other.rows]), np.concatenate([first.species, other.species])
    )


def embed_scene(
    dataset: Dataset, everything: Dataset, core: Sequence[str], teacher: Teacher
) -> FoldGalleries:
    """Embed a fold's pictures and all anchors.

    Args:
        dataset: a fold.
        everything: holds the pictures of all species.
        core: ids of the species that are asked about.
        teacher: the fold's own.
    """
    species = dataset.taxonomy.species
    ids = [bird.species_id for bird in species]
    unknown = [species_id for species_id in ids if species_id not in core]
    return FoldGalleries(
        core=tuple(core),
        anchors=LabelledEmbeddings(mean_anchors(teacher.anchors(species)), np.array(ids)),
        taught=embed_labelled(teacher, dataset.select("image", TRAIN, core)),
        new=embed_labelled(teacher, dataset.select("image", TEST, core)),
        unseen=embed_labelled(teacher, dataset.select("image", UNSEEN, ids)),
        others=embed_labelled(teacher, everything.select("image", TRAIN, unknown)),
    )


def core_species(folds: Iterable[Dataset]) -> tuple[str, ...]:
    """Ids of the species that are tested in any fold, sorted."""
    return tuple(
        sorted(
            {item.species_id for fold in folds for item in fold.items if item.split == TEST} - {""}
        )
    )
