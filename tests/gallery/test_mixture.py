"""Several corpora as one."""

from dataclasses import replace
from pathlib import Path

import pytest

from edge.contract.errors import DatasetError
from edge.contract.taxonomy import Taxonomy
from gallery.data.corpora import corpus_names, open_dataset
from gallery.data.dataset import Dataset, Item
from gallery.data.mixture import archive_id, mixed
from gallery.data.ranks import bird, named

ROBIN = bird("Turdus migratorius", "American Robin")
HEADER = "path,kind,scientific_name,common_name,split,licence,attribution\n"


def recording(name: str, species_id: str = ROBIN.species_id, split: str = "train", url: str = ""):
    return Item(
        path=Path(name),
        kind="audio",
        species_id=species_id,
        split=split,
        licence="CC0",
        attribution="Ann",
        url=url,
    )


def corpus(name: str, *items: Item, species=(ROBIN,)) -> Dataset:
    return Dataset(name, Path(name), Taxonomy(tuple(species)), items)


@pytest.mark.parametrize(
    ("text", "shares"),
    [
        ("a,b", [0, 0]),
        ("a*0.7,b*0.3", [0.7, 0.3]),
        ("a*3, b*1", [0.75, 0.25]),
        ("a*.5,b,c", [0.5, 0.25, 0.25]),
        ("ssw60:a*0.5,birdset:b:XCM", [0.5, 0.5]),
    ],
)
def test_shares_add_up(text, shares):
    assert [each.share for each in corpus_names(text)] == pytest.approx(shares)


def test_kind_folder_and_part_of_a_name():
    (name,) = corpus_names("birdset:hub/BirdSet:XCM")
    assert (name.kind, name.folder, name.part) == ("birdset", Path("hub/BirdSet"), "XCM")


@pytest.mark.parametrize("text", ["a*1,b", "a,,b", ""])
def test_shares_or_names_that_are_none_are_refused(text):
    with pytest.raises(DatasetError, match=r"shares of 1 leave|expected a folder"):
        corpus_names(text)


def test_a_folder_may_be_called_as_it_likes(tmp_path):
    folder = tmp_path / "a,b*0.5:c"
    folder.mkdir()
    (name,) = corpus_names(str(folder))
    assert (name.kind, name.folder, name.share) == ("", folder, 0)


@pytest.mark.parametrize(
    ("item", "known"),
    [
        (recording("XC134896-120610 flycatcher.mp3"), "audio Xeno-canto 134896"),
        (recording("vogel_merula_XC134896.mp3"), "audio Xeno-canto 134896"),
        (recording("a.ogg", url="https://xeno-canto.org/134896"), "audio Xeno-canto 134896"),
        (recording("a.ogg", url="https://www.xeno-canto.org/134896"), "audio Xeno-canto 134896"),
        (recording("1.wav", url="https://macaulaylibrary.org/asset/4567"), "audio Macaulay Libra"),
        (recording("iNat65519.ogg"), "audio iNaturalist sound 65519"),
        (recording("HSN_001_20150708_061805_000_005.ogg"), ""),
    ],
)
def test_the_number_of_a_recording_in_its_archive(item, known):
    assert archive_id(item).startswith(known)
    assert bool(archive_id(item)) == bool(known)


def test_a_recording_of_two_corpora_is_used_once_and_rather_in_the_test(caplog):
    first = corpus("a", recording("XC11.wav"), recording("XC11 again.wav"), recording("XC12.wav"))
    second = corpus("b", recording("b/XC12.ogg", split="test"), recording("b/XC11.ogg"))
    names = [str(item.path) for item in mixed([first, second], [0, 0]).items]
    assert names == ["XC11.wav", "XC11 again.wav", "b/XC12.ogg"]
    assert "2 recordings are in several corpora" in caplog.text


def test_a_species_of_two_corpora_is_one_and_has_what_either_knows():
    plain = replace(named("Corthylio calendula"), order="", family="")
    told = bird("Regulus calendula", "Ruby-crowned Kinglet")
    first = corpus("a", recording("1.wav", plain.species_id), species=(plain,))
    second = corpus("b", recording("2.wav", told.species_id), species=(told, ROBIN))
    joined = mixed([first, second], [0.5, 0.5])
    assert joined.name == "a+b"
    assert joined.taxonomy.ids == ("corthylio_calendula", "turdus_migratorius")
    assert {item.species_id for item in joined.items} == {"corthylio_calendula"}
    assert len({item.corpus for item in joined.items}) == 2


def test_several_are_opened_by_one_name(tmp_path):
    for name in ("a", "b"):
        folder = tmp_path / name
        folder.mkdir()
        Taxonomy((ROBIN,)).save(folder / "taxonomy.csv")
        row = f"{name}.wav,audio,Turdus migratorius,Robin,train,CC0,Ann\n"
        (folder / "manifest.csv").write_text(HEADER + row)
    opened = open_dataset(f"{tmp_path / 'a'}*0.25,manifest:{tmp_path / 'b'}", taxon="Turdidae")
    assert [(item.path.name, item.share) for item in opened.items] == [
        ("a.wav", 0.25),
        ("b.wav", 0.75),
    ]
