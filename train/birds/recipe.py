"""Figures of the starter's recipe: its five folds, each on recordists that it never heard.

python -m train.birds.recipe [--data data/birds] [--models runs/starter]

Writes MODELS/figures.json, which the starter's manifest takes up.
"""

import json
import sys
from collections.abc import Sequence
from datetime import date
from pathlib import Path
from typing import Any

from tqdm import tqdm

from edge.command.parser import Parser
from edge.contract.atomic import write_atomic
from gallery.command import run
from gallery.data.dataset import Dataset, read_dataset
from gallery.teacher import load_teacher
from train.birds.build import fold_folder
from train.birds.compare import Table, summary
from train.birds.crossval import TEACHER, StudentRow
from train.birds.fold_galleries import ALL_NAMES, core_species, embed_scene
from train.birds.folds import FOLDS
from train.birds.measure import Fold, Measured, find_core, find_others, pooled
from train.birds.report import TASKS
from train.model.checkpoint import load_checkpoint

NAME = "starter"
FIGURES, STUDENT = "figures.json", "student"
_ASKED = (*TASKS, f"A->{ALL_NAMES}", f"A->{ALL_NAMES}, others")


def measure(data: Path, models: Path) -> dict[str, Any]:
    """The figures, JSON-ready, with 95 % intervals over all folds' queries.

    Raises:
        DatasetError: a fold's data or model is missing.
    """
    datasets = [read_dataset(fold_folder(data, number)) for number in range(FOLDS)]
    everything, core = read_dataset(data), core_species(datasets)
    tables = [
        _twin(dataset, everything, core, models / f"fold{number}")
        for number, dataset in enumerate(tqdm(datasets, "folds", disable=None))
    ]
    return {
        "what": "the recipe, cross-validated by recordist: not this very encoder, which heard all",
        "date": date.today().isoformat(),
        "rows": [row for row in summary(pooled(tables)) if row["task"] in _ASKED],
    }


def _twin(dataset: Dataset, everything: Dataset, core: tuple[str, ...], folder: Path) -> Table:
    teacher = load_teacher(f"local-dir:{folder / TEACHER}")
    fold = Fold(dataset, embed_scene(dataset, everything, core, teacher), folder, Measured())
    row, checkpoint = StudentRow(NAME, STUDENT), load_checkpoint(folder / STUDENT)
    find_core(fold, row, checkpoint)
    find_others(fold, row, checkpoint)
    return fold.measured.table


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command."""
    parser = Parser(prog="python -m train.birds.recipe", description=__doc__)
    parser.add_argument("--data", type=Path, default=Path("data/birds"))
    parser.add_argument("--models", type=Path, default=Path("runs/starter"))
    args = parser.parse_args(argv)

    def command() -> None:
        figures = json.dumps(measure(args.data, args.models), indent=1) + "\n"
        write_atomic(args.models / FIGURES, figures.encode())
        print(figures)

    return run(command)


if __name__ == "__main__":
    sys.exit(main())
