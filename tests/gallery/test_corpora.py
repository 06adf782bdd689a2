"""Every corpus in the very layout that its authors publish, in miniature."""

import csv
import json
import tarfile
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("torch")
soundfile = pytest.importorskip("soundfile")
from PIL import Image  # noqa: E402

from edge.contract.errors import DatasetError  # noqa: E402
from edge.contract.taxonomy import Taxonomy  # noqa: E402
from gallery.data.corpora import CORPORA, open_dataset  # noqa: E402
from gallery.data.ranks import bird, named, thing  # noqa: E402
from gallery.data.synonyms import aligned  # noqa: E402
from gallery.records import read_records  # noqa: E402
from gallery.templates import sentence  # noqa: E402
from train.config import DistillConfig, PretrainConfig  # noqa: E402
from train.data.__main__ import main  # noqa: E402
from train.distill import distill  # noqa: E402
from train.pretrain import pretrain  # noqa: E402

SECONDS = 0.5


def sound(file: Path) -> None:
    file.parent.mkdir(parents=True, exist_ok=True)
    noise = np.random.default_rng(0).normal(0, 0.1, round(SECONDS * 22_050))
    soundfile.write(file, noise, 22_050)


def photo(file: Path) -> None:
    file.parent.mkdir(parents=True, exist_ok=True)
    Image.new("RGB", (8, 8), "green").save(file)


def table(file: Path, *rows: dict) -> None:
    file.parent.mkdir(parents=True, exist_ok=True)
    with file.open("w", encoding="utf-8", newline="") as lines:
        writer = csv.DictWriter(lines, rows[0])
        writer.writeheader()
        writer.writerows(rows)


def found(name: str, folder: Path) -> list[tuple]:
    dataset = open_dataset(f"{name}:{folder}")
    ids = {*dataset.taxonomy.ids, ""}
    assert all(item.path.is_file() for item in dataset.items)
    assert all({item.species_id, *item.also} <= ids for item in dataset.items)
    assert all(item.licence and item.attribution for item in dataset.items)
    return sorted((item.kind, item.split, item.species_id) for item in dataset.items)


CATEGORY = {
    "id": 7,
    "name": "Parus major",
    "common_name": "Great Tit",
    "supercategory": "Aves",
    "kingdom": "Animalia",
    "phylum": "Chordata",
    "class": "Aves",
    "order": "Passeriformes",
    "family": "Paridae",
    "genus": "Parus",
    "specific_epithet": "major",
}


def inaturalist(folder: Path, split: str, kind: str, name: str) -> None:
    media, owner = ("audio", "audio_id") if kind == "audio" else ("images", "image_id")
    entry = {"id": 3, "file_name": name, "license": 1, "rights_holder": "Ann"}
    content = {
        "info": {},
        media: [entry],
        "categories": [{**CATEGORY, f"{kind}_dir_name": "00007_Animalia", "evaluation": 1}],
        "annotations": [{"id": 1, owner: 3, "category_id": 7}],
        "licenses": [{"id": 1, "name": "CC-BY-NC", "url": "https://x"}],
    }
    (folder / f"{split}.json").write_text(json.dumps(content))


def test_inatsounds(tmp_path):
    for split in ("train", "val"):
        inaturalist(tmp_path, split, "audio", f"{split}/00007_Animalia/one.wav")
        sound(tmp_path / split / "00007_Animalia" / "one.wav")
    tit = ("audio", "train", "parus_major")
    assert found("inatsounds", tmp_path) == [tit, ("audio", "validation", "parus_major")]
    first = open_dataset(f"inatsounds:{tmp_path}")
    assert (first.items[0].licence, first.items[0].attribution) == ("CC-BY-NC", "Ann")
    ranks = "Animalia Chordata Aves Passeriformes Paridae Parus major"
    assert " ".join(first.taxonomy.species[0].ranks) == ranks


