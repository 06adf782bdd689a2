"""Tables as editors and spreadsheets write them."""

from pathlib import Path

import pytest

from edge.contract.errors import BundleError, ConfigError
from edge.contract.tables import read_lines, read_table, read_text

ROWS = [
    {"name": "Strix aluco", "caution": "0", "threshold": "0.5"},
    {"name": "Parus, major", "caution": "", "threshold": ""},
]
PLAIN = 'name,caution,threshold\nStrix aluco,0,0.5\n"Parus, major",,\n'
SEMICOLONS = "name;caution;threshold\nStrix aluco;0;0,5\nParus, major;;\n"
WAYS = {
    "plain": PLAIN.encode(),
    "byte order mark": PLAIN.encode("utf-8-sig"),
    "of Windows": PLAIN.replace("\n", "\r\n").encode("utf-8-sig"),
    "semicolons, decimal comma": SEMICOLONS.encode(),
    "semicolons, decimal point": SEMICOLONS.replace("0,5", "0.5").encode(),
    "semicolons of Windows": SEMICOLONS.replace("\n", "\r\n").encode("utf-8-sig"),
    "tabs": SEMICOLONS.replace(";", "\t").encode(),
    "quoted names": SEMICOLONS.replace("name;caution", '"name";"caution"').encode(),
    "spaces in its head": SEMICOLONS.replace("name;caution", "name ; caution ").encode(),
    "empty rows": SEMICOLONS.replace("Parus", ";;\n\nParus").encode() + b";;\n\n",
    "no end of line": SEMICOLONS.rstrip().encode(),
}


def read(tmp_path: Path, content: bytes) -> list[dict[str, str]]:
    (tmp_path / "t.csv").write_bytes(content)
    return read_table(tmp_path / "t.csv", ("name", "caution", "threshold"), ConfigError)


@pytest.mark.parametrize("way", WAYS)
def test_a_table_says_the_same_however_it_was_written(tmp_path: Path, way: str) -> None:
    assert read(tmp_path, WAYS[way]) == ROWS


def test_a_column_more_does_not_hide_the_separator(tmp_path: Path) -> None:
    found = read(tmp_path, b"name;caution;threshold;a,b,c,d,e\nx;1;0,5;7,5\n")
    assert found == [{"name": "x", "caution": "1", "threshold": "0.5", "a,b,c,d,e": "7.5"}]


WRONG = {
    b"": "columns .* are missing; its first line has nothing",
    b"Name,caution,threshold\n": r"columns \['name'\] are missing; its first line has Name",
    b"name,caution,threshold,name\na,b,c,d\n": "twice",
    b"name,caution,threshold\na,b\n": "line 2: expected 3 fields, found 2",
    b"name,caution,threshold\na,b,0,5\n": "line 2: expected 3 fields, found 4",
    b'name,caution,threshold\n"a,b,c\n': "not a CSV table; .* quotes in pairs",
    b'name,caution,threshold\n"a"b,c,d\n': "not a CSV table",
    b"name,caution,threshold\ngr\xfcn,1,1\n": "not UTF-8: byte 0xfc at place 25; save it as UTF-8",
    "name,caution\n".encode("utf-16"): "not UTF-8",
}


@pytest.mark.parametrize("content", WRONG)
def test_a_table_that_cant_be_read_is_refused_in_words(tmp_path: Path, content: bytes) -> None:
    with pytest.raises(ConfigError, match=WRONG[content]) as caught:
        read(tmp_path, content)
    assert str(tmp_path / "t.csv") in str(caught.value)
    assert str(caught.value).isprintable()


def test_the_fault_is_what_was_asked_for(tmp_path: Path) -> None:
    for fault in (BundleError, ConfigError):
        with pytest.raises(fault, match="No such file"):
            read_table(tmp_path / "absent.csv", ("name",), fault)


def test_lines_are_read_with_a_byte_order_mark(tmp_path: Path) -> None:
    (tmp_path / "names.txt").write_bytes("\ufeff# birds\r\nStrix aluco\r\n\r\n Parus\r\n".encode())
    assert read_lines(tmp_path / "names.txt") == ["Strix aluco", "Parus"]


@pytest.mark.parametrize("path", ["/dev/zero", "/dev/stdin", "."])
def test_what_is_no_file_is_not_read(path: str) -> None:
    with pytest.raises(ConfigError, match=r"expected a file|No such"):
        read_text(Path(path))


def test_a_file_that_nobody_could_have_written_is_not_read(tmp_path: Path) -> None:
    with (tmp_path / "huge").open("wb") as file:
        file.truncate(1 << 40)
    with pytest.raises(ConfigError, match="larger than"):
        read_text(tmp_path / "huge")
