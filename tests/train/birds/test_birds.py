"""Splits of real birds: nothing of one author, and nothing of an unseen species, on both sides."""

import csv
import random
from collections import Counter
from pathlib import Path

import pytest

pytest.importorskip("torch")
from edge.contract.errors import DatasetError
from edge.contract.taxonomy import read_names
from gallery.data.dataset import read_dataset
from tests.support import ROOT
from train.birds.archive import COLUMNS, SETS, ArchiveRow, read_archive, read_taxonomy
from train.birds.build import build, fold_folder
from train.birds.commons_links import page
from train.birds.folds import FOLDS, base, reserved, split, unseen_species

ARCHIVE = ROOT.parent / "shared" / "birds"
CORE = ("Parus major", "Turdus merula", "Pica pica", "Buteo buteo")
MORE = ("Fulica atra", "Riparia riparia", "Sitta europaea")
MANY = ("Alca torda", "Ara macao", "Asio otus", "Grus grus", "Jynx torquilla", "Merops apiaster")
SUNG = (("core", CORE), ("more", MORE), ("many", MANY), ("wild", MANY), ("continued", MANY))


def row(set_name: str, kind: str, name: str, author: str, number: int) -> ArchiveRow:
    path = Path(f"{set_name}/{kind}/{name}/{number}.ogg".replace(" ", "_"))
    return ArchiveRow(set_name, path, kind, name, name, "CC0-1.0", f"{author}, somewhere")


def made_up(seed: int) -> list[ArchiveRow]:
    """Some authors with much, some with little, several of them in all sets."""
    chance = random.Random(seed)
    authors = [f"author {n}" for n in range(30)]
    rows = [
        row(set_name, kind, name, chance.choice(authors[: chance.randint(1, 30)]), number)
        for set_name, names in SUNG
        for kind in ("audio", "image")
        for name in names
        for number in range(chance.randint(3, 12))
    ]
    noise = [
        ArchiveRow(
            "background", Path(f"rain/1-{n // 2}-A.ogg"), "audio", "", "rain", "CC0-1.0", "x"
        )
        for n in range(40)
    ]
    return [*rows, *noise]


@pytest.fixture(params=["archive", *range(8)])
def rows(request) -> list[ArchiveRow]:
    if request.param != "archive":
        return made_up(request.param)
    if not ARCHIVE.is_dir():
        pytest.skip("no archive of real birds here")
    return list(read_archive(ARCHIVE))


@pytest.mark.parametrize("fold", range(FOLDS))
def test_no_author_is_on_both_sides(rows, fold):
    parts = split(rows, fold)
    train = {(one.kind, one.author) for one in parts.train}
    assert train
    asked = (*parts.test, *parts.unseen, *parts.others)
    assert not train & {(one.kind, one.author) for one in asked}
    assert all(one.is_labelled for one in asked)


def test_every_core_row_is_tested_exactly_once(rows):
    tested = Counter(one.path for fold in range(FOLDS) for one in split(rows, fold).test)
    assert tested == Counter(row.path for row in rows if row.set_name == "core")


@pytest.mark.parametrize("fold", range(FOLDS))
def test_unseen_species_are_in_no_training(rows, fold):
    parts, hidden = split(rows, fold), unseen_species(rows)
    assert not hidden & {one.species_id for one in parts.train}
    assert {one.species_id for one in parts.unseen} <= hidden
    many = {row.species_id for row in rows if row.set_name == "many"}
    others = {row.species_id for row in rows if row.is_labelled and row.set_name != "many"}
    assert len(hidden) == len(many - others) // 2


def test_the_same_recordists_of_other_species_are_heard_by_no_fold(rows):
    reserve = {(one.kind, one.author) for one in reserved(rows)}
    assert {one.set_name for one in reserved(rows)} == {"more"}
    for fold in range(FOLDS):
        parts = split(rows, fold)
        assert not reserve & {(one.kind, one.author) for one in parts.train}
        assert {one.path for one in parts.others} <= {one.path for one in reserved(rows)}
        assert parts.others


def test_the_base_is_in_the_training_of_every_fold(rows):
    once = {one.path for one in base(rows)}
    assert once
    for fold in range(FOLDS):
        assert once <= {one.path for one in split(rows, fold).train}


def test_folds_are_even_and_repeatable():
    rows = made_up(0)
    sizes = [len(split(rows, fold).test) for fold in range(FOLDS)]
    assert max(sizes) <= 2 * min(sizes)
    shuffled = random.Random(1).sample(rows, len(rows))
    for fold in range(FOLDS):
        assert set(split(rows, fold).test) == set(split(shuffled, fold).test)


