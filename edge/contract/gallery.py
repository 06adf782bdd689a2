"""The gallery format: one unit row a picture, and a table that says whose picture it is."""

import csv
import io
from collections.abc import Mapping
from dataclasses import astuple, dataclass, fields
from functools import cached_property
from sys import intern
from typing import TypeVar

import numpy as np
import numpy.typing as npt

from edge.contract.arrays import Float16s, Float32s, Places
from edge.contract.errors import BundleError
from edge.contract.taxonomy import Taxonomy

R = TypeVar("R", bound="GalleryRow")
UNIT_TOLERANCE = 5e-3
"""float16 rows of 768 numbers keep unit length to about 1e-3."""
_PART = 4096
"""Rows that are widened at a time."""


@dataclass(frozen=True, slots=True)
class GalleryRow:
    """Origin of one picture."""

    species_id: str
    picture: str
    """File name in `pictures/`, or empty when only the URL is shipped."""
    url: str
    author: str
    licence: str

    @property
    def file(self) -> str | None:
        """Path of the picture in the bundle; None when only the URL is shipped."""
        return f"pictures/{self.picture}" if self.picture else None

    @classmethod
    def read(cls: type[R], fields: Mapping[str, str]) -> R:
        """From a line of the table; what thousands of lines repeat is held once."""
        return cls(
            species_id=intern(fields["species_id"]),
            picture=fields["picture"],
            url=fields["url"],
            author=intern(fields["author"]),
            licence=intern(fields["licence"]),
        )


TABLE_COLUMNS = tuple(field.name for field in fields(GalleryRow))


@dataclass(frozen=True)
class Gallery:
    """Embedded pictures.

    Raises:
        BundleError: rows and table differ in length, or the rows are not finite unit float16.
    """

    rows: Float16s
    """float16[rows, dim], unit length."""
    table: tuple[GalleryRow, ...]
    """One entry a row."""

    def __post_init__(self) -> None:
        check_unit_rows(self.rows, "gallery.rows")
        if len(self.rows) != len(self.table):
            raise BundleError(
                f"gallery: {len(self.rows)} rows but {len(self.table)} table lines; "
                "build the gallery again: python -m gallery.build"
            )

    @cached_property
    def members(self) -> dict[str, Places]:
        """Row numbers of every species that has a picture."""
        rows: dict[str, list[int]] = {}
        for number, row in enumerate(self.table):
            rows.setdefault(row.species_id, []).append(number)
        return {species: np.array(numbers, np.intp) for species, numbers in rows.items()}

    def check_species(self, taxonomy: Taxonomy) -> None:
        """Refuse rows of a species that the taxonomy doesn't hold."""
        unknown = sorted({row.species_id for row in self.table} - set(taxonomy.ids))
        if unknown:
            raise BundleError(f"gallery.table: species missing from the taxonomy: {unknown[:3]}")

    def table_csv(self) -> bytes:
        """The table as CSV (UTF-8, LF); line n + 1 describes row n."""
        text = io.StringIO()
        writer = csv.writer(text, lineterminator="\n")
        writer.writerow(TABLE_COLUMNS)
        writer.writerows(astuple(row) for row in self.table)
        return text.getvalue().encode()


def check_unit_rows(rows: npt.NDArray[np.generic], role: str, dim: int | None = None) -> None:
    """Refuse anything but finite unit rows in float16[n, dim].

    Raises:
        BundleError: dtype, shape, a value that is not finite, or a row that is not unit length.
    """
    expected = f"float16[n, {dim or 'dim'}]"
    if rows.dtype != np.float16 or rows.ndim != 2 or (dim and rows.shape[1] != dim):
        raise BundleError(f"{role}: expected {expected}, found {rows.dtype}{list(rows.shape)}")
    for begin in range(0, len(rows), _PART):
        _check_values(rows[begin : begin + _PART].astype(np.float32), role, begin)


def _check_values(rows: Float32s, role: str, begin: int) -> None:
    """Refuse rows that are not finite or not of unit length; `begin` counts those before."""
    if not np.isfinite(rows).all():
        bad = int(np.flatnonzero(~np.isfinite(rows).all(axis=1))[0])
        raise BundleError(f"{role}: row {begin + bad} holds NaN or infinity; build it again")
    length = np.linalg.norm(rows, axis=1)
    if np.abs(length - 1).max() > UNIT_TOLERANCE:
        bad = int(np.abs(length - 1).argmax())
        raise BundleError(f"{role}: row {begin + bad} has length {length[bad]:.3f}, expected 1")
