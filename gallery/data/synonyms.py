"""One species under two names: Clements, IOC, Xeno-canto and iNaturalist do not agree on genera.

`synonyms.csv` beside (`scripts/bird_names.py`): a name, the one that iNaturalist accepts, and
`same` if they stand for the same birds, or `part` if the first is one of several that the second
holds (a split). Recordings of a part are of the whole; never the other way round.
"""

import csv
import logging
from collections.abc import Collection, Mapping
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path

from edge.contract.taxonomy import Taxonomy, slug
from gallery.data.dataset import Dataset

_LOG = logging.getLogger(__name__)
_NAMED = 5
"""Renamed species that are written out."""


@dataclass(frozen=True)
class Synonyms:
    """The table, by the ids of the names."""

    accepted: Mapping[str, str]
    """Of each other name."""
    others: Mapping[str, tuple[str, ...]]
    """Other names of the same birds, by the accepted one."""

    def find(self, species_id: str, known: Collection[str]) -> str:
        """The id by which a taxonomy knows a species; empty if it doesn't.

        Args:
            species_id: of the name in question.
            known: ids of the taxonomy.
        """
        accepted = self.accepted.get(species_id, species_id)
        names = (species_id, accepted, *self.others.get(accepted, ()))
        return next((name for name in names if name in known), "")


@cache
def synonyms() -> Synonyms:
    """The table beside this module."""
    with (Path(__file__).parent / "synonyms.csv").open(encoding="utf-8", newline="") as lines:
        rows = [(slug(row["name"]), slug(row["accepted"]), row) for row in csv.DictReader(lines)]
    others = dict[str, tuple[str, ...]]()
    for name, accepted, row in rows:
        if row["relation"] == "same":
            others[accepted] = (*others.get(accepted, ()), name)
    return Synonyms({name: accepted for name, accepted, _ in rows}, others)


def renamed_species(
    dataset: Dataset, known: Taxonomy, keys: Mapping[str, Collection[str]] | None = None
) -> dict[str, str]:
    """Ids of a data set's species that a taxonomy knows by another, and that other.

    The names of both go first, then a key of both (`inat:6930`), then the table.

    Args:
        dataset: whose species are looked for.
        known: the taxonomy.
        keys: `Dataset.keys` of the data set whose taxonomy it is, if it is one's.
    """
    ids = set(known.ids)
    by_key = {key: name for name, those in (keys or {}).items() for key in those}
    found = {}
    for species_id in dataset.taxonomy.ids:
        shared = dataset.keys.get(species_id, frozenset()) & by_key.keys()
        name = by_key[min(shared)] if shared else synonyms().find(species_id, ids)
        if species_id not in ids and name:
            found[species_id] = name
    return found


def aligned(
    dataset: Dataset, known: Taxonomy, keys: Mapping[str, Collection[str]] | None = None
) -> Dataset:
    """The same data set, its species under the names by which a taxonomy knows them.

    Args:
        dataset: any.
        known: the taxonomy; a species that it hasn't keeps its name.
        keys: see `renamed_species`.
    """
    renamed = renamed_species(dataset, known, keys)
    if not renamed:
        return dataset
    _tell(dataset, renamed)
    present = known.by_id()
    named = (
        present[renamed[kind.species_id]] if kind.species_id in renamed else kind
        for kind in dataset.taxonomy.species
    )
    species = {kind.species_id: kind for kind in named}
    items = tuple(
        replace(
            item,
            species_id=renamed.get(item.species_id, item.species_id),
            also=tuple(renamed.get(other, other) for other in item.also),
        )
        for item in dataset.items
    )
    own = {renamed.get(name, name): those for name, those in dataset.keys.items()}
    return replace(dataset, taxonomy=Taxonomy((*species.values(),)), items=items, keys=own)


def _tell(dataset: Dataset, renamed: Mapping[str, str]) -> None:
    pairs = [f"{old} is {new}" for old, new in sorted(renamed.items())]
    more = f", and {len(pairs) - _NAMED} more" if len(pairs) > _NAMED else ""
    _LOG.info("%s: by another name here: %s%s", dataset.name, ", ".join(pairs[:_NAMED]), more)
