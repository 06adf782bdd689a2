"""CUB-200-2011 (Wah et al. 2011) and NABirds (Van Horn et al. 2015): birds under English names.

The tables are lines of `number value`, beside the folder `images`. NABirds tells plumages apart,
`Common Eider (Adult male)`, which count as one species here, and names photographers. Neither has
scientific names: a `taxonomy.csv` of ours beside gives them, or eBird's English names; else a class
is known by its own name alone.
"""

from collections.abc import Mapping
from pathlib import Path

from edge.contract.errors import DatasetError
from edge.contract.taxonomy import Species, Taxonomy
from gallery.data.dataset import Dataset, Item
from gallery.data.ebird import known_codes
from gallery.data.layout import misplaced
from gallery.data.ranks import bird, thing
from gallery.data.table import dataset

_CUB, _NABIRDS = "non-commercial research only", "research use only"
_PHOTOGRAPHERS = "photographers.txt"


def read(folder: Path) -> Dataset:
    """All photographs of CUB-200-2011.

    Raises:
        DatasetError: a table or every photograph is missing.
    """
    return _read(folder, _CUB, {})


def read_nabirds(folder: Path) -> Dataset:
    """All photographs of NABirds.

    Raises:
        DatasetError: a table or every photograph is missing.
    """
    return _read(folder, _NABIRDS, _lines(folder, _PHOTOGRAPHERS))


def _read(folder: Path, licence: str, authors: Mapping[str, str]) -> Dataset:
    names = {number: _name(name) for number, name in _lines(folder, "classes.txt").items()}
    labels = _lines(folder, "image_class_labels.txt")
    trained = _lines(folder, "train_test_split.txt")
    known = _known(folder)
    try:
        species = {
            number: known.get(_plain(names[number])) or thing(names[number])
            for number in dict.fromkeys(labels.values())  # NABirds' classes are a tree
        }
        items = [
            Item(
                path=folder / "images" / path,
                kind="image",
                species_id=species[labels[number]].species_id,
                split="train" if trained[number] == "1" else "test",
                licence=licence,
                attribution=authors.get(number) or "unknown",
            )
            for number, path in _lines(folder, "images.txt").items()
        ]
    except KeyError as error:
        raise DatasetError(
            f"{folder}: its tables don't agree: {error} is missing in one"
        ) from error
    return dataset(folder, species.values(), items)


def _lines(folder: Path, name: str) -> dict[str, str]:
    try:
        lines = (folder / name).read_text(encoding="utf-8").splitlines()
    except FileNotFoundError:
        raise misplaced(folder, name) from None
    except OSError as error:
        raise DatasetError(f"{folder}: {name} is not readable ({error.strerror})") from error
    parts = (line.partition(" ") for line in lines if line.strip())
    return {number: value.strip() for number, _, value in parts}


def _name(told: str) -> str:
    """`001.Black_footed_Albatross` -> `Black footed Albatross`; without a plumage in brackets."""
    number, point, name = told.partition(".")
    label = name if point and number.isdigit() else told
    return label.partition(" (")[0].replace("_", " ")


def _known(folder: Path) -> dict[str, Species]:
    """Species by English name, as `_plain` spells it."""
    table = folder / "taxonomy.csv"
    species = Taxonomy.load(table).species if table.is_file() else ()
    told = {common: scientific for scientific, common in known_codes().values() if common}
    named = {_plain(common): bird(scientific, common) for common, scientific in told.items()}
    return {**named, **{_plain(kind.common_name): kind for kind in species}}


def _plain(name: str) -> str:
    """As CUB spells a name: without hyphens and apostrophes."""
    return name.replace("-", " ").replace("'", "").lower()
