"""Measurement of a distilled student: retrieval of the picture of what it hears.

python -m train.evaluate [--checkpoint DIR] [--data DATA] [--pictures DATA] [--split test]
    [--pictures-split SPLIT] [--taxon Aves] [--no-probes] [--output FILE.json]

DATA is a folder of our own or KIND:FOLDER of a published corpus, such as ssw60:FOLDER; iNatSounds
takes its pictures from inat21:FOLDER, where no split `test` has names: --pictures-split validation.
Recordings are cut into windows as the listener cuts them; a recording's similarity is the maximum
over its windows. A->species ranks species by the very score of `birdlisten identify`. Of pieces
that hold several species, or none, cmAP and AUROC are told, too. Embeddings are made once and kept
in runs/cache. Prints a table; writes FILE.json, FILE.md and FILE.html, a report that opens offline,
beside the checkpoint.
"""

import json
import sys
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import chain
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
from train.engine.loop import choose_device
from train.measure.figures import TO_NAMES, Asked, Figures, Row, are_soundscapes
from train.measure.kept import KeptWindows
from train.measure.methods import DISTILLED, SpeciesTexts, TextSets, methods
from train.measure.page import to_html, to_markdown
from train.measure.probe import probe_tasks
from train.measure.protocol import Protocol, asked_items, make_protocol, shown_items
from train.measure.recordings import Embedded, Recordings, embed_in_turn, load_recordings
from train.measure.retrieval import PooledEmbeddings
from train.measure.task import Task, rank
from train.model.checkpoint import Checkpoint, load_checkpoint
from train.runs import CACHE, newest_run
from train.sound.heard import heard_before


@dataclass(frozen=True)
class Evaluation:
    """Results, and what they are drawn from."""

    report: dict[str, Any]
    """JSON-ready: {"checkpoint", "split", ..., "rows": [{"method", "species", "task", "queries",
    and a metric each}], "soundscapes": rows likewise}."""
    protocol: Protocol
    embedded: PooledEmbeddings
    """By the distilled student."""
    asked: dict[str, Asked]
    """Of the distilled student, by task."""


def evaluate(
    checkpoint_path: Path,
    data: str,
    split: str = "test",
    pictures: str = "",
    pictures_split: str = "",
    taxon: str = "",
    probes: bool = True,
) -> Evaluation:
    """All methods on all tasks; of all species, and of seen and unseen ones apart.

    Args:
        checkpoint_path: a distilled student.
        data: recordings, a folder or KIND:FOLDER; and pictures unless these are elsewhere.
        split: of both.
        pictures: where the pictures are, if not in `data`.
        pictures_split: of the pictures, if not that of the recordings.
        taxon: only species of it; empty takes all.
        probes: fit linear probes, too.

    Raises:
        DatasetError: checkpoint, data sets or models can't be used, or a split is empty.
    """
    opened, pictured = _opened(data, pictures, taxon)
    asked_items(opened, split)  # which is refused before a model is loaded
    checkpoint = load_checkpoint(checkpoint_path)
    dataset = aligned(opened, checkpoint.taxonomy)
    pictured = aligned(pictured, dataset.taxonomy, dataset.keys)
    shown = shown_items(
        pictured, pictures_split or split, dataset.taxonomy.ids, wanted=bool(pictures)
    )
    checkpoint.student.to(choose_device("auto"))
    recordings = load_recordings(asked_items(dataset, split), checkpoint.input_spec, CACHE)
    protocol = make_protocol(dataset, shown, recordings, teacher=_teacher(checkpoint), cache=CACHE)
    figures = Figures(protocol.texts, _seen(checkpoint, protocol))
    found = _Results()
    for name, heard in _heard(checkpoint, dataset, recordings=recordings, protocol=protocol):
        tasks = protocol.tasks(*heard)
        if name == DISTILLED:
            found.embedded = heard[0]
            if probes:
                tasks = chain(tasks, _probes(checkpoint, dataset, recordings, protocol))
        found.ask(name, tasks, figures)
    report = {
        "checkpoint": str(checkpoint_path),
        "dataset": dataset.name,
        "synthetic": dataset.synthetic,
        "split": split,
        "recordings": len(recordings.items),
        "pictures": sum(len(gallery.rows) for gallery in protocol.galleries.values()),
        "held_out": list(checkpoint.config["held_out"]),
        "heard_before": heard_before(checkpoint.origin),
        "rows": found.rows,
        "soundscapes": found.soundscapes,
    }
    return Evaluation(report, protocol, found.embedded, found.asked)


