"""Measurement of a distilled student: retrieval of the picture of what it hears.

python -m train.evaluate [--checkpoint DIR] [--data DATA] [--pictures DATA] [--split test]
    [--taxon Aves] [--output FILE.json]

DATA is a folder of our own or KIND:FOLDER of a published corpus, such as ssw60:FOLDER; iNatSounds
takes its pictures from inat21:FOLDER. Recordings are cut into windows as the listener cuts them; a
recording's similarity is the maximum over its windows. A->species ranks species by the very score
of `birdlisten identify`. Prints a table; writes FILE.json, FILE.md and FILE.html, a report that
opens offline, beside the checkpoint.
"""

import json
import sys
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

from edge.command.parser import Parser
from edge.contract.arrays import Flags
from edge.contract.errors import DatasetError
from gallery.command import run
from gallery.data.corpora import open_dataset
from gallery.data.dataset import Dataset
from gallery.data.synonyms import aligned
from gallery.teacher import Teacher, load_teacher
from train.distillation.taxonomic_distance import rank_hits
from train.engine.loop import choose_device
from train.measure.methods import DISTILLED, SpeciesTexts, TextSets, methods
from train.measure.metrics import bootstrap, ranked_metrics
from train.measure.page import to_html, to_markdown
from train.measure.probe import probe_tasks
from train.measure.protocol import Protocol, Task, asked_items, make_protocol
from train.measure.recordings import Recordings, embed, load_recordings
from train.measure.retrieval import PooledEmbeddings
from train.model.checkpoint import Checkpoint, load_checkpoint
from train.runs import CACHE, newest_run


@dataclass(frozen=True)
class Evaluation:
    """Results, and the similarities they are drawn from."""

    report: dict[str, Any]
    """JSON-ready: {"checkpoint", "split", ..., "rows": [{"method", "species", "task", "queries",
    and a metric each}]}."""
    protocol: Protocol
    embedded: PooledEmbeddings
    """By the distilled student."""
    tasks: dict[str, Task]
    """Of the distilled student, by name."""


def evaluate(
    checkpoint_path: Path, data: str, split: str = "test", pictures: str = "", taxon: str = ""
) -> Evaluation:
    """All methods on all tasks, seen and unseen species apart.

    Args:
        checkpoint_path: a distilled student.
        data: recordings, a folder or KIND:FOLDER; and pictures unless these are elsewhere.
        split: of both.
        pictures: where the pictures are, if not in `data`.
        taxon: only species of it; empty takes all.

    Raises:
        DatasetError: checkpoint, data sets or models can't be used.
    """
    opened, pictured = _opened(data, pictures, taxon)
    asked_items(opened, split)  # which is refused before a model is loaded
    checkpoint = load_checkpoint(checkpoint_path)
    dataset = aligned(opened, checkpoint.taxonomy)
    pictured = aligned(pictured, dataset.taxonomy, dataset.keys)
    checkpoint.student.to(choose_device("auto"))
    recordings = load_recordings(asked_items(dataset, split), checkpoint.input_spec, CACHE)
    teacher = _teacher(checkpoint)
    protocol = make_protocol(
        dataset, pictured=pictured, split=split, recordings=recordings, teacher=teacher, cache=CACHE
    )
    known = SpeciesTexts(checkpoint.taxonomy.species, checkpoint.anchors).of(
        checkpoint.seen_species
    )
    names, background = TextSets(known, protocol.texts), background_of(dataset, checkpoint)
    embedded = embed(recordings, background, lambda log_mels: methods(checkpoint, log_mels, names))
    seen = np.array(
        [species.species_id in checkpoint.seen_species for species in protocol.texts.species]
    )
    asked = {
        name: {task.name: task for task in protocol.tasks(*each)} for name, each in embedded.items()
    }
    asked[DISTILLED] |= probe_tasks(
        checkpoint, dataset=dataset, test=recordings, protocol=protocol, cache=CACHE
    )
    rows = [
        row
        for name, tasks in asked.items()
        for task in tasks.values()
        for row in _rows(name, task, protocol.texts, seen)
    ]
    report = {
        "checkpoint": str(checkpoint_path),
        "dataset": dataset.name,
        "synthetic": dataset.synthetic,
        "split": split,
        "recordings": len(recordings.items),
        "pictures": sum(len(gallery.rows) for gallery in protocol.galleries.values()),
        "held_out": list(checkpoint.config["held_out"]),
        "rows": rows,
    }
    return Evaluation(report, protocol, embedded[DISTILLED][0], asked[DISTILLED])


