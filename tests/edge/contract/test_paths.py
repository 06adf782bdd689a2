from pathlib import Path

import pytest

from edge.contract.errors import PathError
from edge.contract.paths import inside

LEADING_OUT = (
    *("..", ".", "", "../x", "/etc/passwd", "a/b", "a\\b", "a\0b", ".hidden", "~", "c:x"),
    *("a\nb", "\x1b[31m", "größe", "\udce9", "a\u202eb", "x" * 201),
)


@pytest.mark.parametrize("name", LEADING_OUT)
def test_a_name_that_is_not_plain_makes_no_path(tmp_path: Path, name: str) -> None:
    for names in ((name,), ("species", name), (name, "file.npy")):
        with pytest.raises(PathError) as caught:
            inside(tmp_path, *names)
        assert str(caught.value).isprintable()


def test_plain_names_make_a_path(tmp_path: Path) -> None:
    assert inside(tmp_path, "-_a", "b.c-d.npy") == tmp_path / "-_a" / "b.c-d.npy"


def test_a_link_below_the_folder_that_leads_out_makes_no_path(tmp_path: Path) -> None:
    (tmp_path / "station").mkdir()
    (tmp_path / "outside").mkdir()
    (tmp_path / "station" / "species").symlink_to(tmp_path / "outside")
    (tmp_path / "station" / "loop").symlink_to("loop")
    with pytest.raises(PathError, match="link"):
        inside(tmp_path / "station", "species", "clip.flac")
    assert inside(tmp_path / "station", "loop").name == "loop"


def test_the_folder_itself_may_be_a_link(tmp_path: Path) -> None:
    (tmp_path / "card").mkdir()
    (tmp_path / "clips").symlink_to(tmp_path / "card")
    assert inside(tmp_path / "clips", "a", "b") == tmp_path / "clips" / "a" / "b"


def test_a_neighbour_with_the_same_beginning_is_outside(tmp_path: Path) -> None:
    (tmp_path / "clips").mkdir()
    (tmp_path / "clips-2").mkdir()
    (tmp_path / "clips" / "a").symlink_to(tmp_path / "clips-2")
    with pytest.raises(PathError):
        inside(tmp_path / "clips", "a")
