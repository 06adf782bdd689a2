"""Embeddings in the .npy format, read with limits.

numpy hands a header to Python's own parser, whose faults have no common base, and believes any size
that it claims. Embeddings have one form, so a pattern reads them, and nothing is allocated that the
file doesn't hold. They are read into memory of their own: a mapped file that is cut short ends the
process.
"""

import os
import re
import stat
from pathlib import Path
from typing import Literal

import numpy as np

from edge.contract.arrays import Float16s
from edge.contract.errors import BundleError

_PREFIX = re.compile(rb"\x93NUMPY([\x01-\x03])\x00")
_HEADER = re.compile(
    r"\{'descr': ?(?P<type>'[^']*'|\[.*\]), ?'fortran_order': ?(?P<fortran>True|False), ?"
    r"'shape': ?\((?P<shape>[0-9, ]*)\),? ?\}\s*",
    re.ASCII,
)
_LONGEST_HEADER, _MOST_DIGITS = 4096, 15
_LARGEST_FILE = 1 << 26
"""Bytes of a file that this station wrote: 64 MiB, some hundred days of background."""


def rows_of(content: bytes) -> Float16s:
    """Embeddings from the bytes of a .npy file.

    Returns:
        float16[rows, dim], read-only; not yet checked for length and dimension.

    Raises:
        BundleError: it isn't such a file, or holds more or fewer bytes than it says.
    """
    header, begin = _header(content)
    rows, dim, order = _shape(header)
    expected, found = 2 * rows * dim, len(content) - begin
    if found != expected:
        raise BundleError(f"holds {found} bytes of rows, but says {rows} x {dim}: {expected} bytes")
    return np.frombuffer(content, "<f2", offset=begin).reshape(rows, dim, order=order)


def read_rows(path: Path) -> Float16s:
    """Embeddings from a file that anybody may have written, or is taking away.

    Returns:
        As `rows_of`.

    Raises:
        BundleError: as `rows_of`, or it is larger than 64 MiB, or no regular file.
        OSError: it can't be read.
    """
    with open(path, "rb", opener=_at_once) as file:
        status = os.fstat(file.fileno())
        if not stat.S_ISREG(status.st_mode):
            raise BundleError("not a regular file")
        if status.st_size > _LARGEST_FILE:
            raise BundleError(f"has {status.st_size} bytes, expected {_LARGEST_FILE} at most")
        return rows_of(file.read(_LARGEST_FILE))


def _at_once(path: str, flags: int) -> int:
    """Open without waiting: of a pipe that nobody writes to, for ever."""
    return os.open(path, flags | os.O_NONBLOCK)


def _header(content: bytes) -> tuple[str, int]:
    """Text of the header, and where the rows begin."""
    prefix = _PREFIX.match(content)
    if prefix is None:
        raise BundleError("not a .npy array")
    begin = 10 if prefix[1] == b"\x01" else 12
    length = int.from_bytes(content[8:begin], "little")
    if length > _LONGEST_HEADER or begin + length > len(content):
        raise BundleError(f"its header says that it has {length} bytes, which it doesn't hold")
    return content[begin : begin + length].decode("latin-1"), begin + length


def _shape(header: str) -> tuple[int, int, Literal["C", "F"]]:
    """Rows, columns and order of what must be float16[rows, dim]."""
    parts = _HEADER.fullmatch(header)
    if parts is None:
        raise BundleError(f"its header is {header.strip()[:60]!r}, expected that of numpy.save")
    sizes = [size for size in parts["shape"].replace(" ", "").split(",") if size]
    fits = len(sizes) == 2 and max(map(len, sizes)) <= _MOST_DIGITS
    if parts["type"] != "'<f2'" or not fits:
        kind = parts["type"][1:-1][:20]
        found = f"{kind!a} of shape ({parts['shape'][:40]})"
        raise BundleError(f"expected float16[n, dim], found {found}")
    return int(sizes[0]), int(sizes[1]), "F" if parts["fortran"] == "True" else "C"