@pytest.mark.parametrize(
    ("attribution", "author"),
    [
        ("Lars Lachmann, XC1075227, https://xeno-canto.org/1075227", "lars lachmann"),
        ("LARS  Lachmann, XC1", "lars lachmann"),
        ("iNaturalist (c) everflores, CC-BY-NC — observation 147283276", "everflores"),
        ("JJ Harrison (https://www.jjharrison.com.au/), https://x.org", "jj harrison"),
        ("(c) David F. Belmonte, some rights reserved", "david f. belmonte"),
        ("https://www.flickr.com/photos/sbern/, x", "https://www.flickr.com/photos/sbern/"),
    ],
)
def test_the_author_is_the_first_name_of_the_attribution(attribution, author):
    row = ArchiveRow("core", Path("a.ogg"), "audio", "Parus major", "Great Tit", "CC0", attribution)
    assert row.author == author


def test_clips_of_one_background_recording_have_one_author():
    first, other = (Path(f"rain/1-17367-{part}.ogg") for part in "AB")
    rows = [
        ArchiveRow("background", path, "audio", "", "rain", "CC0", "x by y")
        for path in (first, other)
    ]
    assert rows[0].author == rows[1].author == "17367"


@pytest.mark.parametrize(
    ("attribution", "url"),
    [
        (
            "Jerzy Strzelecki, Wikimedia Commons File:Accipiter gentilis02(js), Lodz(Poland).jpg",
            "https://commons.wikimedia.org/wiki/File:Accipiter_gentilis02(js),_Lodz(Poland).jpg",
        ),
        (
            "Cephas, https://upload.wikimedia.org/wikipedia/commons/8/89/Junco_hyemalis_UL_09.jpg",
            "https://commons.wikimedia.org/wiki/File:Junco_hyemalis_UL_09.jpg",
        ),
        (
            "Mdf, https://commons.wikimedia.org/wiki/File:Grus_grus_%28x%29.jpg",
            "https://commons.wikimedia.org/wiki/File:Grus_grus_(x).jpg",
        ),
        ("A B, XC1, https://xeno-canto.org/1", "https://xeno-canto.org/1"),
        ("nobody", ""),
    ],
)
def test_a_pictures_page_is_derived_from_its_attribution(attribution, url):
    assert page(attribution) == url


def test_ranks_come_from_the_genus(tmp_path):
    species = read_taxonomy([row("core", "audio", "Parus major", "a", 1)]).species[0]
    assert species.ranks == (
        "Animalia",
        "Chordata",
        "Aves",
        "Passeriformes",
        "Paridae",
        "Parus",
        "major",
    )
    with pytest.raises(DatasetError, match="Archaeopteryx"):
        read_taxonomy([row("core", "audio", "Archaeopteryx lithographica", "a", 1)])


def write_archive(folder: Path) -> None:
    for name in SETS:
        (folder / name).mkdir(parents=True)
        with (folder / name / "manifest.csv").open("w", encoding="utf-8", newline="") as file:
            writer = csv.DictWriter(file, COLUMNS)
            writer.writeheader()
            for one in made_up(0):
                if one.set_name == name:
                    fields = {column: getattr(one, column) for column in COLUMNS}
                    writer.writerow({**fields, "path": one.path.relative_to(one.path.parts[0])})


def test_data_sets_lead_into_the_archive_and_hold_no_copy(tmp_path):
    write_archive(tmp_path / "archive")
    folders = build(tmp_path / "archive", tmp_path / "data" / "birds")
    assert folders[0] == fold_folder(folders[-1], 0)
    dataset = read_dataset(folders[2])
    assert dataset.name == "birds-fold2"
    assert not dataset.synthetic
    asked = {"test", "unseen", "others"}
    assert {item.split for item in dataset.items} == {"train", "unlabelled", "validation", *asked}
    unlabelled = dataset.select("audio", "unlabelled", ("",))
    assert {item.path.parts[-4] for item in unlabelled} | {"wild"} == {"wild", "continued"}
    assert not dataset.select("audio", "unlabelled", dataset.taxonomy.ids)
    for item in dataset.items:
        assert item.path.resolve().is_relative_to((tmp_path / "archive").resolve())
    assert {item.split for item in read_dataset(folders[-1]).items if item.species_id} == {"train"}


def test_species_that_every_fold_hears_are_named(tmp_path):
    write_archive(tmp_path / "archive")
    output = tmp_path / "data" / "birds"
    folds = map(read_dataset, build(tmp_path / "archive", output)[:FOLDS])
    trained = [
        {item.species_id for item in fold.items if (item.kind, item.split) == ("audio", "train")}
        for fold in folds
    ]
    assert set(read_names(output / "heard.txt")) == set.intersection(*trained) - {""}


def test_an_incomplete_archive_is_named(tmp_path):
    with pytest.raises(DatasetError, match="background"):
        read_archive(tmp_path)
