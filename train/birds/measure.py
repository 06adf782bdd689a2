"""Measure every model of one fold: each query, by task and method."""

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path

import numpy as np
import numpy.typing as npt

from edge.contract.arrays import Embeddings, Flags
from edge.contract.atomic import write_atomic
from gallery.data.dataset import Dataset
from gallery.teacher import load_teacher
from train.birds.compare import Table
from train.birds.crossval import STUDENTS, TEACHER, UPPER_BOUND_OF, StudentRow, student_folder
from train.birds.embedders import BASELINES_OF, embedders
from train.birds.fold_galleries import ALL_NAMES, FoldGalleries, embed_scene
from train.birds.folds import OTHERS, TEST, TRAIN, UNSEEN
from train.birds.upper_bound import HintUpperBound, probe_hints
from train.config import DistillConfig, renamed
from train.evaluate import background_of
from train.measure.baselines import unit
from train.measure.methods import OwnSpace
from train.measure.probe import before, probe
from train.measure.recordings import Recordings, embed, load_recordings
from train.measure.retrieval import (
    LabelledEmbeddings,
    PooledEmbeddings,
    Values,
    matches,
    per_query,
    retrieval,
    species_scores,
)
from train.model.checkpoint import META, Checkpoint, load_checkpoint
from train.runs import CACHE
from train.sound.training_set import left_out, load_sounds

Guesses = dict[str, list[list[str]]]
"""method -> true and guessed species of every core recording."""
MEASURED = "measured.json"
SUPERVISED, UPPER_BOUND = "supervised probe", "hint network + head"
MARGIN = "margin"
"""Cosine with the own species' text, less the mean over the others."""


@dataclass(frozen=True)
class Measured:
    """Result of one fold."""

    table: Table = field(default_factory=dict)
    guesses: Guesses = field(default_factory=dict)


@dataclass(frozen=True)
class Fold:
    """Material that all rows of a fold are measured on, and the results."""

    dataset: Dataset
    scene: FoldGalleries
    models: Path
    measured: Measured

    def put(self, method: str, found: Mapping[str, Values]) -> None:
        """Note the tasks of a method."""
        for task, values in found.items():
            self.measured.table.setdefault(task, {})[method] = values


def measure_fold(
    dataset: Dataset, everything: Dataset, core: Sequence[str], models: Path
) -> Measured:
    """Every query of one fold; what was measured since its models were trained is kept.

    Args:
        dataset: the fold.
        everything: holds the pictures of all species.
        core: ids of the species that are asked about.
        models: the fold's folder, from train.birds.crossval.

    Raises:
        DatasetError: a model is missing.
    """
    note = models / MEASURED
    if note.is_file() and note.stat().st_mtime > _trained_at(models):
        return Measured(**json.loads(note.read_text(encoding="utf-8")))
    teacher = load_teacher(f"local-dir:{models / TEACHER / 'teacher'}")
    scene = embed_scene(dataset, everything, core, teacher)
    fold = Fold(dataset, scene, models, Measured())
    _teacher(fold)
    for row in STUDENTS:
        _row(fold, row)
    write_atomic(note, json.dumps(asdict(fold.measured)).encode())
    return fold.measured


def pooled(folds: Iterable[Table]) -> Table:
    """Queries of all folds, one after the other."""
    tables = list(folds)
    return {
        task: {
            method: {
                metric: [value for table in tables for value in table[task][method][metric]]
                for metric in values
            }
            for method, values in methods.items()
        }
        for task, methods in tables[0].items()
    }


def _trained_at(models: Path) -> float:
    return max((student_folder(models, row) / META).stat().st_mtime for row in STUDENTS)


def alignment(similarity: Embeddings, relevant: Flags) -> Values:
    """Retrieval metrics, and how much nearer the own text is than the others."""
    own = np.where(relevant, similarity, 0).sum(axis=1) / relevant.sum(axis=1)
    others = np.where(relevant, 0, similarity).sum(axis=1) / (~relevant).sum(axis=1)
    return {**per_query(similarity, relevant), MARGIN: [float(margin) for margin in own - others]}


def _teacher(fold: Fold) -> None:
    """Teacher's own accuracy on pictures by name: the ceiling of every student."""
    scene = fold.scene
    sights = {
        "photographers it knows": (scene.taught, scene.anchors.of(scene.core)),
        "new photographers": (scene.new, scene.anchors.of(scene.core)),
        "unseen species": (scene.unseen, scene.unseen_galleries["T"]),
    }
    for name, (pictures, anchors) in sights.items():
        similarity = pictures.rows @ anchors.rows.T
        relevant = matches(pictures.species, anchors.species)
        fold.put("teacher", {f"I->T ({name})": per_query(similarity, relevant)})
        fold.put("teacher", {f"T->I ({name})": per_query(similarity.T, relevant.T)})


def find_core(
    fold: Fold, row: StudentRow, checkpoint: Checkpoint
) -> tuple[Recordings, dict[str, tuple[PooledEmbeddings, Embeddings | None]]]:
    """Note how a row finds the core species; the recordings, and how each method heard them."""
    items = fold.dataset.select("audio", TEST, fold.dataset.taxonomy.ids)
    test = load_recordings(items, checkpoint.input_spec, CACHE)
    background = background_of(fold.dataset, checkpoint)
    found = embed(test, background, embedders(row, checkpoint, fold.scene.core))
    for method, (embedded, bank) in found.items():
        _search(fold, method=method, embedded=embedded, bank=bank, species=test.species)
    return test, found


