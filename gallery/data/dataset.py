"""A folder of recordings and pictures: manifest.csv and taxonomy.csv, real or synthetic alike."""

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from edge.contract.errors import BundleError, DatasetError
from edge.contract.tables import read_table
from edge.contract.taxonomy import Taxonomy, slug

REQUIRED = ("path", "kind", "scientific_name", "common_name", "split", "licence", "attribution")
UNLABELLED = "unlabelled"
"""Split of recordings of birds that nobody named: for what a network makes of them."""
SYNTHETIC_MARK = "birdlisten aviary"
"""What the attribution of every synthetic file says."""


@dataclass(frozen=True)
class Item:
    """One recording or picture."""

    path: Path
    kind: str
    """`audio` or `image`."""
    species_id: str
    """Empty for a background recording."""
    split: str
    """`train`, `validation`, `test` or `unlabelled`, disjoint by individual."""
    licence: str
    attribution: str
    also: tuple[str, ...] = ()
    """Ids of others that are heard or seen beside."""
    captions: tuple[str, ...] = ()
    """What somebody wrote about it."""
    part: str = ""
    """Which of a corpus' sets it is in, if there are several."""
    begin_s: float = 0.0
    end_s: float | None = None
    """Of a part of the recording that the item is; None: to the end."""

    @property
    def is_whole(self) -> bool:
        """The item is all of its file."""
        return not self.begin_s and self.end_s is None

    @property
    def species(self) -> frozenset[str]:
        """Ids of all that are in it."""
        return frozenset((self.species_id, *self.also)) - {""}


@dataclass(frozen=True)
class Dataset:
    """Items in the order of the manifest, and the species they belong to."""

    name: str
    """The folder's name; says `aviary` if anything in it is synthetic."""
    path: Path
    taxonomy: Taxonomy
    items: tuple[Item, ...]
    synthetic: bool = False
    """Anything in it is."""

    def select(self, kind: str, split: str, species_ids: Iterable[str]) -> list[Item]:
        """Items of a kind, a split and some species; `("",)` selects the background."""
        wanted = set(species_ids)
        return [
            item
            for item in self.items
            if item.kind == kind and item.split == split and item.species_id in wanted
        ]


def read_dataset(path: Path) -> Dataset:
    """Read a data set's two tables; its files are opened when they are needed.

    Raises:
        DatasetError: a table is missing or lacks a column, or a species isn't in the taxonomy.
    """
    manifest, taxonomy = path / "manifest.csv", path / "taxonomy.csv"
    if not manifest.is_file() or not taxonomy.is_file():
        raise DatasetError(
            f"{path}: no data set here (manifest.csv and taxonomy.csv are expected); make the "
            f"synthetic one: python scripts/aviary.py build --output {path}"
        )
    try:
        rows, species = read_table(manifest, REQUIRED), Taxonomy.load(taxonomy)
    except BundleError as error:
        raise DatasetError(f"{path}: {error}") from error
    items = tuple(_item(path, row) for row in rows)
    unknown = sorted({item.species_id for item in items} - set(species.ids) - {""})
    if unknown:
        raise DatasetError(f"{manifest}: not in taxonomy.csv: {', '.join(unknown[:3])}")
    synthetic = any(SYNTHETIC_MARK in item.attribution for item in items)
    return Dataset(
        name=_name(path, synthetic), path=path, taxonomy=species, items=items, synthetic=synthetic
    )


def _item(path: Path, row: dict[str, str]) -> Item:
    return Item(
        path=path / row["path"],
        kind=row["kind"],
        species_id=slug(row["scientific_name"]),
        split=row["split"],
        licence=row["licence"],
        attribution=row["attribution"],
    )


def _name(path: Path, synthetic: bool) -> str:
    name = path.resolve().name
    return f"aviary-{name}" if synthetic and "aviary" not in name else name
