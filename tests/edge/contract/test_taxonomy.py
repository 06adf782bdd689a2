from dataclasses import replace
from pathlib import Path

import pytest

from edge.contract.errors import BundleError
from edge.contract.taxonomy import COLUMNS, Taxonomy, slug

HEADER = ",".join(COLUMNS)
ROW = "strix_aluco,Strix aluco,Tawny Owl,Animalia,Chordata,Aves,Strigiformes,Strigidae,Strix,aluco"


def load(tmp_path: Path, content: bytes) -> Taxonomy:
    (tmp_path / "t.csv").write_bytes(content)
    return Taxonomy.load(tmp_path / "t.csv")


def test_save_and_load_give_the_same_species_in_the_same_order(
    taxonomy: Taxonomy, tmp_path: Path
) -> None:
    odd = replace(taxonomy.species[0], species_id="x", common_name='Häher, "der", 鳥')
    odd_ones = Taxonomy((*taxonomy.species, odd))
    odd_ones.save(tmp_path / "t.csv")
    assert Taxonomy.load(tmp_path / "t.csv") == odd_ones
    assert b"\r" not in (tmp_path / "t.csv").read_bytes()


def test_look_ups_find_each_species(taxonomy: Taxonomy) -> None:
    assert len(taxonomy) == len(taxonomy.ids) == 3
    for species in taxonomy.species:
        assert taxonomy.by_id()[species.species_id] is species


def test_ranks_go_from_kingdom_to_epithet(tmp_path: Path) -> None:
    (owl,) = load(tmp_path, f"{HEADER}\n{ROW}\n".encode()).species
    assert owl.ranks == tuple(ROW.split(",")[3:])


@pytest.mark.parametrize("ids", [("a", "a"), ("a", "")])
def test_ids_are_unique_and_not_empty(taxonomy: Taxonomy, ids: tuple[str, str]) -> None:
    species = tuple(replace(taxonomy.species[0], species_id=species_id) for species_id in ids)
    with pytest.raises(BundleError, match="unique"):
        Taxonomy(species)


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"\xff\xfe\x00",
        HEADER.replace(",genus", "").encode(),
        f"{HEADER}\n{ROW},extra\n".encode(),
        f"{HEADER}\nstrix_aluco,Strix aluco\n".encode(),
        f'{HEADER}\n"open quote,{ROW}\n'.encode(),
        f"{HEADER}\n{ROW}\n{ROW}\n".encode(),
    ],
    ids=["empty", "not-utf8", "no-column", "long-row", "short-row", "open-quote", "twice"],
)
def test_broken_tables_are_refused(tmp_path: Path, content: bytes) -> None:
    with pytest.raises(BundleError):
        load(tmp_path, content)


@pytest.mark.parametrize("name", ["Cuculus canorus", "  cuculus  CANORUS ", "Cuculus\tcanorus"])
def test_slug_ignores_case_and_spacing(name: str) -> None:
    assert slug(name) == "cuculus_canorus"


LEADING_OUT = (
    *("../../evil", "/etc/evil", "a/b", "a\\b", "..", ".", "a.b", "c:evil"),
    *("Strix_aluco", "strix aluco", "strix_aluco\n", "a\0b", "a\x1b[31m", "größe", "a\u202eb"),
    *("x" * 101, "²", "\u0430"),
)


@pytest.mark.parametrize("species_id", LEADING_OUT)
def test_an_id_that_is_no_name_of_a_folder_is_refused(taxonomy: Taxonomy, species_id: str) -> None:
    odd = replace(taxonomy.species[0], species_id=species_id)
    with pytest.raises(BundleError, match="species_id") as caught:
        Taxonomy((odd,))
    assert str(caught.value).isprintable()


@pytest.mark.parametrize("species_id", ["a", "0", "-", "strix_aluco", "human_non-vocal", "x" * 100])
def test_a_plain_id_is_taken(taxonomy: Taxonomy, species_id: str) -> None:
    assert Taxonomy((replace(taxonomy.species[0], species_id=species_id),)).ids == (species_id,)


@pytest.mark.parametrize(
    ("name", "species_id"),
    [
        ("Anas platyrhynchos \u00d7 rubripes", "anas_platyrhynchos_x_rubripes"),
        ("Larus sp.", "larus_sp"),
        ("Gull/Tern", "gull-tern"),
        ("Cetti's Warbler", "cettis_warbler"),
        ("Hylocharis grayi (humboldtii)", "hylocharis_grayi_humboldtii"),
        ("Grünspecht", "grunspecht"),
    ],
)
def test_a_slug_of_a_latin_name_is_an_id(taxonomy: Taxonomy, name: str, species_id: str) -> None:
    assert slug(name) == species_id
    assert Taxonomy((replace(taxonomy.species[0], species_id=slug(name)),))