def test_credits_of_a_corpus_come_into_a_gallery(tmp_path):
    inaturalist(tmp_path, "val", "image", "val/7/one.jpg")
    photo(tmp_path / "val/7/one.jpg")
    (picture,) = read_records(f"inat21:{tmp_path}", Taxonomy((bird("Parus major"),)))
    assert (picture.author, picture.licence) == ("Ann", "CC-BY-NC")
    (tmp_path / "own").mkdir()
    row = {"path": "a.jpg", "kind": "image", "scientific_name": "Regulus calendula"}
    credit = {"licence": "CC0", "attribution": "Bea", "url": "https://x.test/1"}
    table(tmp_path / "own" / "manifest.csv", {**row, **credit})
    (own,) = read_records(tmp_path / "own", Taxonomy((bird("Corthylio calendula"),)))
    assert (own.species_id, own.url) == ("corthylio_calendula", "https://x.test/1")


def test_inat21_and_its_test_without_answers(tmp_path):
    inaturalist(tmp_path, "train_mini", "image", "train_mini/7/one.jpg")
    photo(tmp_path / "train_mini/7/one.jpg")
    (tmp_path / "test.json").write_text(json.dumps({"images": [{"id": 1, "file_name": "a"}]}))
    assert found("inat21", tmp_path) == [("image", "train", "parus_major")]


def test_ssw60(tmp_path):
    taxon = {
        "label": 0,
        "species_code": "mallar3",
        "inat_taxon_id": 6930,
        "inat2021_label": 3,
        "nabirds_labels": "1 2",
        "common_name": "Mallard",
        "scientific_name": "Anas platyrhynchos",
        "family": "Anatidae (Ducks, Geese, and Waterfowl)",
        "order": "Anseriformes",
    }
    table(tmp_path / "taxa.csv", taxon)
    table(tmp_path / "audio_ml.csv", {"asset_id": 1, "label": 0, "split": "test"})
    table(tmp_path / "video_ml.csv", {"asset_id": 2, "label": 0, "split": "train"})
    nabird = {"asset_id": "0a1b", "label": 0, "split": "train", "photographer": "Bea"}
    table(tmp_path / "images_nabirds.csv", nabird)
    inat = {"asset_id": 9, "label": 0, "split": "val", "rights_holder": "", "license_id": 1}
    table(tmp_path / "images_inat.csv", inat)
    sound(tmp_path / "audio_ml/1.wav")
    sound(tmp_path / "video_ml/2.mp4.wav")
    (tmp_path / "video_ml/2.mp4.wav").rename(tmp_path / "video_ml/2.mp4")
    photo(tmp_path / "images_nabirds/0a1b.jpg")
    photo(tmp_path / "images_inat/9.jpg")
    assert found("ssw60", tmp_path) == [
        ("audio", "test", "anas_platyrhynchos"),
        ("image", "train", "anas_platyrhynchos"),
        ("image", "validation", "anas_platyrhynchos"),
        ("video", "train", "anas_platyrhynchos"),
    ]
    (picture,) = open_dataset(f"ssw60:{tmp_path}:images_nabirds").items
    assert (picture.part, picture.attribution) == ("images_nabirds", "Bea")
    with pytest.raises(DatasetError, match="did you mean 'images_inat'"):
        open_dataset(f"ssw60:{tmp_path}:images_inat21")
    mallard = open_dataset(f"ssw60:{tmp_path}").taxonomy.species[0]
    ranks = "Animalia Chordata Aves Anseriformes Anatidae Anas platyrhynchos"
    assert sentence("taxon", mallard) == f"a photo of {ranks}."


def test_ssw60_and_inat21_meet_by_the_label_that_one_has_of_the_other(tmp_path):
    taxon = {"label": 0, "inat2021_label": 7, "common_name": "A Tit", "family": "", "order": ""}
    table(tmp_path / "taxa.csv", {**taxon, "scientific_name": "Nomen vetus"})
    table(tmp_path / "audio_ml.csv", {"asset_id": 1, "label": 0, "split": "test"})
    sound(tmp_path / "audio_ml/1.wav")
    inaturalist(tmp_path, "train", "image", "train/7/one.jpg")
    photo(tmp_path / "train/7/one.jpg")
    pictures = open_dataset(f"inat21:{tmp_path}")
    heard = aligned(open_dataset(f"ssw60:{tmp_path}"), pictures.taxonomy, pictures.keys)
    assert (heard.items[0].species_id, heard.items[0].url) == (
        "parus_major",
        "https://macaulaylibrary.org/asset/1",
    )


