"""Retrieval of clips by sound, picture and text, of one training or several.

python -m train.bridges retrieve --checkpoint RUN [RUN ...] [--against RUN [RUN ...]]
    [--data KIND:FOLDER] [--split test] [--right species|clip] [--frames 8] [--output FILE.json]

A clip's sound is cut into windows as the listener cuts it, and of its windows the most similar one
counts. Right is whatever is of the same species, names among it; or, as in AudioCaps, of the very
clip: its captions and its frames. Several runs are trainings of one method by other seeds: their
metrics are averaged query by query. With --against the difference of two methods is told, with its
paired bootstrap interval; where the truth of synthetic clips is there (truth.csv), how often the
frame that a sound is most like shows the singer, too. Writes retrieval.json into the first run.
"""

import json
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

from edge.command.parser import Parser
from edge.contract.arrays import Array, Float64s
from edge.contract.atomic import write_atomic
from gallery.command import run
from train.bridges.clips import ClipSet, open_clips
from train.bridges.heard_clips import (
    RIGHT,
    HeardClips,
    caption_texts,
    hear_clips,
    name_texts,
    open_teacher,
)
from train.bridges.retrieval import TABLE, compare, table
from train.bridges.truth import TRUTH, read_truth
from train.bridges.visible import visible_shares
from train.measure.task import Ranking
from train.model.checkpoint import load_checkpoint
from train.runs import CACHE


@dataclass(frozen=True, kw_only=True)
class ClipAsked:
    """Questions about the clips of a split."""

    data: str
    split: str = "test"
    right: str = RIGHT[0]
    frames: int = 8


@dataclass(frozen=True, kw_only=True)
class ClipAnswers:
    """Answers of one training."""

    answers: Mapping[str, Ranking]
    """By task."""
    clusters: Mapping[str, Array]
    """Queries that stand and fall together, by task: frames of one clip."""
    shares: Mapping[str, float]
    """Of frames that show the singer; empty where nobody knows."""


def retrieve(path: Path, asked: ClipAsked) -> ClipAnswers:
    """Ask one training.

    Args:
        path: the checkpoint's folder.
        asked: questions.

    Raises:
        DatasetError: clips, checkpoint or teacher can't be used.
    """
    clips = open_clips(asked.data)
    wanted = clips.select(asked.split)
    checkpoint = load_checkpoint(path)
    teacher = open_teacher(checkpoint)
    heard = hear_clips(checkpoint, teacher, wanted, frames=asked.frames, cache=CACHE)
    of_names = asked.right == "species"
    texts = name_texts(clips, teacher, CACHE) if of_names else caption_texts(heard.clips, teacher)
    questions = heard.questions(asked.right, texts, clips.taxonomy.ids)
    return ClipAnswers(
        answers=questions.answers(heard.heard),
        clusters=heard.clusters,
        shares=_shares(clips, heard),
    )


def _shares(clips: ClipSet, heard: HeardClips) -> dict[str, float]:
    if not (clips.path / TRUTH).is_file():
        return {}
    return visible_shares(heard, read_truth(clips.path))


def averaged(trainings: Sequence[ClipAnswers]) -> dict[str, Ranking]:
    """Metrics of each query, the mean over trainings."""
    first = trainings[0].answers
    return {
        task: Ranking(
            ranking.answerable,
            {metric: _values(trainings, task, metric).mean(axis=0) for metric in ranking.values},
            ranking.best,
        )
        for task, ranking in first.items()
    }


def differences(
    trainings: Sequence[ClipAnswers], others: Sequence[ClipAnswers]
) -> Iterator[dict[str, Any]]:
    """Row of every task: each metric's difference of two methods, on the same queries."""
    for task in trainings[0].answers:
        found = {
            metric: compare(
                _values(trainings, task, metric),
                _values(others, task, metric),
                trainings[0].clusters.get(task),
            )
            for metric in TABLE
        }
        yield {"task": task, **{metric: asdict(figure) for metric, figure in found.items()}}


def _values(trainings: Sequence[ClipAnswers], task: str, metric: str) -> Float64s:
    """float64[trainings, queries]."""
    return np.stack([training.answers[task].values[metric] for training in trainings])


def measure(runs: Sequence[Path], against: Sequence[Path], asked: ClipAsked) -> dict[str, Any]:
    """Report, JSON-ready: `rows`, and `differences` if there is a second method."""
    found, others = ([retrieve(path, asked) for path in paths] for paths in (runs, against))
    return {
        "checkpoints": [str(path) for path in runs],
        **asdict(asked),
        "rows": list(table(averaged(found), found[0].clusters)),
        "frames that show the singer": [dict(training.shares) for training in found],
        **(
            {
                "against": [str(path) for path in against],
                "differences": list(differences(found, others)),
            }
            if others
            else {}
        ),
    }


def to_markdown(report: Mapping[str, Any]) -> str:
    """Tables of a report."""
    lines = [_line("task", "queries", *TABLE), _line(*["---"] * (2 + len(TABLE)))]
    lines += [_row(row, str(row["queries"])) for row in report["rows"]]
    lines += [_row(row, "difference") for row in report.get("differences", ())]
    for shares in report["frames that show the singer"]:
        lines += [f"\n{name}: {share:.3f}" for name, share in shares.items()]
    return "\n".join(lines)


def _row(row: Mapping[str, Any], queries: str) -> str:
    return _line(row["task"], queries, *(_figure(row[metric]) for metric in TABLE))


def _figure(interval: Mapping[str, float]) -> str:
    return f"{interval['mean']:.3f} [{interval['low']:.3f}, {interval['high']:.3f}]"


def _line(*cells: str) -> str:
    return f"| {' | '.join(cells)} |"


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command."""
    parser = Parser(prog="python -m train.bridges retrieve", description=__doc__)
    parser.add_argument("--checkpoint", type=Path, nargs="+", required=True, metavar="RUN")
    parser.add_argument("--against", type=Path, nargs="+", default=[], metavar="RUN")
    parser.add_argument("--data", default="ssw60video:data/aviary-video", metavar="KIND:FOLDER")
    parser.add_argument("--split", default="test")
    parser.add_argument("--right", choices=RIGHT, default=RIGHT[0])
    parser.add_argument("--frames", type=int, default=8, help="a clip; 1: the middle one")
    parser.add_argument("--output", type=Path, help="default: retrieval.json in the first run")
    args = parser.parse_args(argv)

    def command() -> None:
        asked = ClipAsked(
            data=args.data, split=args.split, right=args.right, frames=max(args.frames, 1)
        )
        report = measure(args.checkpoint, args.against, asked)
        output = args.output or args.checkpoint[0] / "retrieval.json"
        write_atomic(output, (json.dumps(report, indent=2) + "\n").encode())
        print(to_markdown(report))

    return run(command)


if __name__ == "__main__":
    sys.exit(main())
