"""Zero-shot figures of a run: sounds among names by prompts, and among captions both ways.

python -m train.bridges zero-shot --checkpoint RUN --data DATA [--split test] [--prompt TEXT]...
    [--output FILE.json]

DATA is a data set of recordings as of train.evaluate. Without captions sounds are asked among the
names of all its species or classes: esc50:DIR and us8k:DIR, whose customary figure is that of
`--split all`, also of each fold; our own folders; real birds. With captions and no names,
clotho:DIR and audiocaps:DIR, they are asked among captions, of whose several the best counts, and
captions among sounds (the tables of VIP-ANT, arXiv 2112.08995). A recording's similarity is the
maximum over its windows. Beside each prompt stand the sentences that name pictures.
"""

import json
import sys
from collections.abc import Iterable, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from edge.command.parser import Parser
from edge.contract.atomic import write_atomic
from gallery.command import run
from gallery.data.corpora import open_dataset
from train.bridges.heard_clips import open_teacher
from train.bridges.zero_shot_figures import (
    PROMPT,
    SHOWN,
    ZeroShotFigure,
    askable,
    figures_of,
)
from train.config.checks import check_prompt
from train.measure.recordings import load_recordings
from train.measure.retrieval import PooledEmbeddings
from train.model.checkpoint import Checkpoint, load_checkpoint
from train.model.student import embed_log_mels
from train.runs import CACHE


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
        ConfigError: a prompt has no such place.
        DatasetError: no recordings, or the teacher is another one than the run's.
    """
    for prompt in prompts:
        check_prompt(prompt)
    dataset = open_dataset(data)
    audible = (item for item in dataset.items if item.kind == "audio")
    items = askable(audible, split, dataset.path)
    teacher = open_teacher(checkpoint)
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


def to_text(figures: Iterable[ZeroShotFigure]) -> str:
    """A line a figure."""
    return "\n".join(
        f"{figure.task} ({figure.prompt or 'as they are'}, {figure.group}): "
        f"R@1 {figure.metrics['R@1']}, chance {figure.chance:.3f}, "
        + ", ".join(f"{name} {figure.metrics[name].mean:.3f}" for name in SHOWN[1:])
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
    parser.add_argument(
        "--prompt", action="append", metavar="TEXT", help=f"may be given again; default: {PROMPT!r}"
    )
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
        write_atomic(output, (json.dumps(report, indent=2) + "\n").encode())
        print(to_text(figures))

    return run(command)


if __name__ == "__main__":
    sys.exit(main())
