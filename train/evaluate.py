"""Measure a distilled student: can it find the picture of what it hears?

python -m train.evaluate [--checkpoint DIR] [--data DIR] [--split test] [--output FILE.json]

Recordings are cut into windows as the listener cuts them; a recording's similarity is the maximum
over its windows. A->species ranks species by the very score of `birdlisten identify`. Prints a
table; writes JSON beside the checkpoint.
"""

import json
import sys
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from edge.contract.errors import DatasetError
from edge.usage import Parser
from gallery.command import run
from gallery.teacher import Teacher, load_teacher
from train.baselines import Embeddings
from train.checkpoint import Checkpoint, load_checkpoint
from train.dataset import Dataset, read_dataset
from train.methods import Names, methods
from train.metrics import Interval, bootstrap
from train.recordings import Recordings, hear, load_recordings
from train.retrieval import METRICS, Heard, Labelled, matches, per_query, species_scores
from train.runs import CACHE, newest_run


@dataclass(frozen=True)
class Scene:
    """Who sings and who is pictured, and what the text space says."""

    audio_labels: npt.NDArray[np.intp]
    """Species index a recording."""
    image_labels: npt.NDArray[np.intp]
    images: Embeddings
    """float32[pictures, dim]."""
    anchors: Embeddings
    """float32[species, dim]."""
    seen: npt.NDArray[np.bool_]
    """bool[species]: heard in training."""


def evaluate(checkpoint_path: Path, data: Path, split: str) -> dict[str, Any]:
    """All methods on all tasks, seen and unseen species apart.

    Returns:
        JSON-ready: {"checkpoint", "split", ..., "rows": [{"method", "species", "task", "mAP",
        "R@1", "R@5", "queries"}]}.

    Raises:
        DatasetError: checkpoint, data set or models can't be used.
    """
    checkpoint, dataset = load_checkpoint(checkpoint_path), read_dataset(data)
    if checkpoint.taxonomy != dataset.taxonomy:
        raise DatasetError(f"{data}: another taxonomy than {checkpoint_path} was trained with")
    teacher = load_teacher(checkpoint.config["teacher"])
    if teacher.space_id != checkpoint.space_id:
        raise DatasetError(
            f"{teacher.name}: its space is {teacher.space_id:.12}, the checkpoint's is "
            f"{checkpoint.space_id:.12}; distil again: python -m train.distill"
        )
    items = dataset.select("audio", split, dataset.taxonomy.ids)
    recordings = load_recordings(items, checkpoint.hearing, CACHE)
    scene = _scene(checkpoint, dataset, teacher, recordings, split)
    quiet = background(dataset, checkpoint)
    names = Names(scene.seen, np.ones(len(scene.seen), bool))
    heard = hear(recordings, quiet, lambda one: methods(checkpoint, one, names))
    rows = [row for name, one in heard.items() for row in _rows(name, *one, scene)]
    return {
        "checkpoint": str(checkpoint_path),
        "dataset": dataset.name,
        "split": split,
        "recordings": len(recordings.items),
        "pictures": len(scene.images),
        "held_out": list(checkpoint.config["held_out"]),
        "rows": rows,
    }


def to_markdown(report: dict[str, Any]) -> str:
    """The report as a table."""
    lines = [
        f"{report['dataset']}, split {report['split']}: {report['recordings']} recordings, "
        f"{report['pictures']} pictures. Mean [95 % bootstrap interval over queries].",
        "",
        "| method | species | task | queries | mAP | R@1 | R@5 |",
        "|---|---|---|---|---|---|---|",
    ]
    for row in report["rows"]:
        figures = " | ".join(str(Interval(**row[name])) for name in METRICS)
        names = f"{row['method']} | {row['species']} | {row['task']} | {row['queries']}"
        lines.append(f"| {names} | {figures} |")
    return "\n".join(lines)


def background(dataset: Dataset, checkpoint: Checkpoint) -> Recordings | None:
    """What the listener's background bank is made of; None if the data set has none."""
    items = dataset.select("audio", "train", ("",))
    return load_recordings(items, checkpoint.hearing, CACHE) if items else None


def _scene(
    checkpoint: Checkpoint,
    dataset: Dataset,
    teacher: Teacher,
    recordings: Recordings,
    split: str,
) -> Scene:
    ids = list(dataset.taxonomy.ids)
    pictures = dataset.select("image", split, ids)
    if not pictures:
        raise DatasetError(f"{dataset.path}: no pictures in split {split!r}")
    shown, images = teacher.embed_pictures(pictures)
    return Scene(
        np.array([ids.index(one) for one in recordings.species]),
        np.array([ids.index(one.species_id) for one in shown]),
        images,
        checkpoint.anchors,
        np.array([one in checkpoint.heard for one in ids]),
    )


def _rows(method: str, heard: Heard, bank: Embeddings | None, scene: Scene) -> list[dict[str, Any]]:
    to_images, to_anchors = heard.pooled(scene.images), heard.pooled(scene.anchors)
    species = np.arange(len(scene.anchors))
    pictures = Labelled(scene.images, scene.image_labels.astype(str))
    ranked = species_scores(heard, pictures, [str(one) for one in species], bank)
    tasks = {
        "A->species": (ranked.rows.T, scene.audio_labels, ranked.species.astype(int)),
        "A->I": (to_images, scene.audio_labels, scene.image_labels),
        "I->A": (to_images.T, scene.image_labels, scene.audio_labels),
        "A->T": (to_anchors, scene.audio_labels, species),
    }
    return [
        _row(method, group, task, similarity[asked], queries[asked], gallery)
        for task, (similarity, queries, gallery) in tasks.items()
        for group, seen in (("seen", True), ("unseen", False))
        # A query whose species the gallery lacks has no right answer.
        if (asked := (scene.seen[queries] == seen) & np.isin(queries, gallery)).any()
    ]


def _row(
    method: str,
    group: str,
    task: str,
    similarity: Embeddings,
    queries: npt.NDArray[np.intp],
    gallery: npt.NDArray[np.intp],
) -> dict[str, Any]:
    values = per_query(similarity, matches(queries, gallery))
    figures = {name: asdict(bootstrap(np.array(one))) for name, one in values.items()}
    names = {"method": method, "species": group, "task": task, "queries": len(queries)}
    return {**names, **figures}


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command."""
    parser = Parser(prog="python -m train.evaluate", description=__doc__)
    parser.add_argument("--checkpoint", type=Path, help="default: the newest run")
    parser.add_argument("--data", type=Path, default=Path("data/aviary"))
    parser.add_argument("--split", default="test")
    parser.add_argument("--output", type=Path, help="default: evaluation.json in the checkpoint")
    args = parser.parse_args(argv)

    def command() -> None:
        checkpoint = args.checkpoint or newest_run()
        report = evaluate(checkpoint, args.data, args.split)
        output = args.output or checkpoint / "evaluation.json"
        output.write_text(json.dumps(report, indent=2) + "\n", encoding="utf-8")
        print(to_markdown(report))

    return run(command)


if __name__ == "__main__":
    sys.exit(main())
