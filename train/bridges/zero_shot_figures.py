"""Figures of sounds among names by prompts, and of sounds and captions among each other.

The protocols are those of VIP-ANT's tables (Zhao et al. 2022, arXiv 2112.08995): names are told by
sentences; of a sound's several captions the one that ranks best counts.
"""

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol, TypeVar

import numpy as np
import torch
from torch import Tensor

from edge.contract.arrays import Embeddings, Places
from edge.contract.errors import DatasetError
from edge.contract.taxonomy import Species
from gallery.teacher import Teacher, mean_anchors
from train.measure.metrics import Interval, bootstraps, metrics_of, relevant_ranks
from train.measure.retrieval import PooledEmbeddings
from train.model.student import Student, embed_log_mels
from train.sound.features import crop

PROMPT = "the sound of {}"
AS_PICTURES = "as pictures are named"
"""Instead of a prompt: the mean of the sentences that the teacher was trained with."""
EVERY_SPLIT = "all"
WHOLE = "all"
_FAR = 50
SHOWN = ("R@1", "R@5", "R@10", f"R@{_FAR}", "mAP")


@dataclass(frozen=True, kw_only=True)
class ZeroShotFigure:
    """Figures of one question about sounds that nobody trained for."""

    task: str
    """`A->names`, `A->captions` or `captions->A`."""
    prompt: str
    group: str
    """Which queries: `all`, a fold, `seen` or `unseen` species."""
    queries: int
    answers: int
    chance: float
    """R@1 of who answers at random."""
    metrics: dict[str, Interval]
    """R@1, R@5, R@10, R@50 and mAP, means over queries."""
    median_rank: float
    mean_rank: float


class Askable(Protocol):
    """A recording or clip, and what is right about it."""

    @property
    def split(self) -> str:
        """Split that it is in."""
        ...

    @property
    def species(self) -> Collection[str]:
        """Ids of what is in it."""
        ...

    @property
    def captions(self) -> Sequence[str]:
        """Captions that it was given."""
        ...


A = TypeVar("A", bound=Askable)


def askable(things: Iterable[A], split: str, where: Path) -> list[A]:
    """Those of a split that have a name, or if none has one those with captions.

    Args:
        things: recordings or clips.
        split: or `all`.
        where: they lie, for the error.

    Raises:
        DatasetError: there is none.
    """
    heard = [thing for thing in things if split in (EVERY_SPLIT, thing.split)]
    labelled = [thing for thing in heard if thing.species]
    if found := labelled or [thing for thing in heard if thing.captions]:
        return found
    raise DatasetError(
        f"{where}: no recordings with names or captions in split {split!r}; try --split all"
    )


def figures_of(
    heard: PooledEmbeddings,
    asked: Sequence[Askable],
    species: Sequence[Species],
    teacher: Teacher,
    prompts: Sequence[str] = (PROMPT,),
    groups: Sequence[str] = (),
) -> list[ZeroShotFigure]:
    """Figures of sounds among the names of all species, or of sounds and captions among each other.

    Args:
        heard: recordings.
        asked: the same, as `askable` found them.
        species: whose names are the answers.
        teacher: embeds names and captions.
        prompts: sentences with a place for the name.
        groups: of the recordings, such as folds; told apart beside all of them.
    """
    if not any(thing.species for thing in asked):
        return [*_caption_figures(heard, [thing.captions for thing in asked], teacher)]
    labels = [thing.species for thing in asked]
    sentences = {prompt: teacher.embed_texts(named(prompt, species)) for prompt in prompts}
    sentences[AS_PICTURES] = mean_anchors(teacher.anchors(species))
    return [*_name_figures(heard, labels, species=species, sentences=sentences, groups=groups)]


def _name_figures(
    heard: PooledEmbeddings,
    labels: Sequence[Collection[str]],
    species: Sequence[Species],
    sentences: Mapping[str, Embeddings],
    groups: Sequence[str],
) -> Iterator[ZeroShotFigure]:
    place = {kind.species_id: n for n, kind in enumerate(species)}
    relevant = [np.array(sorted(place[name] for name in names)) for names in labels]
    for prompt, rows in sentences.items():
        similarity = heard.pooled(rows)
        for group, queries in _grouped(groups, len(relevant)):
            wanted = [relevant[query] for query in queries]
            yield _figure("A->names", similarity[queries], wanted, prompt=prompt, group=group)


def _caption_figures(
    heard: PooledEmbeddings, captions: Sequence[Sequence[str]], teacher: Teacher
) -> Iterator[ZeroShotFigure]:
    """Sounds among the captions of all, of whose own the best counts; and captions among sounds."""
    owner = np.repeat(np.arange(len(captions)), [len(texts) for texts in captions])
    rows = teacher.embed_texts([text for texts in captions for text in texts])
    similarity = heard.pooled(rows)
    own = [np.flatnonzero(owner == recording) for recording in range(len(captions))]
    yield _figure("A->captions", similarity, own)
    yield _figure("captions->A", similarity.T, [owner[n : n + 1] for n in range(len(owner))])


def named(prompt: str, species: Sequence[Species]) -> list[str]:
    """Sentences of names."""
    return [prompt.replace("{}", kind.common_name or kind.scientific_name) for kind in species]


def heard_clips(student: Student, log_mels: Sequence[Tensor], frames: int) -> PooledEmbeddings:
    """Clips as a student hears them, in windows that overlap by half.

    Args:
        student: on any device.
        log_mels: float16[frames, mel_bins] a clip.
        frames: of a window.
    """
    windows = [
        torch.stack([crop(log_mel, begin, frames) for begin in _begins(len(log_mel), frames)])
        for log_mel in log_mels
    ]
    recording = np.repeat(np.arange(len(windows)), [len(own) for own in windows])
    student.eval()
    rows = embed_log_mels(student, (own[:, None] for own in windows)).numpy()
    return PooledEmbeddings(rows, recording)


def _begins(length: int, frames: int) -> list[int]:
    """First frames of windows: each half a window on, and one that ends with the clip."""
    last = max(length - frames, 0)
    return sorted({*range(0, last, max(frames // 2, 1)), last})


def _grouped(groups: Sequence[str], count: int) -> Iterator[tuple[str, Places]]:
    yield WHOLE, np.arange(count)
    for group in sorted({*groups} - {""}):
        yield group, np.flatnonzero(np.array(groups) == group)


def _figure(
    task: str,
    similarity: Embeddings,
    relevant: Sequence[Places],
    prompt: str = "",
    group: str = WHOLE,
) -> ZeroShotFigure:
    """Figures of float[queries, answers], and the places of the right answers to each query."""
    values = metrics_of([found.ranks for found in relevant_ranks(similarity, relevant)])
    rank, answers = values["rank"], similarity.shape[1]
    values[f"R@{_FAR}"] = (rank <= _FAR).astype(float)
    return ZeroShotFigure(
        task=task,
        prompt=prompt,
        group=group,
        queries=len(similarity),
        answers=answers,
        chance=float(np.mean([len(places) / answers for places in relevant])),
        metrics=bootstraps({name: values[name] for name in SHOWN}),
        median_rank=float(np.median(rank)),
        mean_rank=float(rank.mean()),
    )
