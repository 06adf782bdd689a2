"""Choosing the CNN: nobody is asked about who he has heard."""

import csv

import pytest

torch = pytest.importorskip("torch")
from edge.contract.taxonomy import Taxonomy  # noqa: E402
from gallery.data.dataset import read_dataset  # noqa: E402
from gallery.data.ranks import bird  # noqa: E402
from train.birds.build import COLUMNS  # noqa: E402
from train.birds.size import PARTS, part_of, unmet_recordings  # noqa: E402

NAMES = [f"Avis {letter * 3}" for letter in "abcdefghijklmnopqrst"]


def dataset(folder):
    Taxonomy(tuple(bird(name) for name in NAMES)).save(folder / "taxonomy.csv")
    with (folder / "manifest.csv").open("w", newline="") as file:
        writer = csv.DictWriter(file, COLUMNS)
        writer.writeheader()
        for n in range(60):
            row = dict.fromkeys(COLUMNS, "x") | {"kind": "audio", "split": "train"}
            author = f"author {n if n < 40 else n % 7}"
            name = NAMES[n % len(NAMES)] if n < 55 else ""
            split = "unlabelled" if n >= 58 else "train"
            changed = {"scientific_name": name, "author": author, "split": split}
            writer.writerow(row | {"path": f"{n}.ogg", **changed})
    return read_dataset(folder)


def authors(folder, items):
    with (folder / "manifest.csv").open(newline="") as file:
        known = {row["path"]: row["author"] for row in csv.DictReader(file)}
    return {known[item.path.name] for item in items}


def test_a_part_is_asked_about_species_and_by_recordists_that_the_others_lack(tmp_path):
    data = dataset(tmp_path)
    parts = [unmet_recordings(data, part) for part in range(PARTS)]
    assert all(parts)
    for part, items in enumerate(parts):
        assert {part_of(item.species_id) for item in items} == {part}
        embedded = [
            item for item in data.items if item.species_id and part_of(item.species_id) != part
        ]
        assert not authors(tmp_path, items) & authors(tmp_path, embedded)
        assert not {item.species_id for item in items} & {one.species_id for one in embedded}
        imitated = [item for item in data.items if item.split == "unlabelled"]
        assert not authors(tmp_path, items) & authors(tmp_path, imitated)
    assert len({item.path for items in parts for item in items}) == sum(map(len, parts))
