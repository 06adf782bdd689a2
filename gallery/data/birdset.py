"""BirdSet (Rauch et al. 2024, arXiv 2403.10380): parquet tables and shards of sound.

One subset a folder, as on the hub: `HSN_metadata_train.parquet`, `HSN_metadata_test_5s.parquet`,
`HSN_train_shard_0001.tar.gz`, ...; XCM and XCL are for training alone: `XCM_metadata.parquet` and
`XCM_shard_0001.tar.gz`, .... Shards are unpacked once, beside themselves. Tests are 5 s long,
hold any number of species, or none.
"""

import tarfile
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from tqdm import tqdm

from edge.contract.errors import DatasetError
from edge.contract.taxonomy import Species
from edge.source.tree import list_recordings
from gallery.data.dataset import Dataset, Item
from gallery.data.ebird import species_of_codes
from gallery.data.layout import misplaced
from gallery.data.table import dataset

_TABLES = {
    "train": ("*_metadata_train.parquet", "*_metadata.parquet"),
    "test": ("*_metadata_test_5s.parquet",),
}
_COLUMNS = ("filepath", "ebird_code", "ebird_code_multilabel", "license", "recordist", "source")
_PIECES = "_test5s_shard_"
_LICENCE = "cc-by-nc-4.0"
_PAGE = "https://xeno-canto.org/"


def read(folder: Path) -> Dataset:
    """Focal training recordings and 5 s pieces of soundscapes.

    Raises:
        DatasetError: no table is here, a shard is damaged, none of the sounds is here, or a code is
            in no table of eBird's.
    """
    tables = {split: _tables(folder, patterns) for split, patterns in _TABLES.items()}
    if not any(tables.values()):
        raise _no_table(folder)
    rows = [
        (split, row) for split, files in tables.items() for file in files for row in _rows(file)
    ]
    species = species_of_codes((code for split, row in rows for code in _codes(split, row)), folder)
    keys: dict[str, list[str]] = {}
    for code, kind in species.items():
        keys.setdefault(kind.species_id, []).append(f"ebird:{code}")
    return dataset(folder, species.values(), _items(rows, species, _unpacked(folder)), keys)


def _tables(folder: Path, patterns: tuple[str, ...]) -> list[Path]:
    return sorted(file for pattern in patterns for file in folder.glob(pattern))


def _no_table(folder: Path) -> DatasetError:
    """Names the subsets where the folder is that of all, as it lies on the hub."""
    subsets = sorted({file.parent.name for file in folder.glob("*/*_metadata*.parquet")})
    if subsets:
        return DatasetError(
            f"{folder}: holds several subsets; name one of {', '.join(subsets)}: "
            f"birdset:{folder}:{subsets[0]}"
        )
    return misplaced(folder, "HSN_metadata_train.parquet or XCM_metadata.parquet")


def _items(
    rows: list[tuple[str, dict[str, Any]]], species: dict[str, Species], files: dict[str, Path]
) -> Iterator[Item]:
    for split, row in rows:
        name = Path(row["filepath"]).name
        ids = list(dict.fromkeys(species[code].species_id for code in _codes(split, row))) or [""]
        yield Item(
            path=files.get(name, Path(name)),
            kind="audio",
            species_id=ids[0],
            split=split,
            licence=str(row.get("license") or _LICENCE),
            attribution=str(row.get("recordist") or "unknown"),
            also=tuple(ids[1:]),
            url=_page(name),
        )


def _page(name: str) -> str:
    number = Path(name).stem.removeprefix("XC")
    return _PAGE + number if name.startswith("XC") and number.isdigit() else ""


def _codes(split: str, row: dict[str, Any]) -> list[str]:
    """The first is what a training recording is of; a piece of a test has no such one."""
    several = row.get("ebird_code_multilabel") or ()
    alone = row.get("ebird_code") if split == "train" else None
    return list(dict.fromkeys([*([alone] if alone else []), *several]))


def _rows(file: Path) -> list[dict[str, Any]]:
    import pyarrow
    from pyarrow import parquet

    try:
        there = parquet.read_schema(file).names
        columns = [name for name in _COLUMNS if name in there]
        table = parquet.read_table(file, columns=columns)
    except (OSError, pyarrow.ArrowInvalid) as error:
        raise DatasetError(f"{file}: not readable as parquet ({error})") from error
    if "filepath" not in columns:
        raise DatasetError(f"{file}: column 'filepath' is missing; it has {', '.join(there)}")
    rows: list[dict[str, Any]] = table.to_pylist()
    return rows


def _unpacked(folder: Path) -> dict[str, Path]:
    """Every sound by its name; unpacks shards that are not unpacked yet."""
    shards = sorted(folder.glob("*_shard_*.tar.gz"))
    if any(_PIECES in shard.name for shard in shards):  # then the whole soundscapes aren't needed
        shards = [shard for shard in shards if "_test_shard_" not in shard.name]
    packed = [shard for shard in shards if not _target(shard).is_dir()]
    for shard in tqdm(packed, "unpack", disable=None if packed else True):
        _unpack(shard, _target(shard))
    return {file.name: file for file in list_recordings(folder)}


def _target(shard: Path) -> Path:
    return shard.with_suffix("").with_suffix("")


def _unpack(shard: Path, target: Path) -> None:
    """Into a folder of its own first: of several ranks at once the first one's stays."""
    with TemporaryDirectory(prefix=f".{target.name}.", dir=target.parent) as folder:
        part = Path(folder) / "part"
        try:
            with tarfile.open(shard) as archive:
                archive.extractall(part, filter="data")
        except (OSError, EOFError, tarfile.TarError) as error:
            raise DatasetError(f"{shard}: damaged ({error}); copy it again") from error
        try:
            part.rename(target)
        except OSError:
            if not target.is_dir():
                raise
