"""Species of many recordings, pictures or names, any number each: a sparse matrix of flags."""

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from edge.contract.arrays import Flags, Places


@dataclass(frozen=True)
class SpeciesSets:
    """The species of each of some things."""

    species: Places
    """int[pairs], a thing after the other."""
    ends: Places
    """int[things]: end of each one's in `species`."""
    known: int
    """How many species there are."""

    @classmethod
    def of(cls, sets: Iterable[Collection[str]], ids: Sequence[str]) -> "SpeciesSets":
        """Of things by ids; those that are not among `ids` are left out."""
        place = {species: n for n, species in enumerate(ids)}
        found = [sorted(place[name] for name in names if name in place) for names in sets]
        flat = np.array([number for numbers in found for number in numbers], np.intp)
        return cls(flat, np.cumsum([len(numbers) for numbers in found], dtype=np.intp), len(ids))

    @classmethod
    def each(cls, known: int) -> "SpeciesSets":
        """Every species by itself."""
        return cls(np.arange(known), np.arange(1, known + 1), known)

    def __len__(self) -> int:
        return len(self.ends)

    def at(self, thing: int) -> Places:
        """The species of one."""
        return self.species[self.ends[thing - 1] if thing else 0 : self.ends[thing]]

    @property
    def counts(self) -> Places:
        """int[things]: how many species each has."""
        return np.diff(self.ends, prepend=0)

    @property
    def first(self) -> Places:
        """int[things]: the first species of each, -1 for none."""
        found = np.full(len(self), -1, np.intp)
        some = self.counts > 0
        found[some] = self.species[self.ends[some] - self.counts[some]]
        return found

    def holders(self, species: int) -> Places:
        """Things that have a species, ascending."""
        order, ends = self._by_species
        return order[ends[species - 1] if species else 0 : ends[species]]

    def sharing(self, species: Places) -> Places:
        """Things that have any of some species, ascending."""
        if len(species) == 1:
            return self.holders(int(species[0]))
        return np.unique(np.concatenate([[], *map(self.holders, species)]).astype(np.intp))

    def any_of(self, flags: Flags) -> Flags:
        """bool[things]: which have a flagged species, by bool[species]."""
        found = np.bincount(self._owners, flags[self.species], minlength=len(self)) > 0
        return np.asarray(found)

    @property
    def _owners(self) -> Places:
        return np.repeat(np.arange(len(self)), self.counts)

    @cached_property
    def _by_species(self) -> tuple[Places, Places]:
        """Things in the order of their species, and the end of each species' among them."""
        order = np.argsort(self.species, kind="stable")
        return self._owners[order], np.cumsum(np.bincount(self.species, minlength=self.known))
