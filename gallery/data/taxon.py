"""A part of a data set: the species of one taxon, of whatever rank."""

from dataclasses import replace

from edge.contract.errors import DatasetError
from edge.contract.names import nearest
from edge.contract.taxonomy import Species, Taxonomy
from gallery.data.dataset import Dataset, Item


def of_taxon(dataset: Dataset, taxon: str) -> Dataset:
    """Only the species of a taxon, what they are in, and what holds no species at all.

    A recording of another species in which one of the taxon is heard, too, counts as that one's.

    Args:
        dataset: any.
        taxon: a name of any rank from kingdom to species, such as `Aves`; empty takes all.

    Raises:
        DatasetError: no species is of it.
    """
    if not taxon:
        return dataset
    kept = tuple(kind for kind in dataset.taxonomy.species if _is_of(kind, taxon.casefold()))
    if not kept:
        known = sorted({name for kind in dataset.taxonomy.species for name in _taxa(kind)})
        classes = sorted({kind.class_ or "no class" for kind in dataset.taxonomy.species})
        raise DatasetError(
            f"{dataset.path}: no species of the taxon {taxon!r}{nearest(taxon, known)}; it has "
            f"{len(dataset.taxonomy)} species of {', '.join(classes)}"
        )
    ids = {kind.species_id for kind in kept}
    narrowed = (_narrowed(item, ids) for item in dataset.items)
    items = tuple(item for item in narrowed if item is not None)
    keys = {name: those for name, those in dataset.keys.items() if name in ids}
    return replace(dataset, taxonomy=Taxonomy(kept), items=items, keys=keys)


def _taxa(species: Species) -> tuple[str, ...]:
    """Names of all ranks that it is in; the epithet alone is none."""
    return (*filter(None, species.ranks[:-1]), species.scientific_name)


def _is_of(species: Species, taxon: str) -> bool:
    return any(name.casefold() == taxon for name in _taxa(species))


def _narrowed(item: Item, ids: set[str]) -> Item | None:
    """The item with what is in it of the taxon; None if it only holds others."""
    if not item.species:
        return item
    first, *others = [name for name in (item.species_id, *item.also) if name in ids] or [""]
    return replace(item, species_id=first, also=tuple(others)) if first else None