class _Results:
    """Results of the methods so far."""

    embedded: PooledEmbeddings
    """By the distilled student."""

    def __init__(self) -> None:
        self.rows: list[Row] = []
        self.soundscapes: list[Row] = []
        self.asked: dict[str, Asked] = {}
        """Of the distilled student, by task."""

    def ask(self, method: str, tasks: Iterable[Task], figures: Figures) -> None:
        """Rank a method's tasks, one after the other, and note the figures."""
        asked = dict[str, Asked]()
        for task in tasks:
            asked[task.name] = Asked(task, rank(task))
            self.rows += figures.rows(method, asked[task.name])
        if are_soundscapes(asked[TO_NAMES].task):
            self.soundscapes += figures.soundscapes(method, asked)
        if method == DISTILLED:
            self.asked = asked


def _probes(
    checkpoint: Checkpoint, dataset: Dataset, recordings: Recordings, protocol: Protocol
) -> Iterator[Task]:
    return probe_tasks(checkpoint, dataset=dataset, test=recordings, protocol=protocol, cache=CACHE)


def _opened(data: str, pictures: str, taxon: str) -> tuple[Dataset, Dataset]:
    """Recordings, and pictures."""
    opened = open_dataset(data, taxon)
    return opened, open_dataset(pictures, taxon) if pictures else opened


def _heard(
    checkpoint: Checkpoint, dataset: Dataset, recordings: Recordings, protocol: Protocol
) -> Iterator[tuple[str, Embedded]]:
    """The recordings as every method hears them, in turn."""
    known = SpeciesTexts(checkpoint.taxonomy.species, checkpoint.anchors).of(
        checkpoint.seen_species
    )
    names, background = TextSets(known, protocol.texts), background_of(dataset, checkpoint)
    items = (*recordings.items, *(background.items if background else ()))
    kept = KeptWindows(items, recordings.cut, CACHE)
    return embed_in_turn(
        recordings, background, lambda log_mels: methods(checkpoint, log_mels, names, kept)
    )


def _seen(checkpoint: Checkpoint, protocol: Protocol) -> Flags:
    """bool[species]: which the student heard in training."""
    seen = set(checkpoint.seen_species)
    return np.array([species in seen for species in protocol.ids], bool)


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


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command."""
    parser = Parser(prog="python -m train.evaluate", description=__doc__)
    parser.add_argument("--checkpoint", type=Path, help="default: the newest run")
    parser.add_argument("--data", default="data/aviary", help="a folder, or KIND:FOLDER")
    parser.add_argument("--pictures", default="", help="where the pictures are, if not in DATA")
    parser.add_argument("--split", default="test")
    parser.add_argument("--pictures-split", default="", help="default: that of the recordings")
    parser.add_argument("--taxon", default="", help="only species of it, such as Aves")
    parser.add_argument("--no-probes", action="store_true", help="fit no linear classifiers")
    parser.add_argument("--output", type=Path, help="default: evaluation.json in the checkpoint")
    args = parser.parse_args(argv)

    def command() -> None:
        checkpoint = args.checkpoint or newest_run()
        found = evaluate(
            checkpoint,
            data=args.data,
            split=args.split,
            pictures=args.pictures,
            pictures_split=args.pictures_split,
            taxon=args.taxon,
            probes=not args.no_probes,
        )
        output = args.output or checkpoint / "evaluation.json"
        output.write_text(json.dumps(found.report, indent=2) + "\n", encoding="utf-8")
        table = to_markdown(found.report)
        output.with_suffix(".md").write_text(table + "\n", encoding="utf-8")
        page = to_html(found.report, found.protocol, found.embedded, found.asked)
        output.with_suffix(".html").write_text(page, encoding="utf-8")
        print(table)

    return run(command)


if __name__ == "__main__":
    sys.exit(main())
