"""Measure the cross-validated models of real birds: birds.md, birds.json and a picture.

python -m train.birds.report [--data data/birds] [--models runs/birds] [--output train/results]
    [--before FILE.json]

Queries of all folds are pooled; every core recording is one query. Intervals are 95 % bootstrap
over queries. Folds that are not trained to the end are left out, and said so. What was measured of
a fold is kept beside its models until they are trained again: FOLD/measured.json.
"""

import json
import os
import sys
from collections.abc import Mapping, Sequence
from datetime import date
from pathlib import Path
from typing import Any

from tqdm import tqdm

from edge.command.parser import Parser
from edge.contract.errors import DatasetError
from edge.system.machine import processor
from gallery.command import run
from gallery.data.dataset import Dataset, read_dataset
from gallery.data.table import read_json
from train.birds.build import fold_folder
from train.birds.compare import differences, summary
from train.birds.crossval import BASE, SECONDS, STUDENTS, student_folder
from train.birds.embedders import BASELINES_OF
from train.birds.fold_galleries import core_species
from train.birds.folds import FOLDS
from train.birds.measure import SUPERVISED, UPPER_BOUND, Measured, measure_fold, pooled
from train.birds.page import to_markdown
from train.birds.size import NOTE as SIZE_NOTE
from train.measure.families import confusion, draw
from train.model.checkpoint import META

CHOSEN = "CNN, hint"
"""The kind of student that the starter bundle is (train/birds/recipe.py)."""
RIVALS = ("zero-shot chain", "ridge map", "MLP map", "chance", SUPERVISED)
_SIBLINGS = ("HTSAT", "HTSAT, hint, InfoNCE")
TASKS = ("A->T", "A->I", "I->A", "A->species")
NAME = "birds"


def measure(data: Path, models: Path) -> tuple[dict[str, Measured], Dataset]:
    """Every trained fold.

    Returns:
        What came out, by the fold's name, and the data set of everything.

    Raises:
        DatasetError: no fold is trained, or a model is missing.
    """
    folders = [models / f"fold{number}" for number in range(FOLDS)]
    trained = [number for number, folder in enumerate(folders) if _is_trained(folder)]
    if not trained:
        raise DatasetError(f"{models}: no fold is trained; run train.birds.crossval")
    datasets = [read_dataset(fold_folder(data, number)) for number in range(FOLDS)]
    everything, core = read_dataset(data), core_species(datasets)
    measured = {
        folders[number].name: measure_fold(datasets[number], everything, core, folders[number])
        for number in tqdm(trained, "folds", disable=None)
    }
    return measured, everything


def _is_trained(fold: Path) -> bool:
    return all((student_folder(fold, row) / META).is_file() for row in STUDENTS)


def summarise(
    folds: Mapping[str, Measured], everything: Dataset, models: Path, before: Path | None = None
) -> dict[str, Any]:
    """The whole report, JSON-ready; with what an earlier one said of the chosen student."""
    table = pooled(fold.table for fold in folds.values())
    guesses = [pair for fold in folds.values() for pair in fold.guesses[CHOSEN]]
    names, counts = confusion(guesses, everything.taxonomy)
    return {
        "date": date.today().isoformat(),
        "machine": machine(),
        "folds": list(folds),
        "chosen": CHOSEN,
        "baselines_of": BASELINES_OF,
        "size": _size(models),
        "before": chosen_figures(read_json(before)) if before else {},
        "seconds": _seconds([models / BASE, *(models / fold for fold in folds)]),
        "rows": summary(table),
        "differences": [
            *differences(
                table,
                method=CHOSEN,
                others=(*RIVALS, BASELINES_OF, UPPER_BOUND),
                tasks=TASKS,
                metric="R@1",
            ),
            *differences(
                table,
                method=CHOSEN,
                others=(*RIVALS, BASELINES_OF, UPPER_BOUND),
                tasks=TASKS,
                metric="mAP",
            ),
            *differences(
                table, method=BASELINES_OF, others=(*RIVALS, *_SIBLINGS), tasks=TASKS, metric="R@1"
            ),
        ],
        "families": {"names": names, "counts": counts.tolist()},
    }


def chosen_figures(report: Mapping[str, Any]) -> dict[str, Any]:
    """Summary of the chosen student in a report."""
    rows = [row for row in report["rows"] if row["method"] == CHOSEN and row["task"] in TASKS]
    return {"date": report["date"], "rows": rows}


def machine() -> str:
    """Name and cores of the processor, for a published figure."""
    return f"{processor()}, {os.cpu_count()} cores, no GPU"


def _size(models: Path) -> Mapping[str, Any]:
    """Findings of train.birds.size, if it was asked."""
    note = models / SIZE_NOTE
    found: Mapping[str, Any] = {"recordings": 0, "rows": []}
    return read_json(note) if note.is_file() else found


def _seconds(folders: Sequence[Path]) -> Mapping[str, Mapping[str, float]]:
    notes = {folder.name: folder / SECONDS for folder in folders}
    return {name: read_json(note) for name, note in notes.items() if note.is_file()}


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command."""
    parser = Parser(prog="python -m train.birds.report", description=__doc__)
    parser.add_argument("--data", type=Path, default=Path("data/birds"))
    parser.add_argument("--models", type=Path, default=Path("runs/birds"))
    parser.add_argument("--output", type=Path, default=Path("train/results"))
    parser.add_argument("--before", type=Path, help="an earlier birds.json to compare with")
    args = parser.parse_args(argv)

    def command() -> None:
        folds, everything = measure(args.data, args.models)
        report = summarise(folds, everything, args.models, args.before)
        place = args.output / NAME
        text = json.dumps(report, indent=1) + "\n"
        place.with_suffix(".json").write_text(text, encoding="utf-8")
        draw(**report["families"], file=place.with_name(f"{NAME}-families.png"))
        page = to_markdown(report)
        place.with_suffix(".md").write_text(page, encoding="utf-8")
        print(page)

    return run(command)


if __name__ == "__main__":
    sys.exit(main())
