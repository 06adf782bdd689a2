"""Lists of species, in every form that people have them in."""

from pathlib import Path

import pytest

from edge.contract.errors import ConfigError
from edge.contract.taxonomy import Taxonomy
from edge.decision.naming import read_species

BOM = "\ufeff"


@pytest.mark.parametrize(
    "text",
    [
        "Cuculus canorus\nStrix aluco\n",
        "# mine\n\nstrix_aluco\nCUCULUS CANORUS\r\nStrix aluco\n",
        "Common 0\nCommon 1",
        "Cuculus canorus_Common Cuckoo\nStrix aluco_Tawny Owl",
        f"{BOM}scientific_name\nStrix aluco;Waldkauz\nCuculus canorus;Kuckuck",
        "Species\nstrix1,Strix aluco\ncomcuc,Cuculus canorus",
        "1\tCommon 1\n2\tCommon 0",
    ],
)
def test_a_line_is_a_name_a_label_or_a_row(tmp_path: Path, taxonomy: Taxonomy, text: str) -> None:
    (tmp_path / "list.txt").write_text(text, encoding="utf-8")
    found = read_species(tmp_path / "list.txt", taxonomy)
    assert sorted(found) == ["cuculus_canorus", "strix_aluco"]


def test_an_unknown_name_is_told_with_the_nearest(tmp_path, taxonomy, caplog) -> None:
    (tmp_path / "list.txt").write_text("Strix aluca\nParus major\n")
    assert read_species(tmp_path / "list.txt", taxonomy) == ["strix_aluca", "parus_major"]
    assert "'Strix aluca'; did you mean 'strix aluco'?" in caplog.text


def test_of_many_unknown_names_some_are_told(tmp_path, taxonomy, caplog) -> None:
    (tmp_path / "list.txt").write_text("\n".join(f"Zzz {n}" for n in range(50)))
    read_species(tmp_path / "list.txt", taxonomy)
    assert "and 45 more" in caplog.text


@pytest.mark.parametrize("text", ["", "# nothing\n", "scientific_name\n"])
def test_a_list_of_nobody_is_refused(tmp_path: Path, taxonomy: Taxonomy, text: str) -> None:
    (tmp_path / "list.txt").write_text(text)
    with pytest.raises(ConfigError, match="names no species"):
        read_species(tmp_path / "list.txt", taxonomy)
