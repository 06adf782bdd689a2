"""Names of species in other languages, and the bundle's table of them."""

import pytest

from edge.contract.bundle import load_bundle, write_bundle
from edge.contract.errors import BundleError, ConfigError
from edge.contract.languages import LocalNames, names_in, names_table
from edge.contract.manifest import load_manifest

NAMES = {
    "de": {"cuculus_canorus": "Kuckuck", "strix_aluco": 'Wald"kauz, alt'},
    "pt-br": {"cuculus_canorus": "Cuco-canoro"},
    "ja": {"cuculus_canorus": "カッコウ"},
}
IDS = ("strix_aluco", "cuculus_canorus")


def test_a_table_says_what_was_written() -> None:
    read = LocalNames(lambda: names_table(NAMES, IDS))
    assert read.languages == ("de", "ja", "pt-br")
    assert {code: dict(read.in_language(code)) for code in read.languages} == NAMES
    assert sorted(read.all_names()) == sorted(
        (name, species_id) for table in NAMES.values() for species_id, name in table.items()
    )


@pytest.mark.parametrize("said", ["pt-br", "pt_BR", " PT-BR "])
def test_a_code_is_known_as_people_write_it(said: str) -> None:
    read = LocalNames(lambda: names_table(NAMES, IDS))
    assert read.in_language(said) == NAMES["pt-br"]


def test_an_unknown_language_is_told_with_those_that_there_are() -> None:
    read = LocalNames(lambda: names_table(NAMES, IDS))
    with pytest.raises(ConfigError, match="'dee' is not one of de, ja, pt-br; did you mean 'de'"):
        read.in_language("dee")
    with pytest.raises(ConfigError, match=r"no names in other languages; python -m export\.names"):
        LocalNames().in_language("de")


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"\xff\xfe",
        b"name,de\na,b\n",
        b"species_id,de\na\n",
        b"species_id,de,de\na,b,c\n",
        b"species_id,German words\na,b\n",
        b'species_id,de\na,"b\n',
    ],
)
def test_a_damaged_table_is_refused_in_a_line(content: bytes) -> None:
    with pytest.raises(BundleError, match="names: ") as caught:
        LocalNames(lambda: content).in_language("de")
    assert "\n" not in str(caught.value)


def test_a_bundles_species_go_by_them_and_by_their_own(bundle_copy) -> None:
    path, manifest = bundle_copy.path, load_manifest(bundle_copy.path)
    write_bundle(path, manifest, {"names": names_table(NAMES, IDS)})
    taxonomy = load_bundle(path).taxonomy
    named = {species.species_id: species.common_name for species in taxonomy.species}
    said = {
        species.species_id: species.common_name for species in taxonomy.in_language("de").species
    }
    assert said == named | {key: name for key, name in NAMES["de"].items() if key in named}
    assert said != named
    assert names_in(path, "ja") == NAMES["ja"]


def test_a_table_that_was_changed_is_refused_when_it_is_read(bundle_copy) -> None:
    path, manifest = bundle_copy.path, load_manifest(bundle_copy.path)
    written = write_bundle(path, manifest, {"names": names_table(NAMES, IDS)})
    file = path / written.roles["names"].file
    file.write_bytes(file.read_bytes().replace(b"Kuckuck", b"Knuckuc"))
    assert load_bundle(path).taxonomy.ids
    with pytest.raises(BundleError, match="copy the bundle again"):
        names_in(path, "de")