CLIP = {
    "primary_label": "asbfly",
    "secondary_labels": "[]",
    "type": "['call']",
    "latitude": 39.2,
    "longitude": 118.2,
    "scientific_name": "Muscicapa dauurica",
    "common_name": "Asian Brown Flycatcher",
    "author": "Matt Slaymaker",
    "license": "Creative Commons Attribution-NonCommercial-ShareAlike 3.0",
    "rating": 5.0,
    "url": "https://www.xeno-canto.org/134896",
    "filename": "asbfly/XC134896.ogg",
}
EBIRD = {
    "SPECIES_CODE": "asbfly",
    "PRIMARY_COM_NAME": "Asian Brown Flycatcher",
    "SCI_NAME": "Muscicapa dauurica",
    "ORDER1": "Passeriformes",
    "FAMILY": "Muscicapidae (Old World Flycatchers)",
}


@pytest.mark.parametrize(
    ("name", "file", "place"),
    [
        ("train_metadata.csv", "asbfly/XC134896.ogg", "train_audio/asbfly"),
        ("train.csv", "asbfly/XC134896.ogg", "train_audio/asbfly"),
        ("train_metadata.csv", "XC134896.ogg", "train_short_audio/asbfly"),
    ],
)
def test_birdclef_of_several_years(tmp_path, name, file, place):
    table(tmp_path / name, {**CLIP, "filename": file})
    sound(tmp_path / place / "XC134896.ogg")
    assert found("birdclef", tmp_path) == [("audio", "train", "muscicapa_dauurica")]
    table(tmp_path / "eBird_Taxonomy_v2021.csv", EBIRD)
    assert open_dataset(f"birdclef:{tmp_path}").taxonomy.species[0].family == "Muscicapidae"


def test_birdclef_keeps_who_sings_beside(tmp_path):
    other = {
        **CLIP,
        "primary_label": "gcrfin",
        "scientific_name": "Leucosticte tephrocotis",
        "secondary_labels": "['asbfly', 'nobody']",
        "filename": "gcrfin/XC1.ogg",
    }
    table(tmp_path / "train.csv", CLIP, other)
    for name in ("asbfly/XC134896.ogg", "gcrfin/XC1.ogg"):
        sound(tmp_path / "train_audio" / name)
    also = {item.species_id: item.also for item in open_dataset(f"birdclef:{tmp_path}").items}
    finch = "leucosticte_tephrocotis"
    assert also == {"muscicapa_dauurica": (), finch: ("muscicapa_dauurica",)}


RECORDING = {
    "id": "134896",
    "gen": "Muscicapa",
    "sp": "dauurica",
    "ssp": "",
    "en": "Asian Brown Flycatcher",
    "rec": "Matt Slaymaker",
    "file": "https://xeno-canto.org/134896/download",
    "file-name": "XC134896-120610 flycatcher.mp3",
    "lic": "//creativecommons.org/licenses/by-nc-sa/3.0/",
}


def test_xenocanto_leaves_out_what_nobody_could_name(tmp_path):
    mystery = {**RECORDING, "id": "5", "gen": "Mystery", "sp": "mystery", "en": "Identity unknown"}
    other = {**RECORDING, "id": "6", "file-name": ""}
    page = {"numRecordings": "3", "page": 1, "recordings": [RECORDING, mystery, other]}
    (tmp_path / "page1.json").write_text(json.dumps(page))
    sound(tmp_path / "XC134896-120610 flycatcher.ogg")
    sound(tmp_path / "deeper" / "XC6.wav")
    sound(tmp_path / "XC5.wav")
    assert found("xenocanto", tmp_path) == [("audio", "train", "muscicapa_dauurica")] * 2
    credit = open_dataset(f"xenocanto:{tmp_path}").items[0].attribution
    assert credit == "Matt Slaymaker, XC134896, https://xeno-canto.org/134896"


