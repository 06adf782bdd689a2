"""Write the gallery of a bundle into a LanceDB table, where a million pictures are searched.

python -m gallery.lance BUNDLE --to DIR|URL [--replace]

DIR or URL (s3://..., gs://..., az://...) is a database, whose table `pictures` is made if need be;
it needs the extra `lance`. Several bundles of one embedding space may share it. Only what the table
lacks is written, or has with another credit; each part of it is there whole or not at all, also for
those that search meanwhile, and a run that was killed goes on. With --replace what this gallery
lacks leaves the table. `birdlisten search --picture PHOTO --in lance:DIR|URL` looks in it.
"""

import sys
from collections.abc import Mapping, Sequence
from dataclasses import astuple, dataclass
from hashlib import blake2b
from pathlib import Path
from typing import Any

import numpy as np

from edge.command.parser import Parser
from edge.contract.arrays import Float16s
from edge.contract.bundle import Bundle, load_bundle
from edge.contract.gallery import TABLE_COLUMNS, GalleryRow
from edge.contract.manifest import Manifest, load_manifest
from edge.recognition.picture_table import (
    BUNDLE,
    KEY,
    LANCE,
    METRIC,
    NAME,
    SPACE,
    TABLE,
    VECTOR,
    NoTableError,
    connected,
    open_table,
    told,
)
from gallery.command import run

EXACT_ROWS = 100_000
"""A table of more rows gets an index."""
_PART = 32_768
"""Rows that are written at a time."""
_AT_ONCE = 1000
"""Rows that one sentence deletes."""
_WHOLE_DIMS = 8
"""An index packs so many dimensions into a byte, and can't pack fewer."""


@dataclass(frozen=True)
class Written:
    """Result of a run."""

    added: int
    changed: int
    """Whose credit was another."""
    known: int
    removed: int
    rows: int
    """Of the table now."""

    def __str__(self) -> str:
        counts = {
            "changed": self.changed,
            "were there already": self.known,
            "removed": self.removed,
        }
        told_of = [f"{count} {what}" for what, count in counts.items() if count]
        return ", ".join([f"{self.added} pictures added", *told_of, f"{self.rows} in the table"])


def write(bundle: Path, place: str, *, replace: bool = False, exact: int = EXACT_ROWS) -> Written:
    """Write a gallery's rows, with what its table has of them, into a LanceDB table.

    Args:
        bundle: has a gallery.
        place: folder, or URL of an object store.
        replace: leave no other row in the table.
        exact: rows up to which it goes without an index.

    Raises:
        BundleError: no gallery here, a table of another space or make there, or nobody answers.
        ConfigError: no such kind of place.
        MissingPackageError: LanceDB is not installed.
    """
    manifest = load_manifest(bundle)
    held = _held(place, manifest)
    loaded = load_bundle(bundle)
    with told(place):
        table = held or connected(place).create_table(TABLE, schema=_schema(manifest))
        return _written(table, loaded, replace, exact)


def _written(table: Any, bundle: Bundle, replace: bool, exact: int) -> Written:
    known, rows, entries = _entries(table), _keyed(bundle), bundle.gallery.table
    fresh = {key: n for key, n in rows.items() if known.get(key) != entries[n]}
    _put(table, bundle, fresh)
    gone = sorted(known.keys() - rows.keys()) if replace else []
    _remove(table, gone)
    _tidy(table, bundle.manifest.embedding_dim, exact)
    added = len(fresh.keys() - known.keys())
    return Written(
        added=added,
        changed=len(fresh) - added,
        known=len(entries) - len(fresh),
        removed=len(gone),
        rows=table.count_rows(),
    )


def _held(place: str, manifest: Manifest) -> Any:
    """The table that is there already, of the bundle's space; None if there is none."""
    connected(place)
    try:
        table = open_table(place)
    except NoTableError:
        return None
    table.check_space(manifest.space_id, f"bundle {manifest.name}")
    return table.lance


