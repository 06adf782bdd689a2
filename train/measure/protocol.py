"""Protocol of retrieval: recordings asked about, among pictures and names.

SSW60 (Van Horn et al. 2022): the test recordings, each among the test photographs of NABirds, and
of iNat21. iNatSounds has no photographs: they come from iNat21, whose species it shares. BirdSet:
the 5 s pieces of soundscapes, which hold several species, or none, and are searched by name.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from edge.contract.arrays import Embeddings, Flags
from edge.contract.errors import DatasetError
from gallery.data.dataset import Dataset, Item
from gallery.teacher import Teacher, mean_anchors
from train.distillation.anchors import cached_anchors
from train.measure.methods import SpeciesTexts
from train.measure.recordings import Recordings
from train.measure.retrieval import LabelledEmbeddings, PooledEmbeddings, species_scores


@dataclass(frozen=True)
class Task:
    """Queries, what is searched, and what is right."""

    name: str
    similarity: Embeddings
    """float32[queries, answers]."""
    asked: Flags
    """bool[queries, species]: what each is of."""
    held: Flags
    """bool[answers, species]."""

    @property
    def relevant(self) -> Flags:
        """bool[queries, answers]: they share a species."""
        shared: Flags = self.asked.astype(np.float32) @ self.held.T.astype(np.float32) > 0
        return shared

    def only(self, queries: Flags) -> "Task":
        """Some of the queries."""
        return Task(self.name, self.similarity[queries], self.asked[queries], self.held)


@dataclass(frozen=True)
class Protocol:
    """Questions that every method is asked alike."""

    texts: SpeciesTexts
    """Names of the species that are heard or pictured, and their anchors."""
    sung: Flags
    """bool[recordings, species]."""
    galleries: dict[str, LabelledEmbeddings]
    """Pictures, by what their name adds to a task's."""

    def tasks(self, embedded: PooledEmbeddings, bank: Embeddings | None) -> Iterator[Task]:
        """Everything that is asked of one method, in turn.

        Args:
            embedded: the recordings.
            bank: float32[m, dim] windows of background, or None.
        """
        to_names = embedded.pooled(self.texts.anchors)
        names = np.eye(len(self.texts.species), dtype=bool)
        yield Task("A->T", to_names, self.sung, names)
        yield Task("T->A", to_names.T, names, self.sung)
        for name, gallery in self.galleries.items():
            shown = self.flags(gallery.species)
            to_pictures = embedded.pooled(gallery.rows)
            yield Task(f"A->I{name}", to_pictures, self.sung, shown)
            yield Task(f"I->A{name}", to_pictures.T, shown, self.sung)
            ranked = species_scores(embedded, gallery, self._ids, bank)
            found = self.flags(ranked.species)
            yield Task(f"A->species{name}", ranked.rows.T, self.sung, found)

    @property
    def _ids(self) -> list[str]:
        return [species.species_id for species in self.texts.species]

    def flags(self, species: npt.NDArray[np.str_]) -> Flags:
        """str[n] ids to bool[n, species]."""
        flags: Flags = species[:, None] == np.array(self._ids)[None]
        return flags


def make_protocol(
    dataset: Dataset,
    pictured: Dataset,
    split: str,
    recordings: Recordings,
    teacher: Teacher,
    cache: Path,
) -> Protocol:
    """Questions of a split.

    Args:
        dataset: of the recordings.
        pictured: of the pictures; may be the same.
        split: of recordings and pictures.
        recordings: the split's.
        teacher: embeds pictures and names.
        cache: where anchors are kept.
    """
    sung = [item.species for item in recordings.items]
    pictures = pictured.select("image", split, dataset.taxonomy.ids)
    wanted = frozenset().union(*sung, *(item.species for item in pictures))
    anchors = mean_anchors(cached_anchors(teacher, dataset.taxonomy, cache))
    texts = SpeciesTexts(dataset.taxonomy.species, anchors).of(wanted)
    ids = [species.species_id for species in texts.species]
    flags = np.array([[species_id in each for species_id in ids] for each in sung])
    return Protocol(texts, flags, _galleries(pictures, teacher))


def _galleries(pictures: Sequence[Item], teacher: Teacher) -> dict[str, LabelledEmbeddings]:
    parts = sorted({picture.part for picture in pictures})
    return {
        f" ({part})" if part else "": embed_labelled(
            teacher, [picture for picture in pictures if picture.part == part]
        )
        for part in parts
    }


def embed_labelled(teacher: Teacher, pictures: Sequence[Item]) -> LabelledEmbeddings:
    """Those pictures that are readable, embedded, with their species."""
    shown, rows = teacher.embed_pictures(pictures)
    return LabelledEmbeddings(rows, np.array([picture.species_id for picture in shown]))


def asked_items(dataset: Dataset, split: str) -> list[Item]:
    """Recordings of a split; those without a bird are searched, too.

    Raises:
        DatasetError: there is none.
    """
    items = dataset.select("audio", split, (*dataset.taxonomy.ids, ""))
    if not any(item.species for item in items):
        raise DatasetError(f"{dataset.path}: no recordings of birds in split {split!r}")
    return items