def birdset(folder: Path) -> None:
    pyarrow = pytest.importorskip("pyarrow")
    from pyarrow import parquet

    train = [{"filepath": "XC1.ogg", "ebird_code": "asbfly", "recordist": "Ann", "license": "x"}]
    tests = [
        {"filepath": "HSN_1_000_005.ogg", "ebird_code_multilabel": ["asbfly", "gcrfin"]},
        {"filepath": "HSN_1_005_010.ogg", "ebird_code_multilabel": []},
    ]
    for name, rows in (("train", train), ("test_5s", tests)):
        parquet.write_table(
            pyarrow.Table.from_pylist(rows), folder / f"HSN_metadata_{name}.parquet"
        )
    for name, rows in (("train", train), ("test_5s", tests)):
        names = [row["filepath"] for row in rows]
        shard(folder / f"HSN_{name.replace('_5s', '5s')}_shard_0001.tar.gz", *names)


def shard(file: Path, *names: str) -> None:
    loose = file.parent / "loose.ogg"
    sound(loose)
    with tarfile.open(file, "w:gz") as archive:
        for name in names:
            archive.add(loose, name)
    loose.unlink()


def test_birdset_unpacks_its_shards_once(tmp_path):
    birdset(tmp_path)
    shard(tmp_path / "HSN_test_shard_0001.tar.gz", "HSN_1.ogg")
    table(tmp_path / "ebird_taxonomy.csv", EBIRD)
    assert found("birdset", tmp_path) == [
        ("audio", "test", ""),
        ("audio", "test", "muscicapa_dauurica"),
        ("audio", "train", "muscicapa_dauurica"),
    ]
    several = next(item for item in open_dataset(f"birdset:{tmp_path}").items if item.also)
    assert several.also == ("leucosticte_tephrocotis",)
    assert not (tmp_path / "HSN_test_shard_0001").exists()  # whole soundscapes, which nobody reads
    for file in tmp_path.glob("*.tar.gz"):
        file.unlink()
    assert len(found("birdset", tmp_path)) == 3


def xcm(folder: Path, *codes: str) -> None:
    pyarrow = pytest.importorskip("pyarrow")
    from pyarrow import parquet

    names = [f"XC{1000 + n}.ogg" for n, _ in enumerate(codes)]
    folder.mkdir()
    rows = [
        {"filepath": name, "ebird_code": code, "recordist": "Ann", "license": "x", "lat": 1.5}
        for name, code in zip(names, codes, strict=True)
    ]
    parquet.write_table(pyarrow.Table.from_pylist(rows), folder / f"{folder.name}_metadata.parquet")
    for n, name in enumerate(names):
        shard(folder / f"{folder.name}_shard_{n + 1:04d}.tar.gz", name)


def test_birdset_for_training_alone_as_it_lies_on_the_hub(tmp_path):
    xcm(tmp_path / "XCM", "amerob", "y00478")
    xcm(tmp_path / "XCL", "amerob")
    opened = open_dataset(f"birdset:{tmp_path}:XCM")
    assert [item.split for item in opened.items] == ["train", "train"]
    assert opened.items[0].url == "https://xeno-canto.org/1000"
    robin = opened.taxonomy.by_id()["turdus_migratorius"]
    assert sentence("com", robin) == "a photo of American Robin."
    assert (robin.order, robin.family) == ("Passeriformes", "Turdidae")
    assert len(open_dataset(f"birdset:{tmp_path / 'XCL'}").items) == 1
    with pytest.raises(DatasetError, match=r"name one of XCL, XCM: birdset:.*:XCL"):
        open_dataset(f"birdset:{tmp_path}")


def test_a_code_that_no_table_knows_is_refused(tmp_path):
    xcm(tmp_path / "XCM", "amerob", "zzzzzz9")
    with pytest.raises(DatasetError, match=r"1 of 2 codes are in no table: zzzzzz9; .*eBird_tax"):
        open_dataset(f"birdset:{tmp_path}:XCM")
    row = {**EBIRD, "SPECIES_CODE": "zzzzzz9"}
    table(tmp_path / "XCM" / "eBird_taxonomy_v2030.csv", row)
    assert "muscicapa_dauurica" in open_dataset(f"birdset:{tmp_path}:XCM").taxonomy.ids


