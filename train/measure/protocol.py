"""Protocol of retrieval: recordings asked about, among pictures and names.

SSW60 (Van Horn et al. 2022): the test recordings, each among the test photographs of NABirds, and
of iNat21. iNatSounds has no photographs: they come from iNat21, whose species it shares. BirdSet:
the 5 s pieces of soundscapes, which hold several species, or none, and are searched by name.
"""

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from edge.contract.arrays import Embeddings
from edge.contract.errors import DatasetError
from gallery.data.dataset import Dataset, Item
from gallery.teacher import Teacher, mean_anchors
from train.distillation.anchors import cached_anchors
from train.measure.kept import embed_pictures
from train.measure.methods import SpeciesTexts
from train.measure.recordings import Recordings
from train.measure.retrieval import LabelledEmbeddings, PooledEmbeddings, open_search
from train.measure.species_sets import SpeciesSets
from train.measure.task import Task


@dataclass(frozen=True)
class Protocol:
    """Questions that every method is asked alike."""

    texts: SpeciesTexts
    """Names of the species that are heard or pictured, and their anchors."""
    sung: SpeciesSets
    """Of the recordings."""
    galleries: dict[str, LabelledEmbeddings]
    """Pictures, by what their name adds to a task's."""

    @property
    def ids(self) -> list[str]:
        """Of the species."""
        return [species.species_id for species in self.texts.species]

    def tasks(self, embedded: PooledEmbeddings, bank: Embeddings | None) -> Iterator[Task]:
        """Everything that is asked of one method, in turn.

        Args:
            embedded: the recordings.
            bank: float32[m, dim] windows of background, or None.
        """
        yield from self._both_ways(
            embedded, "T", self.texts.anchors, SpeciesSets.each(len(self.ids))
        )
        for name, gallery in self.galleries.items():
            yield from self._both_ways(embedded, f"I{name}", gallery.rows, self.shown(gallery))
            yield self._by_species(embedded, name, gallery, bank)

    def shown(self, gallery: LabelledEmbeddings) -> SpeciesSets:
        """Species of a gallery's pictures."""
        return SpeciesSets.of(([species] for species in gallery.species.tolist()), self.ids)

    def _both_ways(
        self, embedded: PooledEmbeddings, name: str, rows: Embeddings, held: SpeciesSets
    ) -> Iterator[Task]:
        """Recordings among rows, and rows among recordings."""
        windows = len(embedded.windows)
        yield Task(
            name=f"A->{name}",
            score=lambda asked: embedded.part(asked).pooled(rows),
            asked=self.sung,
            held=held,
            width=len(rows) * -(-windows // len(embedded)),
        )
        yield Task(
            name=f"{name}->A",
            score=lambda asked: embedded.pooled(rows[asked]).T,
            asked=held,
            held=self.sung,
            width=windows,
        )

    def _by_species(
        self,
        embedded: PooledEmbeddings,
        name: str,
        gallery: LabelledEmbeddings,
        bank: Embeddings | None,
    ) -> Task:
        """Recordings among species, as the listener ranks them."""
        search = open_search(gallery, self.ids, bank)
        found = search.species_ids
        return Task(
            name=f"A->species{name}",
            score=lambda asked: embedded.part(asked).each(
                lambda windows: search.scores(windows).score
            ),
            asked=self.sung,
            held=SpeciesSets.of(([species] for species in found), self.ids),
            width=len(found) * -(-len(embedded.windows) // len(embedded)),
        )


def make_protocol(
    dataset: Dataset,
    pictures: Sequence[Item],
    recordings: Recordings,
    teacher: Teacher,
    cache: Path,
) -> Protocol:
    """Questions of a split.

    Args:
        dataset: of the recordings.
        pictures: what they are asked among; see `shown_items`.
        recordings: a split's.
        teacher: embeds pictures and names.
        cache: where anchors are kept.
    """
    sung = [item.species for item in recordings.items]
    wanted = frozenset().union(*sung, *(item.species for item in pictures))
    anchors = mean_anchors(cached_anchors(teacher, dataset.taxonomy, cache))
    texts = SpeciesTexts(dataset.taxonomy.species, anchors).of(wanted)
    ids = [species.species_id for species in texts.species]
    return Protocol(texts, SpeciesSets.of(sung, ids), _galleries(pictures, teacher, cache))


def _galleries(
    pictures: Sequence[Item], teacher: Teacher, cache: Path
) -> dict[str, LabelledEmbeddings]:
    parts = sorted({picture.part for picture in pictures})
    return {
        f" ({part})" if part else "": embed_labelled(
            teacher, [picture for picture in pictures if picture.part == part], cache
        )
        for part in parts
    }


def embed_labelled(
    teacher: Teacher, pictures: Sequence[Item], cache: Path | None = None
) -> LabelledEmbeddings:
    """Those pictures that are readable, embedded once if there is a cache, with their species."""
    shown, rows = embed_pictures(teacher, pictures, cache)
    return LabelledEmbeddings(rows, np.array([picture.species_id for picture in shown]))


def asked_items(dataset: Dataset, split: str) -> list[Item]:
    """Recordings of a split; those without a bird are searched, too.

    Raises:
        DatasetError: there is none.
    """
    items = dataset.select("audio", split, (*dataset.taxonomy.ids, ""))
    if not any(item.species for item in items):
        there = dataset.contents
        raise DatasetError(
            f"{dataset.path}: no recordings of birds in split {split!r}; it has {there}"
        )
    return items


def shown_items(
    pictured: Dataset, split: str, species: Collection[str], wanted: bool
) -> list[Item]:
    """Pictures of some species in a split.

    Args:
        pictured: of the pictures; may hold recordings, too.
        split: of the pictures.
        species: ids of those that the recordings may be of.
        wanted: somebody named this data set for its pictures.

    Raises:
        DatasetError: there is none, though the data set has pictures, or should.
    """
    found = pictured.select("image", split, species)
    if found or not (wanted or any(item.kind == "image" for item in pictured.items)):
        return found
    if pictured.select("image", split, pictured.taxonomy.ids):
        raise DatasetError(
            f"{pictured.path}: its pictures are of none of the {len(species)} species of the "
            "recordings; compare their scientific names"
        )
    raise DatasetError(
        f"{pictured.path}: no pictures in split {split!r}; it has {pictured.contents}; choose with "
        "--pictures-split"
    )
