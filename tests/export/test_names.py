"""`python -m export.names`: names of BirdNET-Analyzer's label files for a bundle."""

from pathlib import Path

import pytest

from edge.contract.bundle import load_bundle
from edge.contract.editing import editing
from edge.contract.languages import names_in
from export.names import main


@pytest.fixture
def labels(tmp_path: Path) -> Path:
    folder = tmp_path / "labels"
    folder.mkdir()
    for code, lines in {
        "de": "Cuculus canorus_Kuckuck\nStrix aluco_Tawny Owl\nNovus ignotus_Neuling\n",
        "pt_BR": "Cuculus canorus_Cuculus canorus\nStrix aluco_Coruja-do-mato\n",
        "in": "Cuculus canorus_Kangkok\nno label\n",
    }.items():
        (folder / f"X_Labels_{code}.txt").write_text(lines, encoding="utf-8")
    (folder / "README.txt").write_text("other")
    return folder


def test_a_bundle_gets_the_names_of_its_species(bundle_copy, labels, capsys) -> None:
    path = bundle_copy.path
    before = load_bundle(path)
    assert main([str(path), "--labels", str(labels)]) == 0
    assert names_in(path, "de") == {"cuculus_canorus": "Kuckuck"}, "English is none of its own"
    assert names_in(path, "pt-br") == {"strix_aluco": "Coruja-do-mato"}
    assert names_in(path, "id") == {"cuculus_canorus": "Kangkok"}
    after = load_bundle(path)
    assert after.taxonomy == before.taxonomy
    assert len(names_in(path, "en")) == len(after.taxonomy)
    assert "BY-NC-SA" in after.manifest.provenance["names"]["licence"]
    assert "de 1" in capsys.readouterr().out


def test_a_second_time_replaces_the_first(bundle_copy, labels) -> None:
    path = bundle_copy.path
    for said in ("Kuckuck", "Gauch"):
        (labels / "X_Labels_de.txt").write_text(f"Cuculus canorus_{said}\n")
        assert main([str(path), "--labels", str(labels)]) == 0
    assert names_in(path, "de") == {"cuculus_canorus": "Gauch"}
    assert len(list(path.glob("names-*.csv"))) == 1


def test_a_bundle_that_another_program_edits_is_left_to_it(small_bundle, labels, capsys) -> None:
    before = small_bundle.manifest()
    with editing(small_bundle.path):
        assert main([str(small_bundle.path), "--labels", str(labels)]) == 1
    assert "another program is editing it" in capsys.readouterr().err
    assert main(["nowhere", "--labels", str(labels)]) == 1
    assert "nowhere: no bundle here" in capsys.readouterr().err
    assert small_bundle.manifest() == before


def test_a_folder_without_labels_is_told(bundle_copy, tmp_path, capsys) -> None:
    (tmp_path / "empty").mkdir()
    assert main([str(bundle_copy.path), "--labels", str(tmp_path / "empty")]) == 1
    assert "no label files" in capsys.readouterr().err