def test_a_damaged_shard_is_named_and_leaves_nothing_half_unpacked(tmp_path):
    birdset(tmp_path)
    file = next(tmp_path.glob("*_train_shard_*.tar.gz"))
    file.write_bytes(file.read_bytes()[:-200])
    with pytest.raises(DatasetError, match=r"train_shard_0001\.tar\.gz: damaged"):
        open_dataset(f"birdset:{tmp_path}")
    assert not (tmp_path / "HSN_train_shard_0001").exists()


def test_animalspeak(tmp_path):
    row = {
        "url": "https://static.inaturalist.org/sounds/1.m4a",
        "species_scientific": "Parus major",
        "species_common": "Great Tit",
        "caption": "The sound of a Great Tit.",
        "caption2": "",
    }
    unnamed = {**row, "species_scientific": "", "url": "https://x/2"}
    table(tmp_path / "animalspeak.csv", row, {**row, "url": "https://x/3"}, unnamed)
    sound(tmp_path / "audio" / "https_static_inaturalist_org_sounds_1.ogg")
    assert found("animalspeak", tmp_path) == [("audio", "train", "parus_major")]
    captions = open_dataset(f"animalspeak:{tmp_path}").items[0].captions
    assert captions == ("The sound of a Great Tit.",)


def test_cub(tmp_path, taxonomy):
    (tmp_path / "classes.txt").write_text("1 001.Black_footed_Albatross\n2 002.Great_Tit\n")
    (tmp_path / "images.txt").write_text("1 001.B/a_0001.jpg\n2 002.G/b_0001.jpg\n")
    (tmp_path / "image_class_labels.txt").write_text("1 1\n2 2\n")
    (tmp_path / "train_test_split.txt").write_text("1 0\n2 1\n")
    photo(tmp_path / "images/001.B/a_0001.jpg")
    photo(tmp_path / "images/002.G/b_0001.jpg")
    tit = ("image", "train", "parus_major")
    assert found("cub", tmp_path) == [("image", "test", "phoebastria_nigripes"), tit]
    Taxonomy((bird("Parus minor", "Great Tit"),)).save(tmp_path / "taxonomy.csv")
    assert ("image", "train", "parus_minor") in found("cub", tmp_path)


def test_nabirds_tells_no_plumages_apart(tmp_path):
    eider = "Common Eider"
    (tmp_path / "classes.txt").write_text(f"0 Birds\n817 {eider} (Adult male)\n818 {eider}\n")
    (tmp_path / "images.txt").write_text("0a-1 0817/a.jpg\n0b-2 0818/b.jpg\n")
    (tmp_path / "image_class_labels.txt").write_text("0a-1 817\n0b-2 818\n")
    (tmp_path / "train_test_split.txt").write_text("0a-1 0\n0b-2 1\n")
    (tmp_path / "photographers.txt").write_text("0a-1 Ann Other\n0b-2 Bea\n")
    for name in ("0817/a.jpg", "0818/b.jpg"):
        photo(tmp_path / "images" / name)
    expected = [("image", split, "somateria_mollissima") for split in ("test", "train")]
    assert found("nabirds", tmp_path) == expected
    opened = open_dataset(f"nabirds:{tmp_path}")
    assert len(opened.taxonomy) == 1
    assert opened.items[0].attribution == "Ann Other"


@pytest.mark.parametrize("name", ["Yabc-defghij.wav", "abc-defghij.wav", "abc-defghij_30.000.ogg"])
def test_audioset_whatever_its_clips_are_called(tmp_path, name):
    (tmp_path / "class_labels_indices.csv").write_text(
        'index,mid,display_name\n0,/m/09x0r,"Speech"\n1,/m/015p6,"Bird, chirp"\n'
    )
    (tmp_path / "eval_segments.csv").write_text(
        "# Segments csv created\n# num_ytids=1\n"
        "# YTID, start_seconds, end_seconds, positive_labels\n"
        'abc-defghij, 30.000, 40.000, "/m/015p6,/m/09x0r"\n'
    )
    sound(tmp_path / "eval" / name)
    assert found("audioset", tmp_path) == [("audio", "test", "bird_chirp")]
    assert open_dataset(f"audioset:{tmp_path}").items[0].also == ("speech",)


