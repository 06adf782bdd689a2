"""Evaluation by the protocols of published corpora, on tiny ones in their very layout."""

import base64
import csv
import io
import itertools
import json
import re
import shutil
from pathlib import Path

import numpy as np
import pytest

torch = pytest.importorskip("torch")
from PIL import Image  # noqa: E402

from gallery.data.corpora import open_dataset  # noqa: E402
from gallery.data.dataset import Dataset, read_dataset  # noqa: E402
from train.distill import distill  # noqa: E402
from train.evaluate import evaluate, main  # noqa: E402
from train.measure import plots  # noqa: E402
from train.measure.kin import rank_hits  # noqa: E402
from train.measure.page import to_markdown  # noqa: E402
from train.measure.species_sets import SpeciesSets  # noqa: E402
from train.measure.task import Task  # noqa: E402

SPLITS = {"train": "train", "validation": "val", "test": "test"}


@pytest.fixture(autouse=True)
def _own_cache(computed, monkeypatch):
    for module in ("distill", "evaluate"):
        monkeypatch.setattr(f"train.{module}.CACHE", computed)


@pytest.fixture(scope="module")
def trained(world, computed):
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("train.distill.CACHE", computed)
        return distill(world.distillation("evaluated", steps=60))


def table(file: Path, rows: list[dict]) -> None:
    with file.open("w", encoding="utf-8", newline="") as lines:
        writer = csv.DictWriter(lines, rows[0])
        writer.writeheader()
        writer.writerows(rows)


def copied(source: Path, target: Path) -> None:
    target.parent.mkdir(parents=True, exist_ok=True)
    shutil.copyfile(source, target)


def ssw60(world: Dataset, folder: Path) -> str:
    """The tiny aviary as SSW60: pictures in turn in the one gallery and in the other."""
    species, ids = world.taxonomy.species, world.taxonomy.ids
    taxa = [
        {
            "label": n,
            "common_name": one.common_name,
            "scientific_name": one.scientific_name,
            "family": f"{one.family} (Some Birds)",
            "order": one.order,
        }
        for n, one in enumerate(species)
    ]
    folder.mkdir()
    table(folder / "taxa.csv", taxa)
    parts = {"audio_ml": [], "images_nabirds": [], "images_inat": []}
    galleries = itertools.cycle(
        f"images_{one}" for one in ("nabirds", "inat", "nabirds", "inat", "inat")
    )
    for n, item in enumerate(item for item in world.items if item.species_id):
        sings = item.kind == "audio"
        part, suffix = ("audio_ml", ".wav") if sings else (next(galleries), ".jpg")
        copied(item.path, folder / part / f"{n}{suffix}")
        split = SPLITS[item.split]
        parts[part].append({"asset_id": n, "label": ids.index(item.species_id), "split": split})
    for part, rows in parts.items():
        table(folder / f"{part}.csv", rows)
    return f"ssw60:{folder}"


def inaturalist(world: Dataset, folder: Path, kind: str, unpictured: str = "") -> None:
    """The tiny aviary in iNaturalist's schema: its sounds, or its pictures but one species'."""
    name = {"audio": "audio", "image": "images"}[kind]
    categories = [
        {
            "id": n,
            "name": species.scientific_name,
            "common_name": species.common_name,
            "kingdom": species.kingdom,
            "phylum": species.phylum,
            "class": species.class_,
            "order": species.order,
            "family": species.family,
            "genus": species.genus,
            "specific_epithet": species.epithet,
        }
        for n, species in enumerate(world.taxonomy.species)
    ]
    for split, file in SPLITS.items():
        content = {"categories": categories, "licenses": [], name: [], "annotations": []}
        chosen = world.select(kind, split, {*world.taxonomy.ids} - {unpictured})
        for n, item in enumerate(chosen):
            path = f"{file}/{n}{item.path.suffix}"
            copied(item.path, folder / path)
            category = world.taxonomy.ids.index(item.species_id)
            content[name].append({"id": n, "file_name": path})
            content["annotations"].append({"id": n, f"{kind}_id": n, "category_id": category})
        (folder / f"{file}.json").write_text(json.dumps(content))


def rows_of(report: dict, task: str) -> list[dict]:
    rows = report["rows"]
    ours = [row for row in rows if row["method"] == "distilled" and row["task"] == task]
    return [row for row in ours if row["species"] == "all"]


def test_ssw60_asks_each_gallery_apart_and_agrees_with_our_own_layout(world, trained, tmp_path):
    aviary = read_dataset(world.data)
    report = evaluate(trained, ssw60(aviary, tmp_path / "ssw60")).report
    own = evaluate(trained, str(world.data)).report
    singers = len(aviary.select("audio", "test", aviary.taxonomy.ids))
    (embedded,), (expected,) = (rows_of(one, "A->T") for one in (report, own))
    assert embedded["queries"] == singers
    for name in ("mAP", "mAP by species", "R@1", "R@5", "R@10", "rank", "genus", "family", "order"):
        assert embedded[name] == pytest.approx(expected[name]), name
    pictured = [rows_of(report, f"A->I (images_{one})") for one in ("nabirds", "inat")]
    assert all(rows and rows[0]["queries"] <= singers for rows in pictured), report["pictures"]
    assert not rows_of(report, "A->I")
    assert embedded["order"]["mean"] >= embedded["family"]["mean"] >= embedded["genus"]["mean"]


