"""CUB-200-2011 (Wah et al. 2011): photographs of 200 birds under English names.

The tables are lines of `number value`. Scientific names are not part of it: a `taxonomy.csv` of
ours beside it gives them, or eBird's English names; else a class is known by its own name alone.
"""

from pathlib import Path

from edge.contract.errors import DatasetError
from edge.contract.taxonomy import Species, Taxonomy
from gallery.data.dataset import Dataset, Item
from gallery.data.ebird import known_codes
from gallery.data.layout import misplaced
from gallery.data.ranks import bird, thing
from gallery.data.table import dataset

_LICENCE = "non-commercial research only"


def read(folder: Path) -> Dataset:
    """All photographs.

    Raises:
        DatasetError: a table or every photograph is missing.
    """
    classes = {number: _name(name) for number, name in _lines(folder, "classes.txt").items()}
    known = _known(folder)
    species = {number: known.get(_plain(name)) or thing(name) for number, name in classes.items()}
    labels = _lines(folder, "image_class_labels.txt")
    trained = _lines(folder, "train_test_split.txt")
    items = [
        Item(
            path=folder / "images" / path,
            kind="image",
            species_id=species[labels[number]].species_id,
            split="train" if trained[number] == "1" else "test",
            licence=_LICENCE,
            attribution="unknown",
        )
        for number, path in _lines(folder, "images.txt").items()
    ]
    return dataset(folder, species.values(), items)


def _lines(folder: Path, name: str) -> dict[str, str]:
    try:
        lines = (folder / name).read_text(encoding="utf-8").splitlines()
    except FileNotFoundError:
        raise misplaced(folder, name) from None
    except OSError as error:
        raise DatasetError(f"{folder}: CUB-200-2011 needs {name} ({error.strerror})") from error
    parts = (line.partition(" ") for line in lines if line.strip())
    return {number: value.strip() for number, _, value in parts}


def _name(folder: str) -> str:
    """`001.Black_footed_Albatross` -> `Black footed Albatross`."""
    return folder.partition(".")[2].replace("_", " ")


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
