"""One species under two names, and a part of a data set by taxon."""

import csv
from pathlib import Path

import pytest

from edge.contract.errors import DatasetError
from edge.contract.taxonomy import Taxonomy, slug
from gallery.data import synonyms as module
from gallery.data.dataset import Dataset, Item
from gallery.data.ranks import bird, named
from gallery.data.synonyms import aligned, synonyms
from gallery.data.taxon import of_taxon

CORTHYLIO = bird("Corthylio calendula", "Ruby-crowned Kinglet")
ROBIN = bird("Turdus migratorius", "American Robin")


def holding(*species, keys=None, also=()) -> Dataset:
    items = tuple(
        Item(
            path=Path(f"{kind.species_id}.wav"),
            kind="audio",
            species_id=kind.species_id,
            split="train",
            licence="CC0",
            attribution="Ann",
            also=also,
        )
        for kind in species
    )
    return Dataset("some", Path("some"), Taxonomy(species), items, keys=keys or {})


@pytest.mark.parametrize(
    ("own", "theirs"),
    [
        ("Regulus calendula", "Corthylio calendula"),
        ("Corthylio calendula", "Regulus calendula"),
        ("Accipiter cooperii", "Astur cooperii"),
        ("Dendroica petechia", "Setophaga petechia"),
        ("Acanthis cabaret", "Acanthis flammea"),
    ],
)
def test_a_species_is_found_under_its_other_name(own, theirs):
    assert synonyms().find(slug(own), {slug(theirs)}) == slug(theirs)


def test_the_whole_is_not_one_of_its_parts():
    assert synonyms().find("acanthis_flammea", {"acanthis_cabaret"}) == ""


def test_the_table_names_no_name_twice_and_leads_to_no_further_one():
    file = Path(module.__file__).parent / "synonyms.csv"
    with file.open(encoding="utf-8", newline="") as lines:
        rows = list(csv.DictReader(lines))
    names = [row["name"] for row in rows]
    assert len(rows) > 900
    assert len(set(names)) == len(names)
    assert {row["accepted"] for row in rows}.isdisjoint(names)
    assert {row["relation"] for row in rows} == {"same", "part"}


def test_a_data_set_takes_the_names_of_a_taxonomy():
    other = holding(bird("Regulus calendula"), ROBIN, also=("regulus_calendula",))
    found = aligned(other, Taxonomy((CORTHYLIO,)))
    assert found.taxonomy.species == (CORTHYLIO, ROBIN)
    assert found.items[0].species == {"corthylio_calendula"}
    assert found.items[1].also == ("corthylio_calendula",)


def test_a_key_of_both_goes_before_the_table():
    stranger = holding(named("Nomen novum"), keys={"nomen_novum": frozenset({"inat:1"})})
    known = Taxonomy((ROBIN,))
    assert aligned(stranger, known, {"turdus_migratorius": {"inat:1"}}).taxonomy == known
    assert aligned(stranger, known, {"turdus_migratorius": {"inat:2"}}) is stranger


def test_keys_of_species_that_a_taxon_leaves_out_name_nothing():
    keys = {"corthylio_calendula": {"inat:1"}, "turdus_migratorius": {"inat:2"}}
    kinglets = of_taxon(holding(CORTHYLIO, ROBIN, keys=keys), "Corthylio")
    stranger = holding(named("Nomen novum"), keys={"nomen_novum": frozenset({"inat:2"})})
    assert aligned(stranger, kinglets.taxonomy, kinglets.keys) is stranger


@pytest.mark.parametrize("taxon", ["Aves", "aves", "Passeriformes", "Turdidae", "Turdus"])
def test_a_taxon_of_any_rank(taxon):
    everything = holding(ROBIN, named("Panthera onca", class_="Mammalia"))
    assert of_taxon(everything, taxon).taxonomy.ids == ("turdus_migratorius",)
    assert len(of_taxon(everything, taxon).items) == 1
    assert len(of_taxon(everything, "").items) == 2


def test_what_is_heard_beside_counts_and_what_holds_nothing_stays():
    frog = named("Hyla arborea", class_="Amphibia")
    heard = holding(frog, also=("turdus_migratorius",)).items
    quiet = Item(Path("q.wav"), "audio", "", "test", "CC0", "Ann")
    everything = Dataset("some", Path("some"), Taxonomy((frog, ROBIN)), (*heard, quiet))
    found = of_taxon(everything, "Aves")
    assert [(item.species_id, item.also) for item in found.items] == [
        ("turdus_migratorius", ()),
        ("", ()),
    ]


def test_an_unknown_taxon_names_the_nearest():
    with pytest.raises(DatasetError, match=r"did you mean 'Aves'\?; it has 1 species of Aves"):
        of_taxon(holding(ROBIN), "Avez")
