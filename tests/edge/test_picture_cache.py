"""Embedded pictures are found again, and a file that others cut is no fault."""

from pathlib import Path

import pytest

from edge.recognition.duplicates import LOOK_BYTES
from edge.recognition.picture_cache import KEY_BYTES, PictureCache, PictureRow
from tests.support.factories import DIM, unit_rows


@pytest.mark.parametrize("left", [0, 10])
def test_what_another_program_has_cut_off_is_embedded_anew(tmp_path: Path, left: int) -> None:
    key, file = bytes(range(KEY_BYTES)), tmp_path / "tower.rows"
    picture = PictureRow(key, bytes(LOOK_BYTES), unit_rows(1, 1)[0])
    cache = PictureCache(file, DIM)
    cache.put([picture])
    found = cache.get(key)
    assert found is not None
    assert found.row.tobytes() == picture.row.tobytes()
    with file.open("r+b") as cut:
        cut.truncate(left)
    assert cache.get(key) is None
    cache.close()
