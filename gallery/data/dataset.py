"""A folder of recordings and pictures: manifest.csv and taxonomy.csv, real or synthetic alike."""

import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from edge.contract.errors import BundleError, DatasetError
from edge.contract.tables import read_table
from edge.contract.taxonomy import Species, Taxonomy, slug
from gallery.data.ranks import named

REQUIRED = ("path", "kind", "scientific_name", "common_name", "split", "licence", "attribution")
LEAST = ("path", "kind", "scientific_name")
"""Columns of a manifest that is not learned from: names without ranks do for it."""
UNLABELLED = "unlabelled"
"""Split of recordings of birds that nobody named: for what a network makes of them."""
SYNTHETIC_MARK = "birdlisten aviary"
"""What the attribution of every synthetic file says."""


@dataclass(frozen=True)
class Item:
    """One recording or picture."""

    path: Path
    kind: str
    """`audio`, `image` or `video`."""
    species_id: str
    """Empty for a background recording."""
    split: str
    """`train`, `validation`, `test` or `unlabelled`, disjoint by individual; may be empty in a
    manifest that is not learned from."""
    licence: str
    attribution: str
    also: tuple[str, ...] = ()
    """Ids of others that are heard or seen beside."""
    captions: tuple[str, ...] = ()
    """What somebody wrote about it."""
    part: str = ""
    """Which of a corpus' sets it is in, if there are several."""
    url: str = ""
    """Page or file that it was taken from, if that is known."""
    individual: str = ""
    """Bird that sings, of synthetic ones."""
    corpus: str = ""
    """Which of several corpora it comes from."""
    share: float = 0.0
    """Of the windows of a training, that its corpus shall have; 0: nothing is asked for."""
    begin_s: float = 0.0
    end_s: float | None = None
    """Of a part of the recording that the item is; None: to the end."""
    span: tuple[int, int] | None = None
    """Bytes of the file that the recording is, in an archive that is not unpacked."""
    is_section: bool = False
    """It is one of those that were cut out of a recording, which together count as one."""

    @property
    def is_whole(self) -> bool:
        """The item is all of its file."""
        return not self.begin_s and self.end_s is None and self.span is None

    @property
    def author(self) -> str:
        """Recordist, or of synthetic birds the individual, as far as the table tells."""
        return self.individual or re.split("[,;]", self.attribution)[0]

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
    keys: Mapping[str, frozenset[str]] = field(default_factory=dict)
    """What other lists call a species, such as `inat:6930` or `ebird:mallar3`, by its id."""

    def select(self, kind: str, split: str, species_ids: Iterable[str]) -> list[Item]:
        """Items of a kind, a split and some species; `("",)` selects the background."""
        wanted = set(species_ids)
        return [
            item
            for item in self.items
            if item.kind == kind and item.split == split and item.species_id in wanted
        ]

    @property
    def contents(self) -> str:
        """`audio: 3 in train, 2 in test; image: 5 in train`, for an error."""
        count = Counter((item.kind, item.split or "no split") for item in self.items)
        kinds = sorted({kind for kind, _ in count})
        told = (
            ", ".join(f"{number} in {split}" for (of, split), number in count.items() if of == kind)
            for kind in kinds
        )
        return "; ".join(map("{}: {}".format, kinds, told)) or "nothing"


def read_dataset(path: Path, columns: Sequence[str] = REQUIRED) -> Dataset:
    """Read a data set's two tables; its files are opened when they are needed.

    Args:
        path: the folder.
        columns: that its manifest must have. Without common names among them taxonomy.csv may be
            missing, or lack species.

    Raises:
        DatasetError: a table is missing or lacks a column, or a species isn't in the taxonomy.
    """
    manifest, taxonomy = path / "manifest.csv", path / "taxonomy.csv"
    strict = "common_name" in columns
    if not manifest.is_file() or (strict and not taxonomy.is_file()):
        raise DatasetError(
            f"{path}: no data set here (manifest.csv and taxonomy.csv are expected); make the "
            f"synthetic one: python scripts/aviary.py build --output {path}"
        )
    try:
        rows = read_table(manifest, columns)
        species = Taxonomy.load(taxonomy) if taxonomy.is_file() else Taxonomy(())
    except BundleError as error:
        raise DatasetError(f"{path}: {error}") from error
    items = tuple(_item(path, row) for row in rows)
    unknown = sorted({item.species_id for item in items} - set(species.ids) - {""})
    if unknown and strict:
        raise DatasetError(f"{manifest}: not in taxonomy.csv: {', '.join(unknown[:3])}")
    if unknown:
        species = Taxonomy((*species.species, *_species(rows, unknown)))
    synthetic = any(SYNTHETIC_MARK in item.attribution for item in items)
    return Dataset(
        name=dataset_name(path, synthetic),
        path=path,
        taxonomy=species,
        items=items,
        synthetic=synthetic,
    )


def _species(rows: Sequence[Mapping[str, str]], unknown: Sequence[str]) -> list[Species]:
    names = {slug(row["scientific_name"]): row for row in rows}
    return [
        named(names[key]["scientific_name"], names[key].get("common_name", ""), species_id=key)
        for key in unknown
    ]


def _item(path: Path, row: Mapping[str, str]) -> Item:
    return Item(
        path=path / row["path"],
        kind=row["kind"],
        species_id=slug(row["scientific_name"]),
        split=row.get("split") or "",
        licence=row.get("licence") or "unknown",
        attribution=row.get("attribution") or "unknown",
        individual=row.get("individual", ""),
        url=row.get("url") or "",
    )


def dataset_name(path: Path, synthetic: bool) -> str:
    """A folder's name, with `aviary` in it if anything there is synthetic."""
    name = path.resolve().name
    return f"aviary-{name}" if synthetic and "aviary" not in name else name
