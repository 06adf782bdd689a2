"""Species that a station adds: there whole or not at all; a fault there costs nothing else."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from edge.contract.bundle import Bundle, load_bundle
from edge.contract.errors import BirdlistenError
from edge.contract.taxonomy import Species
from edge.recognition import own_species
from edge.recognition.own_species import (
    NewPicture,
    OwnSpecies,
    StationPicture,
    extended,
    own_tables,
)
from tests.support.factories import DIM, BundleFolder, unit_rows

SPACE = "b" * 64
RANKS = ("Animalia", "Chordata", "Aves", "Galliformes", "Megapodiidae", "Leipoa", "ocellata")
MALLEEFOWL = Species("leipoa_ocellata", "Leipoa ocellata", "Malleefowl", *RANKS)


@pytest.fixture
def own(tmp_path: Path) -> OwnSpecies:
    return OwnSpecies(tmp_path, SPACE, DIM)


@pytest.fixture
def bundle(small_bundle: BundleFolder) -> Bundle:
    return load_bundle(small_bundle.path)


def pictures(count: int, species_id: str = "leipoa_ocellata", first: int = 1) -> list[NewPicture]:
    return [
        NewPicture(
            StationPicture(species_id, f"{species_id}_own_{n:02}.jpg", "", "A. Author", "CC0"),
            b"jpeg",
            unit_rows(1, n)[0],
        )
        for n in range(first, first + count)
    ]


def test_nothing_is_added_where_there_is_no_overlay(
    own: OwnSpecies, bundle: Bundle, tmp_path: Path
) -> None:
    assert extended(bundle, own.load()) == bundle
    assert not (tmp_path / "overlay").exists()


def test_a_new_species_is_listened_for_in_every_set(own: OwnSpecies, bundle: Bundle) -> None:
    own.add(MALLEEFOWL, pictures(2), "add-1")
    whole = extended(bundle, own.load())
    assert whole.species_ids("owls") == ("strix_aluco", "leipoa_ocellata")
    assert whole.species_ids("all")[-1] == "leipoa_ocellata"
    assert whole.taxonomy.by_id()["leipoa_ocellata"] == MALLEEFOWL
    assert whole.anchors_by_id.keys() == bundle.anchors_by_id.keys()
    shown = [whole.gallery.table[n] for n in whole.gallery.members["leipoa_ocellata"]]
    assert [row.file for row in shown] == [
        f"overlay/pictures/leipoa_ocellata_own_{n:02}.jpg" for n in (1, 2)
    ]
    assert np.array_equal(
        whole.gallery.rows[-2:], np.concatenate([unit_rows(1, 1), unit_rows(1, 2)])
    )
    assert whole.manifest == bundle.manifest


def test_pictures_join_those_of_a_known_species(own: OwnSpecies, bundle: Bundle) -> None:
    own.add(None, pictures(1, "parus_major"), "add-1")
    whole = extended(bundle, own.load())
    assert len(whole.gallery.members["parus_major"]) == 3
    assert whole.taxonomy == bundle.taxonomy
    assert whole.own == ()


def test_it_is_there_whole_or_not_at_all(
    own: OwnSpecies, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As if the power went after any of the files."""
    real: Callable[[Path, bytes], None] = own_species.write_atomic
    for kept in range(6):
        station = tmp_path / str(kept)
        left = iter(range(kept))

        def write(path: Path, content: bytes, left: object = left) -> None:
            if next(left, None) is None:  # type: ignore[call-overload]
                raise OSError("no power")
            real(path, content)

        monkeypatch.setattr(own_species, "write_atomic", write)
        begun = OwnSpecies(station, SPACE, DIM)
        with pytest.raises(OSError, match="no power"):
            begun.add(MALLEEFOWL, pictures(2), "add-1")
        found = begun.load()
        assert found.species == ()
        assert len(found.pictures) in (0, 2)
        monkeypatch.setattr(own_species, "write_atomic", real)
        begun.remove("leipoa_ocellata")
        begun.add(MALLEEFOWL, pictures(2), "add-2")
        assert (begun.load().species, len(begun.load().rows)) == ((MALLEEFOWL,), 2)