def test_inatsounds_takes_its_pictures_from_inat21(world, trained, tmp_path):
    aviary = read_dataset(world.data)
    sounds, pictures = tmp_path / "sounds", tmp_path / "pictures"
    inaturalist(aviary, sounds, "audio")
    inaturalist(aviary, pictures, "image", unpictured="parus_major")
    report = evaluate(trained, f"inatsounds:{sounds}", "validation", f"inat21:{pictures}").report
    everyone = len(aviary.select("audio", "validation", aviary.taxonomy.ids))
    tits = len(aviary.select("audio", "validation", ("parus_major",)))
    assert rows_of(report, "A->T")[0]["queries"] == everyone
    assert rows_of(report, "A->I")[0]["queries"] == everyone - tits > 0
    assert report["pictures"] == len(
        aviary.select("image", "validation", aviary.taxonomy.ids)
    ) - len(aviary.select("image", "validation", ("parus_major",)))
    alone = evaluate(trained, f"inatsounds:{sounds}", "validation").report
    assert {row["task"] for row in alone["rows"]} >= {"A->T", "T->A"}
    assert not rows_of(alone, "A->I")


def test_birdsets_pieces_hold_several_species_or_none(world, trained, tmp_path):
    pyarrow = pytest.importorskip("pyarrow")
    from pyarrow import parquet

    aviary = read_dataset(world.data)
    first, other = (
        next(item for item in aviary.items if (item.kind, item.species_id) == ("audio", name))
        for name in ("cuculus_canorus", "parus_major")
    )
    background = next(item for item in aviary.items if item.kind == "audio" and not item.species_id)
    taxa = {species.species_id: species for species in aviary.taxonomy.species}
    codes = {"cuculus_canorus": "comcuc", "parus_major": "gretit1"}
    rows = []
    for name, item, embedded in (
        ("both", first, ["comcuc", "gretit1"]),
        ("tit", other, ["gretit1"]),
        ("none", background, []),
    ):
        copied(item.path, tmp_path / f"HSN_{name}.wav")
        rows.append({"filepath": f"HSN_{name}.wav", "ebird_code_multilabel": embedded})
    parquet.write_table(pyarrow.Table.from_pylist(rows), tmp_path / "HSN_metadata_test_5s.parquet")
    table(
        tmp_path / "ebird_taxonomy.csv",
        [
            {
                "SPECIES_CODE": code,
                "PRIMARY_COM_NAME": taxa[one].common_name,
                "SCI_NAME": taxa[one].scientific_name,
                "ORDER1": taxa[one].order,
                "FAMILY": taxa[one].family,
            }
            for one, code in codes.items()
        ],
    )
    found = evaluate(trained, f"birdset:{tmp_path}")
    assert found.report["recordings"] == 3
    assert rows_of(found.report, "A->T")[0]["queries"] == 2
    assert rows_of(found.report, "T->A")[0]["queries"] == 2
    assert found.protocol.sung.counts.tolist() == [2, 1, 0]
    # Whichever of its two names is nearest to the first piece, it is right.
    assert len(found.asked["A->T"].task.relevant(0)) == 2
    rows = [row for row in found.report["soundscapes"] if row["method"] == "distilled"]
    assert (rows[0]["species"], rows[0]["classes"], rows[0]["pieces"]) == ("all", 2, 3)
    assert 0 <= rows[0]["AUROC"]["mean"] <= 1
    assert "cmAP" in to_markdown(found.report)


def test_hierarchical_accuracy_forgives_a_near_relative(world):
    species = read_dataset(world.data).taxonomy.species
    ids = [one.species_id for one in species]
    eye = SpeciesSets.each(len(ids))
    best = np.array([ids.index("turdus_merula")] * len(ids))
    found = rank_hits(best, eye, eye, species)
    merula = species[ids.index("turdus_merula")]
    for rank, hits in found.items():
        literal = [getattr(one, rank) == getattr(merula, rank) for one in species]
        assert hits.tolist() == literal
    assert found["order"].sum() > found["family"].sum()


def test_the_page_opens_offline_and_its_pictures_are_pictures(world, trained, capsys):
    assert main(["--checkpoint", str(trained), "--data", str(world.data)]) == 0
    page = (trained / "evaluation.html").read_text(encoding="utf-8")
    assert not re.findall(r"""(?:src|href)=["'](?!data:)""", page)
    assert "$" not in re.sub(r"base64,[^\"]+", "", page)
    images = re.findall(r'data:image/png;base64,([^"]+)', page)
    assert len(images) == 3
    for image in images:
        picture = Image.open(io.BytesIO(base64.b64decode(image)))
        assert min(picture.size) > 200
        assert len(picture.convert("RGB").getcolors(1 << 20)) > 3
    assert "Synthetic aviary" in page
    assert "quoted, not measured here" in page
    table_of = (trained / "evaluation.md").read_text(encoding="utf-8")
    assert table_of == capsys.readouterr().out
    assert all(f"| {one} |" in table_of for one in ("A->T", "T->A", "A->I", "I->A", "A->species"))


def test_a_histogram_shows_what_belongs_together_apart(monkeypatch):
    shown = {}

    def keep(figure):
        shown["axes"] = figure.axes
        return b""

    monkeypatch.setattr(plots, "_png", keep)
    held = SpeciesSets.each(4)
    plots.similarities([Task.of("A->T", np.eye(4, dtype=np.float32), held, held)])
    labels = [text.get_text() for text in shown["axes"][0].get_legend().get_texts()]
    assert labels == ["another species (12)", "the same species (4)"]


def test_corpora_say_which_of_their_sets_a_picture_is_in(world, tmp_path):
    dataset = open_dataset(ssw60(read_dataset(world.data), tmp_path / "ssw60"))
    parts = {item.part for item in dataset.items if item.kind == "image"}
    assert parts == {"images_nabirds", "images_inat"}
