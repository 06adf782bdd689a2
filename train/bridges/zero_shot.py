"""Zero-shot figures of a run: sounds among names by prompts, and among captions both ways.

python -m train.bridges zero-shot --checkpoint RUN --data DATA [--split test] [--prompt TEXT ...]
    [--output FILE.json]

DATA is a data set as of train.evaluate, or KIND:FOLDER of clips as of the bridges. Without captions
sounds are asked among the names of all its species or classes: esc50:DIR and us8k:DIR, whose
customary figure is that of `--split all`, also of each fold; our own folders; real birds. With
captions and no names, clotho:DIR and audiocaps:DIR, they are asked among captions, of whose several
the best counts, and captions among sounds (the tables of VIP-ANT, arXiv 2112.08995). A recording's
similarity is the maximum over its windows. Beside each prompt stand the sentences that name
pictures.
"""

import json
import sys
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Protocol, TypeVar

import numpy as np
import torch
from torch import Tensor

from edge.command.parser import Parser
from edge.contract.arrays import Embeddings, Places
from edge.contract.errors import DatasetError
from edge.contract.taxonomy import Species
from gallery.command import run
from gallery.data.corpora import open_dataset
from gallery.teacher import Teacher, load_teacher, mean_anchors
from train.measure.metrics import Interval, bootstraps, metrics_of, relevant_ranks
from train.measure.recordings import load_recordings
from train.measure.retrieval import PooledEmbeddings
from train.model.checkpoint import Checkpoint, load_checkpoint
from train.model.student import Student, embed_log_mels
from train.runs import CACHE
from train.sound.features import crop

PROMPT = "the sound of {}"
AS_PICTURES = "as pictures are named"
"""Instead of a prompt: the mean of the sentences that the teacher was trained with."""
EVERY_SPLIT = "all"
WHOLE = "all"
_FAR = 50
_SHOWN = ("R@1", "R@5", "R@10", f"R@{_FAR}", "mAP")


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
        metrics=bootstraps({name: values[name] for name in _SHOWN}),
        median_rank=float(np.median(rank)),
        mean_rank=float(rank.mean()),
    )


def zero_shot(
    checkpoint: Checkpoint, data: str, split: str, prompts: Sequence[str] = (PROMPT,)
) -> list[ZeroShotFigure]:
    """Figures of a run on a data set.

    Args:
        checkpoint: of a run.
        data: a data set of recordings.
        split: of it, or `all`.
        prompts: sentences with a place for the name.

    Raises:
        DatasetError: no recordings, or the teacher is another one than the run's.
    """
    dataset = open_dataset(data)
    audible = (item for item in dataset.items if item.kind == "audio")
    items = askable(audible, split, dataset.path)
    teacher = run_teacher(checkpoint)
    recordings = load_recordings(items, checkpoint.input_spec, CACHE)
    rows = embed_log_mels(checkpoint.student, recordings.log_mels).numpy()
    return figures_of(
        PooledEmbeddings(rows, recordings.recording),
        recordings.items,
        species=dataset.taxonomy.species,
        teacher=teacher,
        prompts=prompts,
        groups=[item.part for item in recordings.items],
    )


def run_teacher(checkpoint: Checkpoint) -> Teacher:
    """The teacher that a run learned from.

    Raises:
        DatasetError: what lies there now has another space.
    """
    teacher = load_teacher(checkpoint.config["teacher"])
    if teacher.space_id != checkpoint.space_id:
        raise DatasetError(
            f"{teacher.name}: its space is {teacher.space_id:.12}, the run's is "
            f"{checkpoint.space_id:.12}; train again"
        )
    return teacher


def to_text(figures: Iterable[ZeroShotFigure]) -> str:
    """A line a figure."""
    return "\n".join(
        f"{figure.task} ({figure.prompt or 'as they are'}, {figure.group}): "
        f"R@1 {figure.metrics['R@1']}, chance {figure.chance:.3f}, "
        + ", ".join(f"{name} {figure.metrics[name].mean:.3f}" for name in _SHOWN[1:])
        + f", median rank {figure.median_rank:g}, mean {figure.mean_rank:.1f}; "
        f"{figure.queries} queries, {figure.answers} answers"
        for figure in figures
    )


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command."""
    parser = Parser(prog="python -m train.bridges zero-shot", description=__doc__)
    parser.add_argument("--checkpoint", type=Path, required=True, help="a run's folder")
    parser.add_argument("--data", required=True, help="a folder, or KIND:FOLDER")
    parser.add_argument("--split", default="test", help="or all")
    parser.add_argument("--prompt", action="append", help=f"default: {PROMPT!r}")
    parser.add_argument("--output", type=Path, help="default: zero_shot.json in the run")
    args = parser.parse_args(argv)

    def command() -> None:
        prompts = args.prompt or [PROMPT]
        figures = zero_shot(load_checkpoint(args.checkpoint), args.data, args.split, prompts)
        report: dict[str, Any] = {
            "checkpoint": str(args.checkpoint),
            "data": args.data,
            "split": args.split,
            "figures": [asdict(figure) for figure in figures],
        }
        output = args.output or args.checkpoint / "zero_shot.json"
        output.write_text(json.dumps(report, indent=2) + "\n", encoding="utf-8")
        print(to_text(figures))

    return run(command)


if __name__ == "__main__":
    sys.exit(main())
