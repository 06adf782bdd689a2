"""AnimalSpeak (Robinson et al. 2023, arXiv 2308.04978): captions of recordings on the web.

The table holds addresses, no sound. A recording counts once it lies below the folder, named by its
`id` or by its address with everything but letters and digits as `_`. Of a species it tells the two
names and no rank.
"""

import re
from pathlib import Path

from edge.source.tree import list_recordings
from gallery.data.dataset import Dataset, Item
from gallery.data.ranks import named
from gallery.data.table import dataset, first_table, read_rows

_LICENCE = "cc-by-nc-sa-4.0"
_ODD = re.compile(r"\W+")


def read(folder: Path) -> Dataset:
    """The rows whose recording is here.

    Raises:
        DatasetError: no table, or none of its sounds.
    """
    columns = ("url", "species_scientific", "species_common")
    rows = read_rows(first_table(folder, "animalspeak*.csv", "*.csv"), columns)
    told = [row for row in rows if " " in row["species_scientific"]]
    files = {file.stem: file for file in list_recordings(folder)}
    species = [named(row["species_scientific"], row["species_common"]) for row in told]
    items = [
        Item(
            path=_file(row, files),
            kind="audio",
            species_id=kind.species_id,
            split="train",
            licence=row.get("license") or _LICENCE,
            attribution=row["url"],
            url=row["url"],
            captions=tuple(text for name in ("caption", "caption2") if (text := row.get(name))),
        )
        for row, kind in zip(told, species, strict=True)
    ]
    return dataset(folder, species, items)


def _file(row: dict[str, str], files: dict[str, Path]) -> Path:
    address = _ODD.sub("_", row["url"])
    stems = (row.get("id", ""), address, address.rpartition("_")[0])
    return next((files[stem] for stem in stems if stem in files), Path(address))
