"""Labels of a classifier: which species each of its numbers stands for."""

import csv
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from edge.contract.errors import DatasetError
from edge.contract.tables import read_table
from edge.contract.taxonomy import slug
from train.ears.recipe import Recipe

_CODE_COLUMNS = ("code", "scientific_name")
_SCIENTIFIC, _COMMON = ("scientific_name", "sci_name"), ("common_name", "com_name")
"""What columns of a table of labels are called."""


@dataclass(frozen=True)
class Label:
    """One of a classifier's outputs."""

    scientific_name: str
    common_name: str

    @property
    def species_id(self) -> str:
        """The id of the species."""
        return slug(self.scientific_name)


def read_labels(path: Path, style: str, codes: Path | None = None) -> tuple[Label, ...]:
    """Read a line a label.

    Args:
        path: UTF-8 text.
        style: `scientific_common` (Cuculus canorus_Common Cuckoo), `scientific`, `code`, or
            `table`: CSV with a header, by commas or semicolons.
        codes: CSV with the columns code and scientific_name (and common_name), for `code`.

    Raises:
        DatasetError: not text, empty, a name twice, or a code that the table lacks.
    """
    try:
        lines = path.read_text(encoding="utf-8-sig").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise DatasetError(f"{path}: not readable as text ({error}); expected labels") from error
    names = [line.strip() for line in lines]
    while names and not names[-1]:
        names.pop()
    if not names or "" in names:
        raise DatasetError(f"{path}: expected a label a line, found an empty one")
    if style == "table":
        labels = tuple(_rows(path, names))
    else:
        table = _read_codes(path, codes) if style == "code" else {}
        labels = tuple(_label(path, line, style, table) for line in names)
    twice = [
        name
        for name, count in Counter(label.scientific_name for label in labels).items()
        if count > 1
    ]
    if twice:
        raise DatasetError(f"{path}: {twice[0]!r} stands there twice")
    return labels


def _rows(path: Path, lines: Sequence[str]) -> Iterator[Label]:
    """Labels of a table; where no column has a known name, its first holds scientific names."""
    mark = ";" if ";" in lines[0] else ","
    head, *rows = csv.reader(lines, delimiter=mark)
    first = next((n for n, name in enumerate(head) if name in _SCIENTIFIC), 0)
    second = next((n for n, name in enumerate(head) if name in _COMMON), first)
    for number, row in enumerate(rows, start=2):
        if len(row) != len(head):
            raise DatasetError(f"{path} line {number}: {len(row)} fields, expected {len(head)}")
        yield Label(row[first], row[second] or row[first])


def _label(path: Path, line: str, style: str, codes: dict[str, Label]) -> Label:
    if style == "code":
        if line not in codes:
            raise DatasetError(f"{path}: code {line!r} is not in the table of codes")
        return codes[line]
    scientific, _, common = line.partition("_") if style == "scientific_common" else (line, "", "")
    return Label(scientific, common or scientific)


def _read_codes(path: Path, codes: Path | None) -> dict[str, Label]:
    if codes is None:
        raise DatasetError(
            f"{path}: holds codes; give their table: --codes FILE.csv (code,scientific_name)"
        )
    return {
        row["code"]: Label(row["scientific_name"], row.get("common_name") or row["scientific_name"])
        for row in read_table(codes, _CODE_COLUMNS)
    }


def known_ids(recipe: Recipe, folder: Path) -> tuple[str, ...]:
    """Species id of each of an ear's labels, by the names of our taxonomy.

    Args:
        recipe: of the ear.
        folder: where its files lie.

    Raises:
        DatasetError: the labels can't be read, or the recipe names none.
    """
    if recipe.labels is None:
        raise DatasetError(f"{recipe.name}: the recipe names no labels; a teacher needs them")
    labels = read_labels(folder / recipe.labels.file, recipe.label_style)
    names = (label.scientific_name for label in labels)
    return tuple(slug(recipe.synonyms.get(name, name)) for name in names)
