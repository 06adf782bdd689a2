"""Figures of the report: every run asked the same recordings, clips, pictures and names."""

import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import asdict, dataclass, field, replace
from typing import Any

import numpy as np

from edge.contract.arrays import Array, Flags
from gallery.data.corpora import open_dataset
from gallery.data.synonyms import aligned
from gallery.teacher import Teacher
from train.bridges.clips import open_clips
from train.bridges.heard_clips import hear_clips, name_texts
from train.bridges.pivot import CURVE
from train.bridges.report.runs import TrainedRun
from train.bridges.retrieval import compare
from train.bridges.zero_shot_figures import AS_PICTURES
from train.measure.figures import Asked, Figures, Row
from train.measure.methods import SpeciesTexts
from train.measure.protocol import make_protocol
from train.measure.recordings import load_recordings
from train.measure.retrieval import PooledEmbeddings
from train.measure.task import Task, rank
from train.model.checkpoint import Checkpoint
from train.model.student import embed_log_mels
from train.runs import CACHE

TASKS = ("A->I", "I->A", "A->T", "T->A")
RECORDINGS, CLIPS = "recordings", "clips"
METRICS = ("R@1", "R@5", "mAP")
EVERY, SEEN, UNSEEN = "all", "seen", "unseen"
_FRAMES = 8
"""Of a clip, whatever a run learned from."""


@dataclass(frozen=True, kw_only=True)
class PairedQuestion:
    """Two runs on the same queries: by how much the first is ahead."""

    first: str
    other: str
    task: str
    asked: str = CLIPS
    group: str = EVERY


PAIRED = (
    PairedQuestion(first="nearest", other="random", task="A->T"),
    PairedQuestion(first="multiframe", other="random", task="A->I"),
    PairedQuestion(first="multiframe, clip", other="random", task="A->I"),
    PairedQuestion(first="text + image", other="text", task="A->I", asked=RECORDINGS),
    PairedQuestion(first="text + image", other="text", task="A->I", asked=RECORDINGS, group=UNSEEN),
    PairedQuestion(
        first="text", other="text, shuffled taxonomy", task="A->T", asked=RECORDINGS, group=UNSEEN
    ),
    PairedQuestion(
        first="text", other="text, shuffled taxonomy", task="A->I", asked=RECORDINGS, group=UNSEEN
    ),
    PairedQuestion(first="pivot", other="text", task="A->I", asked=RECORDINGS),
)


@dataclass(frozen=True, kw_only=True)
class RunAnswers:
    """Answers of one run about recordings, or about clips."""

    asked: Mapping[str, Asked]
    """By task."""
    figures: Figures
    clusters: Mapping[str, Array] = field(default_factory=dict)
    """Queries that stand and fall together, by task: the frames of a clip."""

    def rows(self, name: str, about: str) -> Iterator[Row]:
        """A row a task and group of species, with the R@1 of who answers at random."""
        for task in TASKS:
            answer = self.asked[task]
            for row in self.figures.rows(name, answer):
                queries = self.queries(task, row["species"])
                whole = self._by_clusters(task, queries)
                yield {"about": about, **row, **whole, "chance": _chance(answer, queries)}

    def _by_clusters(self, task: str, queries: Flags) -> Row:
        """Intervals for which clusters are drawn as wholes; none of single queries."""
        if task not in self.clusters:
            return {}
        owner, values = self.clusters[task][queries], self.asked[task].ranking.values
        drawn = {metric: values[metric][queries] for metric in METRICS}
        return {name: asdict(compare(found, 0 * found, owner)) for name, found in drawn.items()}

    def queries(self, task: str, group: str) -> Flags:
        """bool[queries]: answerable ones of all species, of those heard in training, of others."""
        answer = self.asked[task]
        known: Flags = answer.task.asked.any_of(self.figures.seen)
        every = np.ones(len(known), bool)
        chosen = {EVERY: every, SEEN: known, UNSEEN: ~known}[group]
        return np.asarray(chosen & answer.ranking.answerable)


def ask_recordings(
    checkpoint: Checkpoint, teacher: Teacher, data: str, split: str = "test", shown: str = "test"
) -> RunAnswers:
    """Recordings of a split among pictures and names, and the other way round.

    Args:
        checkpoint: of the run.
        teacher: sees the pictures.
        data: data set of recordings and pictures.
        split: of the recordings.
        shown: split of the pictures, of the species that are heard.
    """
    dataset = aligned(open_dataset(data), checkpoint.taxonomy)
    items = dataset.select("audio", split, dataset.taxonomy.ids)
    recordings = load_recordings(items, checkpoint.input_spec, CACHE)
    heard = {item.species_id for item in recordings.items}
    pictures = dataset.select("image", shown, heard)
    protocol = make_protocol(dataset, pictures, recordings, teacher=teacher, cache=CACHE)
    rows = embed_log_mels(checkpoint.student, recordings.log_mels).numpy()
    tasks = protocol.tasks(PooledEmbeddings(rows, recordings.recording), None)
    return _answers(checkpoint, protocol.texts, tasks)


def ask_clips(checkpoint: Checkpoint, teacher: Teacher, data: str) -> RunAnswers:
    """Test clips among frames of all and names: right is whatever is of the same species."""
    clips = open_clips(data)
    heard = hear_clips(checkpoint, teacher, clips.select("test"), frames=_FRAMES, cache=CACHE)
    names = name_texts(clips, teacher, CACHE)
    tasks = heard.questions("species", names, clips.taxonomy.ids).tasks(heard.heard)
    found = _answers(checkpoint, SpeciesTexts(clips.taxonomy.species, names.rows), tasks)
    return replace(found, clusters=heard.clusters)


def _answers(checkpoint: Checkpoint, texts: SpeciesTexts, tasks: Iterable[Task]) -> RunAnswers:
    heard = set(checkpoint.seen_species)
    seen = np.array([species.species_id in heard for species in texts.species], bool)
    asked = {task.name: Asked(task, rank(task)) for task in tasks if task.name in TASKS}
    return RunAnswers(asked=asked, figures=Figures(texts, seen))


def _chance(answer: Asked, queries: Flags) -> float:
    answers = len(answer.task.held)
    relevant = [len(answer.task.relevant(query)) for query in np.flatnonzero(queries).tolist()]
    return float(np.mean(relevant) / answers)


def differences(answers: Mapping[tuple[str, str], RunAnswers]) -> Iterator[Row]:
    """Row of every paired question whose runs are here, for R@1 and mAP.

    Args:
        answers: by the run's name and what it was asked about.
    """
    for question in PAIRED:
        first = answers.get((question.first, question.asked))
        other = answers.get((question.other, question.asked))
        if first and other and (queries := first.queries(question.task, question.group)).any():
            for metric in ("R@1", "mAP"):
                mine, theirs = (
                    run.asked[question.task].ranking.values[metric][queries]
                    for run in (first, other)
                )
                told = {"metric": metric, "queries": int(queries.sum())}
                yield {**asdict(question), **told, "difference": asdict(compare(mine, theirs))}


def curve_of(trained: TrainedRun) -> list[dict[str, Any]]:
    """Points of a pivot's curve, pairs and R@1 of sounds among names; none of another run."""
    file = trained.folder / CURVE
    if not file.is_file():
        return []
    points = json.loads(file.read_text(encoding="utf-8"))
    return [
        {
            "pairs": point["pairs"],
            "species": figure["group"],
            "queries": figure["queries"],
            "chance": figure["chance"],
            "R@1": figure["metrics"]["R@1"],
        }
        for point in points
        for figure in point["figures"]
        if figure["prompt"] != AS_PICTURES
    ]