def _opened(data: str, pictures: str, taxon: str) -> tuple[Dataset, Dataset]:
    """Recordings, and pictures."""
    opened = open_dataset(data, taxon)
    return opened, open_dataset(pictures, taxon) if pictures else opened


def background_of(dataset: Dataset, checkpoint: Checkpoint) -> Recordings | None:
    """Windows of the listener's background bank; None if the data set has none."""
    items = dataset.select("audio", "train", ("",))
    return load_recordings(items, checkpoint.input_spec, CACHE) if items else None


def _teacher(checkpoint: Checkpoint) -> Teacher:
    teacher = load_teacher(checkpoint.config["teacher"])
    if teacher.space_id != checkpoint.space_id:
        raise DatasetError(
            f"{teacher.name}: its space is {teacher.space_id:.12}, the checkpoint's is "
            f"{checkpoint.space_id:.12}; distil again: python -m train.distill"
        )
    return teacher


def _rows(method: str, task: Task, texts: SpeciesTexts, seen: Flags) -> Iterator[dict[str, Any]]:
    """A row a group of queries: of species that the student heard in training, and of others."""
    answerable: Flags = np.any(task.relevant, axis=1)
    heard_before: Flags = np.any(task.asked & seen, axis=1)
    for group, wanted in (("seen", heard_before), ("unseen", ~heard_before)):
        queries: Flags = answerable & wanted
        if queries.any():
            names = {"method": method, "species": group, "task": task.name}
            yield {**names, "queries": int(queries.sum()), **_figures(task.only(queries), texts)}


def _figures(task: Task, texts: SpeciesTexts) -> dict[str, Any]:
    values = ranked_metrics(task.similarity, task.relevant)
    kin = rank_hits(task.similarity.argmax(axis=1), task.asked, task.held, texts.species)
    first = task.asked.argmax(axis=1)
    averaged = bootstrap(values["mAP"], classes=first)
    figures = {name: asdict(bootstrap(queries)) for name, queries in {**values, **kin}.items()}
    return {**figures, "mAP by species": asdict(averaged)}


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command."""
    parser = Parser(prog="python -m train.evaluate", description=__doc__)
    parser.add_argument("--checkpoint", type=Path, help="default: the newest run")
    parser.add_argument("--data", default="data/aviary", help="a folder, or KIND:FOLDER")
    parser.add_argument("--pictures", default="", help="where the pictures are, if not in DATA")
    parser.add_argument("--split", default="test")
    parser.add_argument("--taxon", default="", help="only species of it, such as Aves")
    parser.add_argument("--output", type=Path, help="default: evaluation.json in the checkpoint")
    args = parser.parse_args(argv)

    def command() -> None:
        checkpoint = args.checkpoint or newest_run()
        found = evaluate(checkpoint, args.data, args.split, args.pictures, args.taxon)
        output = args.output or checkpoint / "evaluation.json"
        output.write_text(json.dumps(found.report, indent=2) + "\n", encoding="utf-8")
        table = to_markdown(found.report)
        output.with_suffix(".md").write_text(table + "\n", encoding="utf-8")
        page = to_html(found.report, found.protocol, found.embedded, found.tasks)
        output.with_suffix(".html").write_text(page, encoding="utf-8")
        print(table)

    return run(command)


if __name__ == "__main__":
    sys.exit(main())
