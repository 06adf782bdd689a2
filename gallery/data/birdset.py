"""BirdSet (Rauch et al. 2024, arXiv 2403.10380): parquet tables and shards of sound.

One subset a folder, as on the hub: `HSN_metadata_train.parquet`, `HSN_metadata_test_5s.parquet`,
`HSN_train_shard_0001.tar.gz`, ... Shards are unpacked once, beside themselves. Tests are 5 s long,
hold any number of species, or none.
"""

import tarfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from edge.contract.errors import DatasetError
from edge.contract.taxonomy import Species
from edge.source.tree import list_recordings
from gallery.data.dataset import Dataset, Item
from gallery.data.ebird import ebird_species
from gallery.data.table import dataset, thing

_TABLES = {"train": "*_metadata_train.parquet", "test": "*_metadata_test_5s.parquet"}
_LICENCE = "cc-by-nc-4.0"


def read(folder: Path) -> Dataset:
    """Focal training recordings and 5 s pieces of soundscapes.

    Raises:
        DatasetError: no table is here, a shard is damaged, or none of the sounds is here.
    """
    tables = {split: sorted(folder.glob(pattern)) for split, pattern in _TABLES.items()}
    if not any(tables.values()):
        raise DatasetError(f"{folder}: expected {' or '.join(_TABLES.values())} here")
    known = ebird_species(folder)
    rows = [
        (split, row) for split, files in tables.items() for file in files for row in _rows(file)
    ]
    codes = sorted({code for _, row in rows for code in _codes(row)})
    species = {code: known.get(code) or thing(code) for code in codes}
    return dataset(folder, species.values(), _items(rows, species, _unpacked(folder)))


def _items(
    rows: list[tuple[str, dict[str, Any]]], species: dict[str, Species], files: dict[str, Path]
) -> Iterator[Item]:
    for split, row in rows:
        name = Path(row["filepath"]).name
        ids = [species[code].species_id for code in _codes(row)] or [""]
        whose = str(row.get("recordist") or "unknown")
        licence = str(row.get("license") or _LICENCE)
        path = files.get(name, Path(name))
        yield Item(
            path=path,
            kind="audio",
            species_id=ids[0],
            split=split,
            licence=licence,
            attribution=whose,
            also=tuple(ids[1:]),
        )


def _codes(row: dict[str, Any]) -> list[str]:
    """The first is what a training recording is of."""
    codes = [row["ebird_code"]] if row.get("ebird_code") else []
    return list(dict.fromkeys([*codes, *(row.get("ebird_code_multilabel") or ())]))


def _rows(file: Path) -> list[dict[str, Any]]:
    import pyarrow
    from pyarrow import parquet

    try:
        table = parquet.read_table(file)
    except (OSError, pyarrow.ArrowInvalid) as error:
        raise DatasetError(f"{file}: not readable as parquet ({error})") from error
    if "filepath" not in table.column_names:
        raise DatasetError(f"{file}: column 'filepath' is missing")
    rows: list[dict[str, Any]] = table.to_pylist()
    return rows


def _unpacked(folder: Path) -> dict[str, Path]:
    """Every sound by its name; unpacks shards that are not unpacked yet."""
    for shard in sorted(folder.glob("*_shard_*.tar.gz")):
        _unpack(shard, shard.with_suffix("").with_suffix(""))
    return {file.name: file for file in list_recordings(folder)}


def _unpack(shard: Path, target: Path) -> None:
    if target.is_dir():
        return
    part = target.with_name(f"{target.name}.part")
    try:
        with tarfile.open(shard) as archive:
            archive.extractall(part, filter="data")
    except (OSError, EOFError, tarfile.TarError) as error:
        raise DatasetError(f"{shard}: damaged ({error}); copy it again") from error
    part.rename(target)
