"""Measure the cross-validated models of real birds: a table, and birds.json beside the models.

python -m train.birds.report [--data data/birds] [--models runs/birds]

Queries of all folds are pooled; every core recording is one query. Intervals are 95 % bootstrap
over queries. Folds that are not trained yet are left out, and said so.
"""

import json
import sys
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from edge.contract.errors import DatasetError
from edge.usage import Parser
from gallery.command import run
from gallery.teacher import load_teacher
from train.birds.build import fold_folder
from train.birds.crossval import STUDENTS, TEACHER, Row, student_folder
from train.birds.folds import FOLDS, TEST, TRAIN, UNSEEN
from train.birds.hear import BASELINES_OF, before, hear, load_recordings, probe
from train.birds.scene import Scene, core_species, embed_scene
from train.checkpoint import META, load_checkpoint
from train.dataset import Dataset, read_dataset
from train.metrics import Interval, bootstrap
from train.retrieval import METRICS, Heard, Labelled, Values, per_query, retrieval

Table = dict[str, dict[str, Values]]
"""task -> method -> metric -> one value a query."""
SUPERVISED = "supervised probe"


def measure_fold(dataset: Dataset, everything: Dataset, core: Sequence[str], models: Path) -> Table:
    """Every query of one fold, by task and method.

    Raises:
        DatasetError: a model is missing.
    """
    teacher = load_teacher(f"local-dir:{models / TEACHER / 'teacher'}")
    scene = embed_scene(dataset, everything, core, teacher)
    table: Table = {}
    _teacher(table, scene)
    for row in trained_rows(models):
        _measure_row(table, row, dataset, scene, models)
    return table


def trained_rows(models: Path) -> list[Row]:
    """The rows whose checkpoint is there."""
    return [row for row in STUDENTS if (student_folder(models, row) / META).is_file()]


def pooled(folds: Iterable[Table]) -> Table:
    """Queries of all folds, one after the other; what a fold lacks is lacking in all."""
    tables = list(folds)
    return {
        task: {
            method: {
                metric: [value for one in tables for value in one[task][method][metric]]
                for metric in METRICS
            }
            for method in methods
            if all(method in one.get(task, {}) for one in tables)
        }
        for task, methods in tables[0].items()
    }


def to_markdown(report: dict[str, Any]) -> str:
    """The report as a table."""
    lines = [
        f"Folds {', '.join(map(str, report['folds']))} of {FOLDS}. Mean [95 % bootstrap interval].",
        "",
        f"| task | method | queries | {' | '.join(METRICS)} |",
        "|---|---|---|---|---|---|",
    ]
    for row in report["rows"]:
        figures = " | ".join(str(Interval(**row[name])) for name in METRICS)
        lines.append(f"| {row['task']} | {row['method']} | {row['queries']} | {figures} |")
    return "\n".join(lines)


def paired(one: Sequence[float], other: Sequence[float]) -> dict[str, float]:
    """Mean difference of two methods over the same queries, with its interval."""
    difference = np.array(one) - np.array(other)
    interval = bootstrap(difference[np.isfinite(difference)])
    return {"mean": interval.mean, "low": interval.low, "high": interval.high}


def summary(table: Table) -> list[dict[str, Any]]:
    """A row a task and method: queries, and mean and interval of each metric."""
    return [
        {"task": task, "method": method, **_row(values)}
        for task, methods in table.items()
        for method, values in methods.items()
    ]


def _row(values: Values) -> dict[str, Any]:
    kept = {name: np.array(one)[np.isfinite(one)] for name, one in values.items()}
    figures = {name: vars(bootstrap(one)) for name, one in kept.items()}
    return {"queries": len(kept[METRICS[0]]), **figures}


