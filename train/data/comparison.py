"""Comparison of two corpora: species that one of them lacks, and the nearest name that it has."""

import difflib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from edge.contract.taxonomy import Species
from gallery.data.dataset import Dataset
from gallery.data.synonyms import aligned, synonyms

COLUMNS = ("only in", "species", "nearest in the other", "which has")
_GENUS = "the same genus"
_ALIKE = 0.75
"""Least likeness of spelling within a genus, as difflib measures it."""


@dataclass(frozen=True)
class Comparison:
    """Species of two corpora, after synonyms."""

    both: int
    renamed: int
    """Of these, under two names."""
    rows: list[tuple[str, str, str, str]]
    """COLUMNS of each that one lacks."""

    def __str__(self) -> str:
        return f"{self.both} species in both, {self.renamed} of them by two names"


def compare(first: Dataset, second: Dataset) -> Comparison:
    """Match the species of two corpora by name, key and synonym.

    Args:
        first: whose names count.
        second: any.
    """
    matched = aligned(second, first.taxonomy, first.keys)
    ids, others = set(first.taxonomy.ids), set(matched.taxonomy.ids)
    rows = [*_only(first, others, matched), *_only(matched, ids, first)]
    same = set(second.taxonomy.ids) & ids
    return Comparison(len(ids & others), len(ids & others) - len(same), rows)


def _only(
    dataset: Dataset, other_ids: set[str], other: Dataset
) -> Iterable[tuple[str, str, str, str]]:
    neighbours = _Neighbours(other.taxonomy.species)
    for species in dataset.taxonomy.species:
        if species.species_id not in other_ids:
            near, why = neighbours.nearest(species)
            yield dataset.name, species.scientific_name, near, why


class _Neighbours:
    """Species by what they may share with another one."""

    def __init__(self, species: Sequence[Species]) -> None:
        self._by: dict[tuple[str, str], list[str]] = {}
        for kind in species:
            for key in self._keys(kind):
                self._by.setdefault(key, []).append(kind.scientific_name)

    def nearest(self, species: Species) -> tuple[str, str]:
        """The nearest name, and what is alike; both empty if nothing is."""
        for key in self._keys(species):
            names, cutoff = self._by.get(key, []), _ALIKE if key[0] == _GENUS else 0.0
            close = difflib.get_close_matches(species.scientific_name, names, 1, cutoff)
            if close:
                return close[0], key[0]
        return "", ""

    @staticmethod
    def _keys(species: Species) -> list[tuple[str, str]]:
        """Surest first; what isn't known is no key."""
        accepted = synonyms().accepted.get(species.species_id, species.species_id)
        told = species.common_name != species.scientific_name
        return [
            ("a part of it or the whole", accepted),
            *([("the same English name", species.common_name.casefold())] if told else []),
            *([("the same epithet", species.epithet)] if species.epithet else []),
            *([(_GENUS, species.genus)] if species.genus else []),
        ]
