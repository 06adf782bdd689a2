"""Several corpora as one: one name a species, each recording of an archive once, a share each."""

import logging
import re
from collections.abc import Iterable, Sequence
from dataclasses import replace

from edge.contract.taxonomy import Species, Taxonomy
from gallery.data.dataset import Dataset, Item
from gallery.data.synonyms import aligned

_LOG = logging.getLogger(__name__)
_ARCHIVES = {
    "Xeno-canto": re.compile(
        r"(?:(?<![a-z])XC|xeno-canto\.org/(?:sounds/)?)(\d{2,})", re.IGNORECASE
    ),
    "Macaulay Library": re.compile(
        r"(?:(?<![a-z])ML|macaulaylibrary\.org/asset/)(\d{4,})", re.IGNORECASE
    ),
    "iNaturalist sound": re.compile(
        r"(?:(?<![a-z])iNat|inaturalist\.org/sounds/)(\d{2,})", re.IGNORECASE
    ),
}
"""Numbers that several corpora took the same recordings from."""
_SPLITS = ("test", "validation", "train")
"""What several have stays where it is asked about."""


def archive_id(item: Item) -> str:
    """`audio Xeno-canto 134896`, of a file by its name, address or credit; empty if none tells."""
    for text in (item.path.stem, item.url, item.attribution):
        for archive, pattern in _ARCHIVES.items():
            if found := pattern.search(text):
                return f"{item.kind} {archive} {int(found[1])}"
    return ""


def mixed(datasets: Sequence[Dataset], shares: Sequence[float]) -> Dataset:
    """Join data sets.

    Species go by the names of the first that has them. A recording that several took from one
    archive is kept once: in a test or validation split before a train split, then in the first.

    Args:
        datasets: at least one.
        shares: of each, of the windows of a training; all 0: as the recordings are.
    """
    joined = datasets[0]
    for dataset in datasets[1:]:
        other = aligned(dataset, joined.taxonomy, joined.keys)
        joined = replace(joined, taxonomy=_united(joined, other), keys=_keys(joined, other))
        datasets = [other if each is dataset else each for each in datasets]
    items = _once(
        [
            replace(item, corpus=f"{number} {dataset.name}", share=share)
            for number, (dataset, share) in enumerate(zip(datasets, shares, strict=True))
            for item in dataset.items
        ]
    )
    return replace(
        joined,
        name="+".join(dict.fromkeys(dataset.name for dataset in datasets)),
        items=items,
        synthetic=any(dataset.synthetic for dataset in datasets),
    )


def _united(first: Dataset, second: Dataset) -> Taxonomy:
    """Species of both; where both have one, it is the one of which more is known."""
    species = second.taxonomy.by_id()
    for kind in first.taxonomy.species:
        other = species.get(kind.species_id, kind)
        species[kind.species_id] = max(kind, other, key=_known)
    return Taxonomy(tuple(species[name] for name in sorted(species)))


def _known(species: Species) -> int:
    return sum(map(bool, species.ranks)) + (species.common_name != species.scientific_name)


def _keys(first: Dataset, second: Dataset) -> dict[str, frozenset[str]]:
    nothing = frozenset[str]()
    return {
        name: first.keys.get(name, nothing) | second.keys.get(name, nothing)
        for name in {**first.keys, **second.keys}
    }


def _once(items: Iterable[Item]) -> tuple[Item, ...]:
    """Without what another corpus has, too; the order stays."""
    every = list(items)
    order = sorted(range(len(every)), key=lambda n: _rank(every[n]))  # stable: then the first
    owners, kept = dict[str, str](), set[int]()
    for number in order:
        item, known = every[number], archive_id(every[number])
        if not known or owners.setdefault(known, item.corpus) == item.corpus:
            kept.add(number)
    if len(kept) < len(every):
        _LOG.warning(
            "%d recordings are in several corpora; each is used once", len(every) - len(kept)
        )
    return tuple(item for number, item in enumerate(every) if number in kept)


def _rank(item: Item) -> int:
    return _SPLITS.index(item.split) if item.split in _SPLITS else len(_SPLITS)
