"""Tiny corpora in the very layouts that their authors publish, of the same three birds."""

import csv
import json
import tarfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import soundfile
from PIL import Image

RATE_HZ = 22_050
RANKS = ("kingdom", "phylum", "class", "order", "family", "genus", "specific_epithet")
BIRDS = (
    ("Cuculus canorus", "Common Cuckoo", "comcuc", "Cuculiformes", "Cuculidae", 600),
    ("Strix aluco", "Tawny Owl", "tawowl1", "Strigiformes", "Strigidae", 1_200),
    ("Parus major", "Great Tit", "gretit1", "Passeriformes", "Paridae", 4_000),
)
"""Scientific and common name, eBird's code, order, family, and the hertz of its song here."""


def song(file: Path, bird: int, take: int, seconds: float = 3.0) -> None:
    """Write a recording: a bird's tone in noise, another one each take."""
    file.parent.mkdir(parents=True, exist_ok=True)
    random = np.random.default_rng([bird, take])
    moments = np.arange(round(seconds * RATE_HZ)) / RATE_HZ
    beat = np.sin(2 * np.pi * (2 + take) * moments) > 0
    tone = 0.3 * beat * np.sin(2 * np.pi * BIRDS[bird][5] * (1 + 0.02 * take) * moments)
    soundfile.write(file, tone + random.normal(0, 0.01, len(moments)), RATE_HZ)


def photograph(file: Path, bird: int, take: int) -> None:
    """Write a picture whose colour is the bird's."""
    file.parent.mkdir(parents=True, exist_ok=True)
    pixels = np.random.default_rng([bird, take]).integers(0, 60, (64, 64, 3), np.uint8)
    pixels[..., bird] += 180
    Image.fromarray(pixels).save(file)


def table(file: Path, rows: Sequence[Mapping[str, Any]]) -> None:
    """Write a CSV with the columns of its first row."""
    file.parent.mkdir(parents=True, exist_ok=True)
    with file.open("w", encoding="utf-8", newline="") as lines:
        writer = csv.DictWriter(lines, rows[0])
        writer.writeheader()
        writer.writerows(rows)


def inatsounds(folder: Path, splits: Mapping[str, int]) -> Path:
    """iNatSounds 2024: so many recordings of each bird a split."""
    return _inaturalist(folder, "audio", splits)


def inat21(folder: Path, splits: Mapping[str, int]) -> Path:
    """iNaturalist 2021: so many photographs of each bird a split."""
    return _inaturalist(folder, "image", splits)


def ssw60(folder: Path, takes: int = 2) -> Path:
    """SSW60: its taxa, and for each bird so many sounds, and photographs of both galleries."""
    taxa = [
        {
            "label": label,
            "species_code": code,
            "inat_taxon_id": 6_930 + label,
            "inat2021_label": label,
            "nabirds_labels": str(label),
            "common_name": common,
            "scientific_name": name,
            "family": f"{family} (Some Birds)",
            "order": order,
        }
        for label, (name, common, code, order, family, _) in enumerate(BIRDS)
    ]
    table(folder / "taxa.csv", taxa)
    parts = (("audio_ml", song, ".wav"), ("images_nabirds", photograph, ".jpg"))
    credit = {"audio_ml": {}, "images_nabirds": {"photographer": "Bea"}}
    for part, write, suffix in parts:
        rows = []
        for split in ("train", "test"):
            for label in range(len(BIRDS)):
                for take in range(takes):
                    asset = f"{split}{label}{take}"
                    write(folder / part / f"{asset}{suffix}", label, 20 + take)
                    rows.append({"asset_id": asset, "label": label, "split": split} | credit[part])
        table(folder / f"{part}.csv", rows)
    return folder


def birdset(folder: Path, takes: int = 1) -> Path:
    """One subset of BirdSet: parquet tables, shards of sound, and eBird's names beside them."""
    import pyarrow
    from pyarrow import parquet

    folder.mkdir(parents=True, exist_ok=True)
    codes = [code for _, _, code, *_ in BIRDS]
    train = [
        {"filepath": f"XC{n}{take}.ogg", "ebird_code": code, "recordist": "Ann", "license": "CC0"}
        for n, code in enumerate(codes)
        for take in range(takes)
    ]
    tests = [
        {"filepath": f"HSN_1_{5 * n:03}_{5 * n + 5:03}.ogg", "ebird_code_multilabel": [code]}
        for n, code in enumerate(codes)
    ]
    for name, rows in (("train", train), ("test_5s", tests)):
        parquet.write_table(
            pyarrow.Table.from_pylist(rows), folder / f"HSN_metadata_{name}.parquet"
        )
        shard = folder / f"HSN_{name.removesuffix('_5s')}_shard_0001.tar.gz"
        with tarfile.open(shard, "w:gz") as archive:
            for n, row in enumerate(rows):
                loose = folder / "loose.ogg"
                song(loose, bird=n // (len(rows) // len(codes)), take=30 + n, seconds=5.0)
                archive.add(loose, row["filepath"])
                loose.unlink()
    names = [
        {
            "SPECIES_CODE": code,
            "PRIMARY_COM_NAME": common,
            "SCI_NAME": name,
            "ORDER1": order,
            "FAMILY": family,
        }
        for name, common, code, order, family, _ in BIRDS
    ]
    table(folder / "ebird_taxonomy.csv", names)
    return folder


def _inaturalist(folder: Path, kind: str, splits: Mapping[str, int]) -> Path:
    media, owner = ("audio", "audio_id") if kind == "audio" else ("images", "image_id")
    write, suffix = (song, "wav") if kind == "audio" else (photograph, "jpg")
    categories = [_category(number, kind) for number in range(len(BIRDS))]
    for place, (split, takes) in enumerate(splits.items()):
        entries, annotations = [], []
        for number, category in enumerate(categories):
            for take in range(takes):
                name = f"{split}/{category[f'{kind}_dir_name']}/{number}{take}.{suffix}"
                write(folder / name, number, take + 10 * place)
                entry = {"id": len(entries), "file_name": name, "license": 1}
                entries.append(entry | {"rights_holder": "Ann"})
                annotations.append(
                    {"id": entry["id"], owner: entry["id"], "category_id": category["id"]}
                )
        content = {
            "info": {},
            media: entries,
            "categories": categories,
            "annotations": annotations,
            "licenses": [{"id": 1, "name": "CC-BY-NC", "url": "https://x.test"}],
        }
        (folder / f"{split}.json").write_text(json.dumps(content), encoding="utf-8")
    return folder


def _category(number: int, kind: str) -> dict[str, Any]:
    name, common, _, order, family, _ = BIRDS[number]
    ranks = ("Animalia", "Chordata", "Aves", order, family, *name.split())
    return {
        "id": number,
        "name": name,
        "common_name": common,
        "supercategory": "Birds",
        **dict(zip(RANKS, ranks, strict=True)),
        f"{kind}_dir_name": f"{number:05}_{'_'.join(ranks)}",
        "evaluation": 1,
    }
