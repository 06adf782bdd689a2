"""eBird's taxonomy: what a six-letter code such as `gcrfin` stands for.

`eBird*axonomy*.csv` as eBird offers it for download: SPECIES_CODE, PRIMARY_COM_NAME, SCI_NAME,
ORDER (ORDER1 in older years), FAMILY.
"""

from pathlib import Path

from edge.contract.taxonomy import Species
from gallery.data.table import bird, read_rows

_COLUMNS = ("SPECIES_CODE", "PRIMARY_COM_NAME", "SCI_NAME", "FAMILY")


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
