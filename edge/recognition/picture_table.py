"""LanceDB table of pictures: galleries beyond one machine, in a folder or an object store.

Written by `python -m gallery.lance` (extra `lance`). The table tells the space of its rows. One
without an index is compared row by row; of an indexed one those are looked at exactly that its
quantised rows (a bit a dimension, RaBitQ) hold for the nearest, and those that came since.
"""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final
from urllib.parse import unquote, urlsplit

import numpy as np

from edge.contract.arrays import Float16s, Float32s
from edge.contract.errors import BirdlistenError, BundleError, ConfigError, MissingPackageError
from edge.contract.gallery import TABLE_COLUMNS, GalleryRow
from edge.contract.names import nearest
from edge.recognition.similar_pictures import SimilarPicture, similarities

LANCE = "lance:"
"""Prefix of the name of a table's place."""
TABLE, SPACE = "pictures", "birdlisten.space_id"
"""Name of the table; the space of its rows, in the metadata of its schema."""
VECTOR, KEY = "vector", "key"
NAME, BUNDLE = "scientific_name", "bundle"
METRIC: Final = "dot"
"""Of rows of unit length: their cosine."""
SCHEMES = ("abfss", "az", "cos", "file", "gs", "hf", "oss", "s3", "s3+ddb")
"""Stores that LanceDB opens, of those that other processes see, too."""
_SPARE = 16
"""Rows beyond those wanted: LanceDB multiplies in float16, by which near ones change places."""
_PROBES, _REFINE = 50, 20
"""Parts of an index that are looked into, and rows looked at exactly for each one wanted: of 40,000
clustered rows 1.00 of the ten nearest, with 20 and 10 (the first is LanceDB's own) 0.998."""
_MOST = 200
"""Characters of what LanceDB says."""
_CAUSE = re.compile(r'message: "(.+?)"|<Message>(.+?)<|body: Some\("([^<]+?)"\)')


class NoTableError(BundleError):
    """A place that can be opened, and has no table of pictures."""


class PictureTable:
    """A table that is open.

    Args:
        table: LanceDB's.
        place: of its database, as it is told.

    Raises:
        BundleError: it isn't one of ours.
    """

    def __init__(self, table: Any, place: str) -> None:
        self.lance, self._place = table, place
        space_id = (table.schema.metadata or {}).get(SPACE.encode())
        if space_id is None:
            raise BundleError(
                f"{place}: its table {TABLE!r} names no space; python -m gallery.lance writes one"
            )
        self.space_id = space_id.decode()

    def check_space(self, space_id: str, owner: str) -> None:
        """Refuse a table whose rows are not comparable.

        Args:
            space_id: of the rows to compare.
            owner: of them, as it is told.

        Raises:
            BundleError: it has another space.
        """
        if self.space_id != space_id:
            raise BundleError(
                f"{self._place}: its pictures lie in space {self.space_id:.12}, {owner} is of "
                f"{space_id:.12}; use the bundle that they were embedded for"
            )

    def nearest(self, rows: Float32s, top: int) -> list[SimilarPicture]:
        """The most similar, best first; see `similar_pictures.PictureIndex`.

        Raises:
            BundleError: the table can't be read.
        """
        asked = self.lance.search(rows if len(rows) > 1 else rows[0], vector_column_name=VECTOR)
        asked = asked.distance_type(METRIC).nprobes(_PROBES).refine_factor(_REFINE)
        columns = [*TABLE_COLUMNS, NAME, BUNDLE, VECTOR, "_distance"]
        with told(self._place):
            found = asked.select(columns).with_row_id(True).limit(top + _SPARE).to_arrow()
        return _best(found, rows, top)


def open_table(place: str) -> PictureTable:
    """The table at a place.

    Args:
        place: folder, or URL of an object store.

    Raises:
        NoTableError: none is there.
        BundleError: it isn't one of ours, or nobody answers.
        ConfigError: no such kind of place.
        MissingPackageError: LanceDB is not installed.
    """
    folder = _folder(place)
    if folder is not None and not folder.is_dir():  # LanceDB would make it
        raise NoTableError(f"{folder}: no such folder; python -m gallery.lance writes a table")
    database = connected(place)
    with told(place):
        return PictureTable(database.open_table(TABLE), place)


def connected(place: str) -> Any:
    """The database at a place; a folder is made if need be.

    Args:
        place: see `open_table`.

    Raises:
        BundleError: nobody answers.
        ConfigError: no such kind of place.
        MissingPackageError: LanceDB is not installed.
    """
    folder = _folder(place)
    try:
        import lancedb
    except ImportError as error:
        raise MissingPackageError(
            f"{LANCE} needs {error.name}: pip install 'birdlisten[lance]'"
        ) from error
    with told(place):
        return lancedb.connect(place if folder is None else str(folder))


def vectors(found: Any) -> Float16s:
    """Rows of an Arrow table, float16[n, dim]."""
    column = found[VECTOR]
    flat: Float16s = column.combine_chunks().flatten().to_numpy(zero_copy_only=False)
    return flat.reshape(len(column), column.type.list_size)


@contextmanager
def told(place: str) -> Iterator[None]:
    """Errors of LanceDB at a place, each in one line.

    Raises:
        NoTableError: a table is missing.
        BundleError: in place of any other error of its own.
    """
    try:
        yield
    except BirdlistenError:
        raise
    except (OSError, RuntimeError, ValueError) as error:
        text = str(error)
        if f"Table '{TABLE}' was not found" in text:
            advice = "python -m gallery.lance writes one"
            raise NoTableError(f"{place}: no table {TABLE!r} here; {advice}") from error
        raise BundleError(f"{place}: can't be read or written ({_problem(text)})") from error


def _problem(text: str) -> str:
    """The cause in what LanceDB prints of an error: its innermost message, else its beginning."""
    causes = [next(filter(None, found)) for found in _CAUSE.findall(text)]
    return (causes[-1] if causes else text.partition("\n")[0])[:_MOST]


def _folder(place: str) -> Path | None:
    """The folder that a place is; None of an object store."""
    parts = urlsplit(place)
    if "://" not in place:
        return Path(place).expanduser()
    if parts.scheme not in SCHEMES:
        near = nearest(parts.scheme, SCHEMES)
        raise ConfigError(f"{parts.scheme}://: no store that can be opened{near}; such as s3://")
    if parts.password is not None:
        raise ConfigError(
            f"{parts.scheme}://{parts.hostname}: credentials in a URL end in logs; give them as "
            "the store's own variables, such as AWS_ACCESS_KEY_ID"
        )
    return Path(unquote(parts.path)) if parts.scheme == "file" else None


def _best(found: Any, rows: Float32s, top: int) -> list[SimilarPicture]:
    """The best of an Arrow table, each once though several rows of the query have found it."""
    _, places = np.unique(found["_rowid"].to_numpy(), return_index=True)
    found = found.take(places)
    similarity = similarities(vectors(found).astype(np.float32), rows)
    best = np.argsort(-similarity, kind="stable")[:top]
    entries = found.drop_columns(VECTOR).take(best).to_pylist()
    return [
        SimilarPicture(
            similarity=float(cosine),
            scientific_name=entry[NAME],
            bundle=entry[BUNDLE],
            row=GalleryRow.read(entry),
        )
        for cosine, entry in zip(similarity[best], entries, strict=True)
    ]