def _schema(manifest: Manifest) -> Any:
    import pyarrow as pa

    columns = {VECTOR: pa.list_(pa.float16(), manifest.embedding_dim)}
    columns |= dict.fromkeys((KEY, *TABLE_COLUMNS, NAME, BUNDLE), pa.string())
    fields = [pa.field(name, kind, nullable=False) for name, kind in columns.items()]
    return pa.schema(fields, metadata={SPACE: manifest.space_id})


def _keyed(bundle: Bundle) -> dict[str, int]:
    """Row numbers by key: a row of a species is one picture, whatever is said of it."""
    gallery = bundle.gallery
    pairs = zip(gallery.table, gallery.rows, strict=True)
    return {_key(entry.species_id, row): n for n, (entry, row) in enumerate(pairs)}


def _key(species_id: str, row: Float16s) -> str:
    content = species_id.encode() + b"\0" + row.astype("<f2").tobytes()
    return blake2b(content, digest_size=16).hexdigest()


def _entries(table: Any) -> dict[str, GalleryRow]:
    """Entries of a table, by key."""
    found = table.search().select([KEY, *TABLE_COLUMNS]).to_batches()
    return {line[KEY]: GalleryRow.read(line) for batch in found for line in batch.to_pylist()}


def _put(table: Any, bundle: Bundle, rows: Mapping[str, int]) -> None:
    """Write rows part by part; what a table has by the same key is replaced."""
    from tqdm import tqdm

    keys = list(rows)
    with tqdm(total=len(keys), desc="pictures", disable=None) as bar:
        for begin in range(0, len(keys), _PART):
            part = keys[begin : begin + _PART]
            joined = table.merge_insert(KEY).when_matched_update_all().when_not_matched_insert_all()
            joined.execute(_arrow(bundle, part, [rows[key] for key in part]))
            bar.update(len(part))


def _arrow(bundle: Bundle, keys: Sequence[str], places: Sequence[int]) -> Any:
    """Rows as an Arrow table.

    Args:
        bundle: has them.
        keys: of the rows.
        places: in the gallery.
    """
    import pyarrow as pa

    gallery, species = bundle.gallery, bundle.taxonomy.by_id()
    flat = pa.array(np.ascontiguousarray(gallery.rows[places]).ravel())
    rows = pa.FixedSizeListArray.from_arrays(flat, gallery.rows.shape[1])
    entries = [gallery.table[place] for place in places]
    columns: dict[str, Any] = {VECTOR: rows, KEY: keys}
    columns |= zip(TABLE_COLUMNS, zip(*map(astuple, entries), strict=True), strict=True)
    columns[NAME] = [species[entry.species_id].scientific_name for entry in entries]
    columns[BUNDLE] = [bundle.manifest.name] * len(keys)
    return pa.table(columns, schema=_schema(bundle.manifest))


def _remove(table: Any, keys: Sequence[str]) -> None:
    for begin in range(0, len(keys), _AT_ONCE):
        named = ", ".join(f"'{key}'" for key in keys[begin : begin + _AT_ONCE])
        table.delete(f"{KEY} IN ({named})")


def _tidy(table: Any, dim: int, exact: int) -> None:
    """Index what is too much to be compared row by row, and join what was written in parts."""
    from lancedb.index import IvfRq

    held = any(VECTOR in index.columns for index in table.list_indices())
    if not held and table.count_rows() > exact and dim % _WHOLE_DIMS == 0:
        table.create_index(VECTOR, config=IvfRq(distance_type=METRIC))
    table.optimize()


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command."""
    parser = Parser(prog="python -m gallery.lance", description=__doc__)
    parser.add_argument("bundle", type=Path)
    parser.add_argument("--to", required=True, metavar="DIR|URL", help="of the database")
    parser.add_argument("--replace", action="store_true", help="leave no other row in the table")
    args = parser.parse_args(argv)
    place = args.to.removeprefix(LANCE)

    def command() -> None:
        written = write(args.bundle, place, replace=args.replace)
        print(f"{LANCE}{place}")
        print(written, file=sys.stderr)

    return run(command)


if __name__ == "__main__":
    sys.exit(main())
