"""eBird's taxonomy: what a six-letter code such as `gcrfin` stands for.

`ebird.csv` beside knows the codes of 2021, 2022 and, with English names, BirdNET's of 2024
(`scripts/bird_names.py`). A table of another year in a corpus' folder goes before it:
`eBird*axonomy*.csv` as eBird offers it for download: SPECIES_CODE, PRIMARY_COM_NAME, SCI_NAME,
ORDER (ORDER1 in older years), FAMILY.
"""

from collections.abc import Iterable
from functools import cache
from pathlib import Path

from edge.contract.errors import DatasetError
from edge.contract.taxonomy import Species
from gallery.data.ranks import bird
from gallery.data.table import read_rows

_COLUMNS = ("SPECIES_CODE", "PRIMARY_COM_NAME", "SCI_NAME", "FAMILY")
_PAGE = "https://science.ebird.org/use-ebird-data/the-ebird-taxonomy"
_NAMED = 5
"""Codes of a list that are written out."""


def ebird_species(folder: Path) -> dict[str, Species]:
    """Species by code, from a table in the folder; empty if there is none."""
    tables = sorted(folder.glob("*[eE][bB]ird*axonomy*.csv"))
    rows = read_rows(tables[0], _COLUMNS) if tables else []
    return {
        row["SPECIES_CODE"]: bird(
            row["SCI_NAME"],
            row["PRIMARY_COM_NAME"],
            row.get("ORDER") or row.get("ORDER1", ""),
            row["FAMILY"],
        )
        for row in rows
    }


def species_of_codes(codes: Iterable[str], folder: Path) -> dict[str, Species]:
    """Species of some codes, by a table in the folder or the one beside this module.

    Raises:
        DatasetError: neither knows one of the codes: it would be taken for a name.
    """
    own, known, wanted = ebird_species(folder), known_codes(), sorted(set(codes))
    unknown = [code for code in wanted if code not in own and code not in known]
    if unknown:
        more = f", and {len(unknown) - _NAMED} more" if len(unknown) > _NAMED else ""
        raise DatasetError(
            f"{folder}: {len(unknown)} of {len(wanted)} codes are in no table: "
            f"{', '.join(unknown[:_NAMED])}{more}; lay eBird's taxonomy of the right year beside, "
            f"as eBird_taxonomy_v2024.csv ({_PAGE})"
        )
    return {code: own.get(code) or bird(*known[code]) for code in wanted}


@cache
def known_codes() -> dict[str, tuple[str, str]]:
    """Scientific and English name of each code; the English one may be empty."""
    rows = read_rows(Path(__file__).parent / "ebird.csv")
    return {row["code"]: (row["scientific_name"], row["common_name"]) for row in rows}