def _teacher(table: Table, scene: Scene) -> None:
    """How well the teacher itself knows pictures by name: the ceiling of every student."""
    sights = {
        "photographers it knows": (scene.taught, scene.anchors.of(scene.core)),
        "new photographers": (scene.new, scene.anchors.of(scene.core)),
        "unseen species": (scene.unseen, scene.unseen_galleries["T"]),
    }
    for name, (pictures, anchors) in sights.items():
        similarity = pictures.rows @ anchors.rows.T
        relevant = pictures.species[:, None] == anchors.species[None]
        _put(table, f"I->T ({name})", "teacher", per_query(similarity, relevant))
        _put(table, f"T->I ({name})", "teacher", per_query(similarity.T, relevant.T))


def _measure_row(table: Table, row: Row, dataset: Dataset, scene: Scene, models: Path) -> None:
    checkpoint = load_checkpoint(student_folder(models, row))
    ids = dataset.taxonomy.ids
    test = load_recordings(dataset.select("audio", TEST, ids), checkpoint)
    unseen = load_recordings(dataset.select("audio", UNSEEN, ids), checkpoint)
    for method, heard in hear(row, checkpoint, test, checkpoint.heard).items():
        _put_all(table, method, retrieval(heard, test.species, scene.galleries))
    for method, heard in hear(row, checkpoint, unseen, checkpoint.heard).items():
        found = retrieval(heard, unseen.species, scene.unseen_galleries)
        _put_all(table, method, {f"{task} (unseen species)": one for task, one in found.items()})
    train = load_recordings(dataset.select("audio", TRAIN, scene.core), checkpoint)
    for when, student in (("before", before(checkpoint)), ("after", checkpoint.student)):
        scores = probe(student, train, test, scene.core)
        relevant = test.species[:, None] == np.array(scene.core)[None]
        _put(table, f"linear probe, {when} distillation", row.name, per_query(scores, relevant))
        if (row.name, when) == (BASELINES_OF, "before"):
            _put_all(table, SUPERVISED, _supervised(scores, test.species, scene))


def _supervised(
    scores: npt.NDArray[np.float32], species: npt.NDArray[np.str_], scene: Scene
) -> dict[str, Values]:
    """A classifier's log-probability stands for the similarity with all of a species' rows."""
    heard = Heard(scores, np.arange(len(scores)))
    eye = np.eye(len(scene.core), dtype=np.float32)
    place = {one: n for n, one in enumerate(scene.core)}
    galleries = {
        name: Labelled(eye[[place[one] for one in gallery.species]], gallery.species)
        for name, gallery in scene.galleries.items()
        if set(gallery.species) <= set(place)
    }
    return retrieval(heard, species, galleries)


def _put(table: Table, task: str, method: str, values: Values) -> None:
    table.setdefault(task, {})[method] = values


def _put_all(table: Table, method: str, found: Mapping[str, Values]) -> None:
    for task, values in found.items():
        _put(table, task, method, values)


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command."""
    parser = Parser(prog="python -m train.birds.report", description=__doc__)
    parser.add_argument("--data", type=Path, default=Path("data/birds"))
    parser.add_argument("--models", type=Path, default=Path("runs/birds"))
    args = parser.parse_args(argv)

    def command() -> None:
        folders = [args.models / f"fold{fold}" for fold in range(FOLDS)]
        trained = [n for n, one in enumerate(folders) if trained_rows(one)]
        if not trained:
            raise DatasetError(f"{args.models}: no fold is trained; run train.birds.crossval")
        datasets = {fold: read_dataset(fold_folder(args.data, fold)) for fold in range(FOLDS)}
        everything, core = read_dataset(args.data), core_species(datasets.values())
        tables = (measure_fold(datasets[fold], everything, core, folders[fold]) for fold in trained)
        report = {"folds": trained, "rows": summary(pooled(tables))}
        text = json.dumps(report, indent=1) + "\n"
        (args.models / "birds.json").write_text(text, encoding="utf-8")
        print(to_markdown(report))

    return run(command)


if __name__ == "__main__":
    sys.exit(main())
