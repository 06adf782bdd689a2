"""One fold, embedded by its own teacher: pictures, anchors, and what is searched for what."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np

from gallery.teacher import Teacher, mean_anchors
from train.birds.folds import TEST, TRAIN, UNSEEN
from train.data.dataset import Dataset
from train.measure.protocol import embed_labelled
from train.measure.retrieval import Labelled


@dataclass(frozen=True)
class Scene:
    """Embeddings of a fold; `core` are the species that queries are asked about."""

    core: tuple[str, ...]
    anchors: Labelled
    """Of every species."""
    taught: Labelled
    """Core pictures that the teacher learned from."""
    new: Labelled
    """Core pictures by photographers it never saw."""
    unseen: Labelled
    """Pictures of species that no training saw, by photographers that it never saw."""
    others: Labelled
    """Every picture of every species that is not core."""

    @property
    def galleries(self) -> dict[str, Labelled]:
        """Galleries that core recordings are searched in, by name."""
        everyone = [*self.core, *sorted(set(self.others.species.tolist()))]
        return {
            "T": self.anchors.of(self.core),
            "T (570 species)": self.anchors.of(everyone),
            **{f"I{name}": gallery for name, gallery in self.pictured.items()},
        }

    @property
    def pictured(self) -> dict[str, Labelled]:
        """The galleries of pictures, by what their names add to a task's."""
        return {
            "": self.taught,
            " (new photographers)": self.new,
            " (570 species)": joined(self.taught, self.others),
        }

    @property
    def unseen_galleries(self) -> dict[str, Labelled]:
        """Galleries that recordings of unseen species are searched in."""
        hidden = sorted(set(self.unseen.species.tolist()))
        return {"T": self.anchors.of(hidden), "I": self.unseen}


def joined(one: Labelled, other: Labelled) -> Labelled:
    """Rows of both."""
    return Labelled(
        np.concatenate([one.rows, other.rows]), np.concatenate([one.species, other.species])
    )


def embed_scene(
    dataset: Dataset, everything: Dataset, core: Sequence[str], teacher: Teacher
) -> Scene:
    """Embed a fold's pictures and all anchors.

    Args:
        dataset: a fold.
        everything: holds the pictures of all species.
        core: ids of the species that are asked about.
        teacher: the fold's own.
    """
    species = dataset.taxonomy.species
    ids = [one.species_id for one in species]
    strangers = [one for one in ids if one not in core]
    return Scene(
        tuple(core),
        Labelled(mean_anchors(teacher.anchors(species)), np.array(ids)),
        embed_labelled(teacher, dataset.select("image", TRAIN, core)),
        embed_labelled(teacher, dataset.select("image", TEST, core)),
        embed_labelled(teacher, dataset.select("image", UNSEEN, ids)),
        embed_labelled(teacher, everything.select("image", TRAIN, strangers)),
    )


def core_species(folds: Iterable[Dataset]) -> tuple[str, ...]:
    """Ids of the species that are tested in any fold, sorted."""
    return tuple(
        sorted({one.species_id for fold in folds for one in fold.items if one.split == TEST} - {""})
    )
