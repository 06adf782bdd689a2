"""Occurrence of species here at this time of the year: a prior, never a wall."""

import logging
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import numpy as np

from edge.contract.arrays import Float64s
from edge.contract.coordinates import Coordinates
from edge.contract.errors import ConfigError
from edge.contract.tables import read_table
from edge.contract.taxonomy import slug
from edge.contract.values import Number, checked
from edge.system import clock

_LOG = logging.getLogger(__name__)
COMMON = 0.05
"""A species met this often, or of which the table says nothing, is at no disadvantage."""
RAREST = 0.05
"""What never was met here must have this share of the odds: 20 times the evidence."""
_SHARE, _PART = Number(0, 1), re.compile(r"[1-9][0-9]{0,2}")
_NAME, _PLACE = "scientific_name", ("latitude", "longitude")


@dataclass(frozen=True)
class Occurrence:
    """Share of visits on which each species was met, by parts of the year of equal length."""

    frequency: Mapping[str, Float64s]
    """float64[parts] by species id."""

    def odds(self, species_ids: Sequence[str], year_share: float | None) -> Float64s:
        """Factor of each species' odds, never more than 1.

        Args:
            species_ids: whose.
            year_share: how much of the year has passed; None asks for each species' best time.

        Returns:
            float64[species].
        """
        met = np.array([self._met(species, year_share) for species in species_ids])
        return np.clip(met / COMMON, RAREST, 1)

    def _met(self, species_id: str, year_share: float | None) -> float:
        found = self.frequency.get(species_id)
        if found is None:
            return COMMON
        return float(found.max() if year_share is None else found[int(year_share * len(found))])


def season() -> float | None:
    """Share of the year that has passed; None while the clock is not synchronised.

    A board without a clock battery begins in a January of its own, where a cuckoo is a rarity.
    """
    if clock.synchronised():
        return clock.year_share()
    _tell_mistrust()
    return None


@cache
def _tell_mistrust() -> None:
    """Say it once in the life of a listener."""
    _LOG.warning(
        "the clock is not synchronised: until it is, occurrence takes each species' best time of "
        "the year"
    )


def weighed(probability: Float64s, odds: Float64s) -> Float64s:
    """Probabilities after their odds were multiplied."""
    return probability * odds / (1 - probability + probability * odds)


def read_occurrence(path: Path, place: Coordinates | None) -> Occurrence:
    """Read a table of species by parts of the year.

    Args:
        path: CSV: scientific_name, a column for every part of the year named 1, 2, ... (48 as eBird
            has them, 52, 12), and where it holds several places, latitude and longitude.
        place: the nearest one in the table is used; None if the table is of one place.

    Raises:
        ConfigError: no such table, or a value that is no share.
    """
    rows = read_table(path, (_NAME,), ConfigError)
    try:
        parts = _parts(rows[0] if rows else {})
        here = _nearest(rows, place)
        return Occurrence({slug(row[_NAME]): _shares(row, parts) for row in here})
    except ConfigError as error:
        raise ConfigError(f"{path}: {error}") from error


def _parts(columns: Iterable[str]) -> list[str]:
    """The columns of the parts of the year, in order."""
    numbered = [column for column in columns if _PART.fullmatch(column)]
    odd = [column for column in columns if column.isnumeric() and column not in numbered]
    parts = sorted(numbered, key=int)
    if odd or not parts or parts != [str(n) for n in range(1, len(parts) + 1)]:
        found = ", ".join(odd or parts) or "none"
        raise ConfigError(f"no columns named 1, 2, ... for the parts of the year, found {found}")
    return parts


def _shares(row: Mapping[str, str], parts: Sequence[str]) -> Float64s:
    shares = [checked(f"{row[_NAME]}, part {part}", row[part] or "0", _SHARE) for part in parts]
    return np.array(shares)


def _nearest(rows: list[dict[str, str]], place: Coordinates | None) -> list[dict[str, str]]:
    """The rows of the place that is nearest."""
    if not set(_PLACE) <= set(rows[0]):
        return rows
    places = [Coordinates(*(checked(name, row[name], Number()) for name in _PLACE)) for row in rows]
    if len(set(places)) == 1:
        return rows
    if place is None:
        raise ConfigError("holds several places; say which: --latitude and --longitude")
    best = min(set(places), key=place.angle)
    return [row for row, there in zip(rows, places, strict=True) if there == best]