def test_one_command_can_be_taken_back(own: OwnSpecies, tmp_path: Path) -> None:
    own.add(MALLEEFOWL, pictures(1), "add-1")
    own.add(None, pictures(2, first=2), "add-2")
    assert own.labels("leipoa_ocellata") == ["add-1", "add-2"]
    assert own.remove("leipoa_ocellata", "add-2") == 2
    assert (own.load().species, len(own.load().rows)) == ((MALLEEFOWL,), 1)
    assert own.remove("leipoa_ocellata") == 1
    assert (own.load().species, len(own.load().rows)) == ((), 0)
    assert not list(tmp_path.rglob("*.jpg"))


@pytest.mark.parametrize("table", ["pictures.csv", "species.csv"])
@pytest.mark.parametrize(
    "content", [b"", b"\xff\xfe", b"species_id\n", b'species_id,"\n', b"\0" * 100]
)
def test_a_damaged_table_costs_itself_alone(
    own: OwnSpecies,
    bundle: Bundle,
    tmp_path: Path,
    table: str,
    content: bytes,
    caplog: pytest.LogCaptureFixture,
) -> None:
    own.add(MALLEEFOWL, pictures(2), "add-1")
    path = tmp_path / "overlay" / table
    path.write_bytes(content)
    whole = extended(bundle, own.load())
    assert len(whole.gallery.rows) >= len(bundle.gallery.rows)
    assert str(path) in caplog.text
    with pytest.raises(BirdlistenError):
        own.add(MALLEEFOWL, pictures(1, first=9), "add-2")
    assert path.read_bytes() == content


@pytest.mark.parametrize("author", ["A\rB", "A\0B", "A\nB", "A\udcffB", 'A,"B'])
def test_no_word_damages_a_table(own: OwnSpecies, author: str) -> None:
    (picture,) = pictures(1)
    row = replace(picture.row, author=author)
    own.add(replace(MALLEEFOWL, common_name=author), [replace(picture, row=row)], "add-1")
    (found,) = own.load().pictures
    (species,) = own.load().species
    assert found.author == species.common_name
    assert (found.author[0], found.author[-1]) == ("A", "B")


@pytest.mark.parametrize("name", ["../../secret", "/etc/passwd", "", "a\nb", "x" * 300])
def test_a_picture_that_is_no_plain_name_is_left_out(
    own: OwnSpecies, tmp_path: Path, name: str, caplog: pytest.LogCaptureFixture
) -> None:
    own.add(MALLEEFOWL, pictures(2), "add-1")
    path = tmp_path / "overlay" / "pictures.csv"
    quoted = '"' + name + '"'
    path.write_text(path.read_text().replace("leipoa_ocellata_own_01.jpg", quoted))
    assert [row.picture for row in own.load().pictures] == ["leipoa_ocellata_own_02.jpg"]
    assert "pictures.csv" in caplog.text


def test_rows_of_another_space_are_told_and_left_out(
    own: OwnSpecies, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    own.add(MALLEEFOWL, pictures(1), "add-1")
    other = OwnSpecies(tmp_path, "c" * 64, DIM).load()
    assert (other.species, other.pictures) == ((MALLEEFOWL,), ())
    assert "another bundle's space" in caplog.text


def test_the_same_species_twice_is_one(own: OwnSpecies, bundle: Bundle) -> None:
    own.add(MALLEEFOWL, [], "add-1")
    own.add(MALLEEFOWL, [], "add-2")
    assert extended(bundle, own.load()).taxonomy.ids.count("leipoa_ocellata") == 1


def test_the_tables_are_those_that_a_listener_watches(own: OwnSpecies, tmp_path: Path) -> None:
    own.add(MALLEEFOWL, pictures(1), "add-1")
    assert all(table.is_file() for table in own_tables(tmp_path))