def test_audiocaps_gathers_the_captions_of_a_clip(tmp_path):
    rows = [
        {"audiocap_id": n, "youtube_id": "abc-defghij", "start_time": 0, "caption": text}
        for n, text in enumerate(("A bird sings.", "Birds, far away."))
    ]
    table(tmp_path / "test.csv", *rows)
    sound(tmp_path / "abc-defghij.wav")
    assert found("audiocaps", tmp_path) == [("audio", "test", "")]
    assert len(open_dataset(f"audiocaps:{tmp_path}").items[0].captions) == 2


def test_clotho(tmp_path):
    captions = {f"caption_{n}": f"Text {n}." for n in range(1, 6)}
    table(tmp_path / "clotho_captions_development.csv", {"file_name": "a b.wav", **captions})
    sound(tmp_path / "development" / "a b.wav")
    assert found("clotho", tmp_path) == [("audio", "train", "")]
    assert len(open_dataset(f"clotho:{tmp_path}").items[0].captions) == 5


def test_esc50(tmp_path):
    rows = [
        {"filename": f"{fold}-1-A-0.wav", "fold": fold, "category": "crow", "src_file": 1}
        for fold in (1, 4, 5)
    ]
    table(tmp_path / "meta/esc50.csv", *rows)
    for row in rows:
        sound(tmp_path / "audio" / row["filename"])
    splits = [split for _, split, _ in found("esc50", tmp_path)]
    assert splits == ["test", "train", "validation"]


def test_urbansound8k(tmp_path):
    row = {"slice_file_name": "1-3-0-0.wav", "fsID": 1, "fold": 10, "class": "dog_bark"}
    table(tmp_path / "metadata/UrbanSound8K.csv", row)
    sound(tmp_path / "audio/fold10/1-3-0-0.wav")
    assert found("urbansound8k", tmp_path) == [("audio", "test", "dog_bark")]


def test_a_thing_is_named_to_the_teacher_by_its_label():
    assert sentence("taxon", thing("dog_bark")) == "a photo of dog bark."


def test_a_subspecies_counts_as_its_species():
    assert bird("Junco hyemalis oreganus").species_id == "junco_hyemalis"


JAGUAR = {"scientific_name": "Panthera onca", "common_name": "Jaguar", "primary_label": "41970"}


@pytest.mark.parametrize("beside", [True, False])
def test_a_jaguar_of_birdclef_is_no_bird(tmp_path, beside):
    row = {**CLIP, **JAGUAR, "filename": "41970/iNat1.ogg"}
    ranks = {"primary_label": "41970", "inat_taxon_id": "41970", "class_name": "Mammalia"}
    table(tmp_path / "train.csv", row if beside else {**row, **ranks})
    if beside:
        table(tmp_path / "taxonomy.csv", {**ranks, **JAGUAR})
    sound(tmp_path / "train_audio/41970/iNat1.ogg")
    opened = open_dataset(f"birdclef:{tmp_path}")
    (jaguar,) = opened.taxonomy.species
    assert sentence("taxon", jaguar) == "a photo of Animalia Chordata Mammalia Panthera onca."
    assert opened.keys == {"panthera_onca": {"inat:41970"}}


def test_a_sonotype_is_not_a_species_of_its_class(tmp_path):
    insect = {**JAGUAR, "scientific_name": "Insecta sonotype 7", "common_name": ""}
    table(tmp_path / "train.csv", {**CLIP, **insect, "class_name": "Insecta"})
    sound(tmp_path / "train_audio" / CLIP["filename"])
    (kind,) = open_dataset(f"birdclef:{tmp_path}").taxonomy.species
    assert (kind.species_id, kind.phylum) == ("insecta_sonotype_7", "Arthropoda")


@pytest.mark.parametrize(
    ("group", "above"),
    [
        ("bats", "Animalia Chordata Mammalia Chiroptera"),
        ("grasshoppers", "Animalia Arthropoda Insecta Orthoptera"),
        ("", ""),
    ],
)
def test_groups_of_xenocanto(tmp_path, group, above):
    named = {"gen": "Nyctalus", "sp": "noctula", "en": "Noctule", "id": "9", "grp": group}
    (tmp_path / "1.json").write_text(json.dumps({"recordings": [{**RECORDING, **named}]}))
    sound(tmp_path / "XC9.wav")
    (kind,) = open_dataset(f"xenocanto:{tmp_path}").taxonomy.species
    assert sentence("taxon", kind) == f"a photo of {above} Nyctalus noctula.".replace("  ", " ")


