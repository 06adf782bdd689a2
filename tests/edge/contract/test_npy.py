"""Embeddings in .npy files: whatever a file claims ends in rows or in one line."""

import io
import os
import random

import numpy as np
import pytest

from edge.contract.bundle import npy_bytes
from edge.contract.errors import BundleError
from edge.contract.npy import read_rows, rows_of
from tests.support.factories import unit_rows

ROWS = unit_rows(4, 1)
GOOD = npy_bytes(ROWS)
PREFIX = b"\x93NUMPY"


def saved(version):
    file = io.BytesIO()
    np.lib.format.write_array(file, ROWS, version=version)
    return file.getvalue()


def claiming(header, version=1):
    """A file with any header."""
    size = len(header).to_bytes(2 if version == 1 else 4, "little")
    return PREFIX + bytes([version, 0]) + size + header + ROWS.tobytes()


def refused(content):
    with pytest.raises(BundleError) as caught:
        rows_of(content)
    message = str(caught.value)
    assert message.isprintable()
    assert len(message) < 250
    return message


@pytest.mark.parametrize("version", [(1, 0), (2, 0), (3, 0)])
def test_what_numpy_writes_is_read(version):
    assert np.array_equal(rows_of(saved(version)), ROWS)


@pytest.mark.parametrize("rows", [ROWS[:0], ROWS[:1], np.asfortranarray(ROWS), ROWS[::2]])
def test_rows_in_any_order_of_memory_are_read(rows):
    assert np.array_equal(rows_of(npy_bytes(rows)), rows)


TYPE, ORDER = b"{'descr': '<f2', ", b"'fortran_order': False, "
CLAIMS = {
    "terabytes": TYPE + ORDER + b"'shape': (9000000000000, 8), }",
    "a power": TYPE + ORDER + b"'shape': (9**9**9, 8), }",
    "a number without end": TYPE + ORDER + b"'shape': (" + b"9" * 3000 + b", 8), }",
    "a negative number": TYPE + ORDER + b"'shape': (-4, 8), }",
    "no shape": TYPE + ORDER + b"}",
    "no columns": TYPE + ORDER + b"'shape': (32,), }",
    "no dimension": TYPE + ORDER + b"'shape': (), }",
    "three dimensions": TYPE + ORDER + b"'shape': (4, 4, 2), }",
    "a call": b"{'descr': __import__('os').system('true'), " + ORDER + b"'shape': (4, 8), }",
    "a call within a type": b"{'descr': [exit()], " + ORDER + b"'shape': (4, 8), }",
    "objects": b"{'descr': '|O', " + ORDER + b"'shape': (4, 8), }",
    "float32": b"{'descr': '<f4', " + ORDER + b"'shape': (4, 4), }",
    "big endian": b"{'descr': '>f2', " + ORDER + b"'shape': (4, 8), }",
    "brackets": b"(" * 4000,
    "an open bracket": TYPE + ORDER + b"'shape': ((4, 8), }",
    "line breaks and escapes": b"\n\x1b[2J\x00" * 9,
    "other digits": TYPE + ORDER + "'shape': (²4, 8), }".encode("latin-1"),
    "nothing": b"",
}


@pytest.mark.parametrize("claim", CLAIMS)
@pytest.mark.parametrize("version", [1, 2, 3])
def test_a_header_of_any_other_form_is_refused(claim, version):
    refused(claiming(CLAIMS[claim], version))


@pytest.mark.parametrize(
    "content", [b"", b"\x93", b"no array", PREFIX, PREFIX + b"\x01\x00", b"PK"]
)
def test_what_is_no_array_is_refused(content):
    refused(content)


@pytest.mark.parametrize("length", [b"\xff\xff", b"\x00\x00", b"\x01\x00", b"\x74\x00"])
def test_a_header_of_another_length_is_refused(length):
    refused(GOOD[:8] + length + GOOD[10:])


@pytest.mark.parametrize("size", [0, 90, 128, len(GOOD) - 1, len(GOOD) - 2, len(GOOD) + 1])
def test_a_file_of_another_length_is_refused(size):
    refused((GOOD + b"x")[:size])


def told(content):
    """Rows, or the line that says why not."""
    try:
        return rows_of(content)
    except BundleError as error:
        return str(error)


def test_a_damaged_header_gives_the_rows_or_one_line():
    chance = random.Random(1)
    for _ in range(4000):
        spoilt = bytearray(GOOD)
        for _ in range(chance.choice((1, 1, 2, 5))):
            spoilt[chance.randrange(128)] = chance.randrange(256)
        found = told(bytes(spoilt))
        assert found.isprintable() if isinstance(found, str) else found.size == ROWS.size


def test_a_file_is_read_into_memory_of_its_own(tmp_path):
    path = tmp_path / "rows.npy"
    path.write_bytes(GOOD)
    rows = read_rows(path)
    os.truncate(path, 0)
    assert np.array_equal(rows, ROWS)


def test_what_is_no_file_is_refused_at_once(tmp_path):
    os.mkfifo(tmp_path / "pipe.npy")
    (tmp_path / "folder.npy").mkdir()
    (tmp_path / "loop.npy").symlink_to(tmp_path / "loop.npy")
    (tmp_path / "endless.npy").symlink_to("/dev/zero")
    for path in [*tmp_path.iterdir(), tmp_path / "absent.npy"]:
        with pytest.raises((BundleError, OSError)):
            read_rows(path)


def test_a_file_of_gigabytes_is_not_read(tmp_path):
    path = tmp_path / "large.npy"
    path.write_bytes(GOOD)
    os.truncate(path, 1 << 40)
    with pytest.raises(BundleError, match="expected 67108864 at most"):
        read_rows(path)