def find_others(fold: Fold, row: StudentRow, checkpoint: Checkpoint) -> None:
    """Note how a row finds species beside core by new recordists, among all names."""
    items = fold.dataset.select("audio", OTHERS, fold.dataset.taxonomy.ids)
    asked = load_recordings(items, checkpoint.input_spec, CACHE)
    names = {ALL_NAMES: fold.scene.anchors}  # most of them have no picture
    for method, (embedded, _) in embed(
        asked, None, embedders(row, checkpoint, fold.scene.core)
    ).items():
        tasks = retrieval(embedded, asked.species, names)
        fold.put(method, {f"{task}, others": values for task, values in tasks.items()})


def _row(fold: Fold, row: StudentRow) -> None:
    checkpoint = load_checkpoint(student_folder(fold.models, row))
    test, found = find_core(fold, row, checkpoint)
    items = fold.dataset.select("audio", UNSEEN, fold.dataset.taxonomy.ids)
    unseen = load_recordings(items, checkpoint.input_spec, CACHE)
    unknown = embedders(row, checkpoint, fold.scene.unseen_galleries["T"].species.tolist())
    for method, (embedded, _) in embed(unseen, None, unknown).items():
        tasks = retrieval(embedded, unseen.species, fold.scene.unseen_galleries)
        fold.put(method, {f"{task} (unseen species)": rows for task, rows in tasks.items()})
    _probes(fold, row, checkpoint, test)
    _alignments(fold, row=row, checkpoint=checkpoint, test=test, embedded=found[row.name][0])
    if row.name == UPPER_BOUND_OF:
        _oracle(fold, checkpoint, test)


def _search(
    fold: Fold,
    method: str,
    embedded: PooledEmbeddings,
    bank: Embeddings | None,
    species: npt.NDArray[np.str_],
) -> None:
    """A method's core recordings among texts, pictures, and species as `identify` ranks them."""
    fold.put(method, retrieval(embedded, species, fold.scene.galleries))
    for name, pictures in fold.scene.pictured.items():
        choice = sorted(set(pictures.species.tolist()))
        ranked = species_scores(embedded, pictures, choice, bank)
        relevant = matches(species, ranked.species)
        fold.put(method, {f"A->species{name}": per_query(ranked.rows.T, relevant)})
        if not name:
            best = ranked.species[ranked.rows.argmax(axis=0)]
            fold.measured.guesses[method] = np.stack([species, best], axis=1).tolist()


def _probes(fold: Fold, row: StudentRow, checkpoint: Checkpoint, test: Recordings) -> None:
    """Discriminability kept: the same linear probe before and after distillation."""
    items = fold.dataset.select("audio", TRAIN, fold.scene.core)
    train = load_recordings(items, checkpoint.input_spec, CACHE)
    for when, student in (("before", before(checkpoint)), ("after", checkpoint.student)):
        scores = probe(student, train, test, fold.scene.core)
        relevant = matches(test.species, fold.scene.core)
        fold.put(row.name, {f"linear probe, {when} distillation": per_query(scores, relevant)})
        if (row.name, when) == (BASELINES_OF, "before"):
            fold.put(SUPERVISED, _supervised(scores, test.species, fold.scene))


def _alignments(
    fold: Fold,
    row: StudentRow,
    checkpoint: Checkpoint,
    test: Recordings,
    embedded: PooledEmbeddings,
) -> None:
    """Audio against text: in the CLAP's own space before, in the teacher's after."""
    names = LabelledEmbeddings(checkpoint.anchors, np.array(checkpoint.taxonomy.ids))
    spaces = {"after": (embedded, names)}
    if (own := OwnSpace.of(checkpoint)) is not None:
        captions = unit(own.read(checkpoint.taxonomy.species).mean(axis=0))
        heard_before = PooledEmbeddings(own.embed(test.log_mels), test.recording)
        spaces["before"] = heard_before, LabelledEmbeddings(captions, names.species)
    for when, (sounds, texts) in spaces.items():
        core = texts.of(fold.scene.core)
        found = alignment(sounds.pooled(core.rows), matches(test.species, core.species))
        fold.put(row.name, {f"audio-text alignment, {when} distillation": found})


def _oracle(fold: Fold, checkpoint: Checkpoint, test: Recordings) -> None:
    """Accuracy of the hint's network in the student's place, by names and by labels."""
    config, core = DistillConfig(**renamed(checkpoint.config)), fold.scene.core
    left = left_out(config.species, config.held_out, fold.dataset)
    sounds = load_sounds(fold.dataset, checkpoint.frontend, CACHE, left)
    upper_bound = HintUpperBound(sounds.items, fold.scene.anchors, config, CACHE)
    _search(
        fold,
        method=UPPER_BOUND,
        embedded=upper_bound.embed(test.items),
        bank=None,
        species=test.species,
    )
    train = [item for item in sounds.items if item.species_id in core]
    scores = probe_hints(train, test=test.items, core=core, hint=config.hint, cache=CACHE)
    relevant = matches(test.species, core)
    fold.put(UPPER_BOUND, {"linear probe, the hint network": per_query(scores, relevant)})


def _supervised(
    scores: Embeddings, species: npt.NDArray[np.str_], scene: FoldGalleries
) -> dict[str, Values]:
    """A classifier's log-probability stands for the similarity with all of a species' rows."""
    embedded = PooledEmbeddings(scores, np.arange(len(scores)))
    eye = np.eye(len(scene.core), dtype=np.float32)
    place = {species: n for n, species in enumerate(scene.core)}
    galleries = {
        name: LabelledEmbeddings(
            eye[[place[species] for species in gallery.species]], gallery.species
        )
        for name, gallery in scene.galleries.items()
        if set(gallery.species) <= set(place)
    }
    relevant = matches(species, scene.core)
    return {**retrieval(embedded, species, galleries), "A->species": per_query(scores, relevant)}