def test_ranks_that_a_corpus_leaves_out_come_from_the_genus():
    flycatcher, jaguar = named("Muscicapa dauurica"), named("Panthera onca")
    ranks = "Animalia Chordata Aves Passeriformes Muscicapidae Muscicapa dauurica"
    assert " ".join(flycatcher.ranks) == ranks
    assert " ".join(filter(None, jaguar.ranks)) == "Panthera onca"


def test_folders_named_by_their_species(tmp_path):
    sound(tmp_path / "Parus_major" / "a.wav")
    photo(tmp_path / "Parus_major" / "b.jpg")
    (tmp_path / "Parus_major" / "notes.txt").write_text("no sound")
    expected = [("audio", "train", "parus_major"), ("image", "train", "parus_major")]
    assert found("folders", tmp_path) == expected
    assert len(open_dataset(tmp_path).items) == 2
    (tmp_path / "split" / "val" / "Parus_major").mkdir(parents=True)
    sound(tmp_path / "split" / "val" / "Parus_major" / "c.wav")
    assert found("folders", tmp_path / "split") == [("audio", "validation", "parus_major")]


@pytest.mark.parametrize("name", sorted(CORPORA))
def test_an_empty_folder_is_one_clear_line(name, tmp_path, capsys):
    assert main(["inspect", f"{name}:{tmp_path}"]) == 1
    assert str(tmp_path) in capsys.readouterr().err


@pytest.mark.parametrize("name", sorted(CORPORA.keys() - {"manifest", "folders"}))
def test_a_wrong_folder_shows_a_path_expected_and_one_found(name, tmp_path):
    sound(tmp_path / "foo" / "bar.wav")
    with pytest.raises(DatasetError, match=r"expected e\.g\. .+, found e\.g\. foo/bar\.wav"):
        open_dataset(f"{name}:{tmp_path}")
    with pytest.raises(DatasetError, match=r"nowhere: no such folder"):
        open_dataset(f"{name}:{tmp_path / 'nowhere'}")


def test_tables_without_their_files_say_so(tmp_path):
    table(tmp_path / "train.csv", CLIP)
    sound(tmp_path / "audio" / "other.ogg")
    told = (
        "none of the 1 files .*expected e.g. train_audio/asbfly/XC134896.ogg, found e.g. "
        "audio/other.ogg"
    )
    with pytest.raises(DatasetError, match=told):
        open_dataset(f"birdclef:{tmp_path}")


def test_an_unknown_kind_names_the_known(tmp_path):
    with pytest.raises(DatasetError, match=r"did you mean 'ssw60'\?.*inat21"):
        open_dataset(f"ssw6:{tmp_path}")


@pytest.mark.parametrize(
    "command",
    [
        lambda data: distill(DistillConfig(data=data)),
        lambda data: pretrain(PretrainConfig(data=data)),
    ],
)
def test_training_opens_a_corpus_by_its_kind(tmp_path, command):
    with pytest.raises(DatasetError, match=r"taxa\.csv"):
        command(f"ssw60:{tmp_path}")


def test_inspect_counts_and_names_what_cannot_be_read(tmp_path, capsys):
    rows = [{**CLIP, "filename": f"asbfly/{name}.ogg"} for name in ("good", "fine", "bad")]
    table(tmp_path / "train.csv", *rows)
    for name in ("good", "fine"):
        sound(tmp_path / "train_audio" / "asbfly" / f"{name}.ogg")
    (tmp_path / "train_audio" / "asbfly" / "bad.ogg").write_bytes(b"no sound")
    assert main(["inspect", f"birdclef:{tmp_path}", "--workers", "2"]) == 0
    out, err = capsys.readouterr()
    head, line = out.splitlines()
    assert head.split() == "kind split files hours species unreadable licences".split()
    assert line.split()[:6] == ["audio", "train", "3", "0.00", "1", "1"]
    assert "bad.ogg: not readable as audio" in err
