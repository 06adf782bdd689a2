"""Text files and tables that people write, with an editor or a spreadsheet."""

import csv
import io
import re
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from edge.contract.errors import BirdlistenError, BundleError, ConfigError, in_words

_MOST_BYTES = 1 << 30
_SEPARATORS = ",;\t"
_DECIMAL_COMMA = re.compile(r"\s*[+-]?\d*,\d+\s*", re.ASCII)


def read_text(
    path: Path, fault: type[BirdlistenError] = ConfigError, most_bytes: int = _MOST_BYTES
) -> str:
    """The content of a UTF-8 file, with or without a byte order mark.

    Args:
        path: the file.
        fault: what is raised.
        most_bytes: it may have.

    Raises:
        BirdlistenError: the fault: no file, too large, unreadable, or not UTF-8.
    """
    try:
        if path.exists() and not path.is_file():
            raise fault(f"{path}: expected a file")
        if path.stat().st_size > most_bytes:
            raise fault(f"{path}: larger than {most_bytes} bytes")
        return path.read_bytes().decode("utf-8-sig")
    except OSError as error:
        raise fault(f"{path}: not readable ({error.strerror})") from error
    except UnicodeDecodeError as error:
        raise fault(f"{path}: {in_words(error)}; save it as UTF-8") from error


def read_lines(path: Path) -> list[str]:
    """Lines of a text file; `#` begins a comment line.

    Raises:
        ConfigError: unreadable.
    """
    lines = read_text(path).splitlines()
    return [line.strip() for line in lines if line.strip() and not line.startswith("#")]


def read_table(
    path: Path, columns: Sequence[str], fault: type[BirdlistenError] = BundleError
) -> list[dict[str, str]]:
    """Rows of a CSV file that has at least the given columns.

    Spreadsheets write it in their own ways: with a byte order mark, with semicolons or tabs, and
    then with decimal commas, which become points here.

    Args:
        path: the file.
        columns: that it must have.
        fault: what is raised.

    Raises:
        BirdlistenError: the fault: not UTF-8, a column missing, or a row of another length.
    """
    return list(each_row(path, columns, fault))


def each_row(
    path: Path, columns: Sequence[str], fault: type[BirdlistenError] = BundleError
) -> Iterator[dict[str, str]]:
    """Rows of a CSV file, one at a time: together they take several times its size.

    Raises:
        BirdlistenError: as `read_table`.
    """
    text = read_text(path, fault)
    separator = _separator(text, columns)
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=separator, strict=True)
    try:
        header = [name.strip() for name in next(reader, [])]
        _check_header(path, header, columns, fault)
        yield from _rows(path, header, reader, fault)
    except csv.Error as error:
        raise fault(
            f"{path} line {reader.line_num}: not a CSV table; expected values with commas, "
            "semicolons or tabs between them, and quotes in pairs"
        ) from error


def _separator(text: str, columns: Sequence[str]) -> str:
    """The sign between the columns of the first line."""
    head = text.partition("\n")[0]
    names = {mark: {name.strip(' "\r') for name in head.split(mark)} for mark in _SEPARATORS}
    return max(names, key=lambda mark: (len(names[mark] & set(columns)), len(names[mark])))


def _check_header(
    path: Path, header: list[str], columns: Sequence[str], fault: type[BirdlistenError]
) -> None:
    missing = [name for name in columns if name not in header]
    if missing:
        found = ", ".join(header)[:200] or "nothing"
        raise fault(f"{path}: columns {missing} are missing; its first line has {found}")
    doubled = [name for name, times in Counter(filter(None, header)).items() if times > 1]
    if doubled:
        raise fault(f"{path}: columns {doubled[:5]} are there twice")


def _rows(
    path: Path, header: list[str], reader: Any, fault: type[BirdlistenError]
) -> Iterator[dict[str, str]]:
    """Rows by column; a number's decimal comma is a point where commas separate nothing."""
    comma = reader.dialect.delimiter == ","
    for cells in reader:
        if not any(map(str.strip, cells)):
            continue
        if len(cells) != len(header):
            found = f"expected {len(header)} fields, found {len(cells)}"
            raise fault(f"{path} line {reader.line_num}: {found}")
        yield dict(zip(header, cells if comma else map(_pointed, cells), strict=True))


def _pointed(cell: str) -> str:
    """A number with its decimal comma as a point; any other cell as it is."""
    return cell.replace(",", ".") if _DECIMAL_COMMA.fullmatch(cell) else cell
