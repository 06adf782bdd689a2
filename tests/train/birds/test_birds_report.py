"""The report of real birds as page and picture, and the credits of what is shipped."""

import json

import numpy as np
import pytest
from PIL import Image

torch = pytest.importorskip("torch")
from edge.contract.errors import DatasetError  # noqa: E402
from tests.support import ROOT  # noqa: E402
from train.birds import notice, recipe  # noqa: E402
from train.birds.compare import differences, summary  # noqa: E402
from train.birds.page import to_markdown  # noqa: E402
from train.birds.report import CHOSEN, chosen_figures, main  # noqa: E402
from train.measure.families import confusion, draw  # noqa: E402

RESULTS = ROOT / "train" / "results"


def chosen_rows(table: dict) -> list[dict]:
    return [one for one in summary(table) if (one["task"], one["method"]) == ("A->T", CHOSEN)]


def report() -> dict:
    values = {"mAP": [1.0, 0.0], "R@1": [1.0, 0.0], "R@5": [1.0, 1.0], "margin": [0.1, 0.3]}
    tasks = ("A->T", "A->species", "A->I (570 species)", "A->T (unseen species)")
    table = {
        **{task: {CHOSEN: values, "chance": values} for task in tasks},
        "I->T (new photographers)": {"teacher": values},
        "linear probe, after distillation": {CHOSEN: values},
        "audio-text alignment, after distillation": {CHOSEN: values},
    }
    return {
        "date": "2026-01-02",
        "machine": "an abacus",
        "folds": ["fold0", "fold1"],
        "chosen": CHOSEN,
        "baselines_of": "HTSAT, hint",
        "before": {"date": "2025-12-31", "rows": chosen_rows(table)},
        "size": {
            "recordings": 353,
            "rows": [
                {
                    "cnn": "tiny_cnn",
                    "parameters": 1_500_000,
                    "flops": 2e8,
                    "error": {"mean": 0.5, "low": 0.4, "high": 0.6},
                    "difference": {"mean": -0.01, "low": -0.02, "high": 0.0},
                }
            ],
        },
        "seconds": {"base": {"clap": 3600.0}, "fold0": {"teacher": 1800.0}},
        "rows": summary(table),
        "differences": differences(table, CHOSEN, ["chance"], ["A->T"], "R@1"),
    }


def test_the_page_says_what_was_measured_where_and_for_how_long():
    page = to_markdown(report())
    for text in ("an abacus", "2026-01-02", "2 of 5", "1.5 hours", "0.954"):
        assert text in page
    assert "353 recordings" in page
    both = "0.500 [0.000, 1.000]"
    assert f"| {CHOSEN} | 2025-12-31 | now |" in page
    assert f"| A->T, R@1 | {both} | {both} |" in page
    assert "| tiny_cnn | 1.50 | 0.20 | 0.500 [0.400, 0.600] | -0.010 [-0.020, +0.000] |" in page
    assert f"| A->T | {CHOSEN} | 2 | 0.500 [" in page
    assert f"| {CHOSEN}, by picture | 0.500 [" in page
    assert f"| A->T | R@1 | {CHOSEN} | chance | +0.000 [+0.000, +0.000] |" in page
    other_galleries = page.partition("## Other galleries")[2].partition("##")[0]
    assert "teacher" not in other_galleries.partition("|")[2]
    assert "$" not in page
    assert not [line for line in page.splitlines() if line.startswith(" |")]


def test_an_earlier_report_is_asked_for_the_chosen_rows_only():
    figures = chosen_figures(report())
    assert {row["method"] for row in figures["rows"]} == {CHOSEN}
    assert {row["task"] for row in figures["rows"]} == {"A->T", "A->species"}


def test_families_are_counted_and_drawn(taxonomy, tmp_path):
    first, second, *_ = taxonomy.ids
    names, counts = confusion([(first, first), (first, second), (second, second)], taxonomy)
    assert names == ["Family"]
    assert counts.tolist() == [[3]]
    draw(["Corvidae", "Paridae"], np.array([[3, 1], [0, 0]]), tmp_path / "families.png")
    with Image.open(tmp_path / "families.png") as picture:
        assert min(picture.size) > 200


def test_untrained_folds_are_named(tmp_path, capsys):
    assert main(["--models", str(tmp_path)]) == 1
    assert "run train.birds.crossval" in capsys.readouterr().err


def test_a_recipe_without_its_folds_is_one_line(tmp_path, capsys):
    assert recipe.main(["--data", str(tmp_path / "birds"), "--models", str(tmp_path)]) == 1
    assert "birds-fold0" in capsys.readouterr().err


def row(**changes: str) -> dict[str, str]:
    return {
        "kind": "audio",
        "scientific_name": "Parus major",
        "split": "train",
        "licence": "CC-BY",
        "attribution": "Ann,\n https://x/1",
        "url": "https://x/1",
        **changes,
    }


def test_a_credit_names_species_licence_author_and_place_once():
    rest = row(kind="image", scientific_name="", url="https://x/2")
    heard = row(scientific_name="", split="unlabelled", attribution="Ben, https://x/1")
    text = notice.credits([row(), rest, heard])
    first = "(birds) | CC-BY | Ben, https://x/1\nParus major | CC-BY | Ann, https://x/1\n"
    assert f"Recordings: 2\n\n{first}" in text
    assert "(background) | CC-BY | Ann, https://x/1 | https://x/2\n" in text


def test_what_stands_above_the_line_of_a_notice_is_kept(tmp_path):
    with (tmp_path / "manifest.csv").open("w", encoding="utf-8") as file:
        file.write("path,kind,scientific_name,common_name,split,licence,attribution,url\n")
        file.write("a.wav,audio,Parus major,Great Tit,train,CC0,Ann,\n")
    file = tmp_path / "NOTICE"
    file.write_text(f"mine\n{notice.LINE}\nold\n", encoding="utf-8")
    notice.write(file, tmp_path)
    text = file.read_text(encoding="utf-8")
    assert text.startswith("mine\n")
    assert "Parus major | CC0 | Ann" in text
    assert "old" not in text
    file.write_text("no line", encoding="utf-8")
    with pytest.raises(DatasetError, match="no line of 72 dashes"):
        notice.write(file, tmp_path)


def test_the_committed_page_is_what_the_committed_json_says():
    if not (RESULTS / "birds.json").is_file():
        pytest.skip("not measured yet")
    measured = json.loads((RESULTS / "birds.json").read_text(encoding="utf-8"))
    assert (RESULTS / "birds.md").read_text(encoding="utf-8") == to_markdown(measured)
