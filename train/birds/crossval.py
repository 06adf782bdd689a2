"""Train every model of the report on every fold.

python -m train.birds.crossval --hint FOLDER --tower FOLDER [--data data/birds] [--folds 0,1,2,3,4]

The CLAPs begin with what trains in every fold, once for all, and go on with each fold's own. What
is there already is kept, so an interrupted run goes on where it stopped. The models lie in
runs/birds/fold0 ...; `python -m train.birds.report` measures them.
"""

import sys
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from edge.usage import Parser
from gallery.command import run
from train.birds.build import base_folder, fold_folder
from train.birds.folds import FOLDS
from train.checkpoint import META
from train.config import DistillConfig, PretrainConfig, load_config
from train.distill import distill
from train.pretrain import pretrain

CONFIGS = Path(__file__).parents[1] / "configs"
TEACHER, CLAP, CLAP_HINT = "teacher", "clap", "clap-hint"
BASE = "base"


_GO_ON = ("audio_steps=150", "audio_learning_rate=5.0e-4")


@dataclass(frozen=True)
class Row:
    """One distilled student of the report."""

    name: str
    config: str
    """File in train/configs."""
    student: str = ""
    """Which pretrained CLAP; empty starts from nothing."""
    hinted: bool = False
    settings: tuple[str, ...] = ()


STUDENTS = (
    Row("HTSAT", "birds.yaml", CLAP),
    Row("HTSAT, hint", "birds.yaml", CLAP_HINT),
    Row("HTSAT, hint, InfoNCE", "birds.yaml", CLAP_HINT, settings=("loss=info_nce",)),
    Row("CNN, hint", "birds-cnn.yaml", hinted=True),
)


@dataclass(frozen=True)
class Sources:
    """Where a fold's training finds what it needs."""

    data: Path
    hint: Path
    tower: Path


def train_fold(sources: Sources, output: Path) -> None:
    """Train teacher, CLAPs and students of one fold; what is there is kept.

    Raises:
        BirdlistenError: data, hint or tower can't be used.
    """
    _pretrain("teacher", "pretrain-birds-teacher.yaml", sources, output / TEACHER)
    for name, settings in _claps(sources):
        begun = (f"init={output.parent / BASE / name / 'student'}", *_GO_ON)
        _pretrain(
            "student", "pretrain-birds-clap.yaml", sources, output / name, (*settings, *begun)
        )
    for row in STUDENTS:
        if not (student_folder(output, row) / META).is_file():
            distill(_distillation(row, sources, output))


def train_base(sources: Sources, output: Path) -> None:
    """Train both CLAPs on what is in every fold; what is there is kept.

    Raises:
        BirdlistenError: data or hint can't be used.
    """
    for name, settings in _claps(sources):
        _pretrain("student", "pretrain-birds-clap.yaml", sources, output / name, settings)


def _claps(sources: Sources) -> tuple[tuple[str, tuple[str, ...]], ...]:
    return (CLAP, ()), (CLAP_HINT, (f"hint={sources.hint}",))


def student_folder(output: Path, row: Row) -> Path:
    """Where a row's checkpoint lies."""
    return output / row.name.lower().replace(", ", "-")


def _pretrain(
    part: str, config: str, sources: Sources, output: Path, settings: Sequence[str] = ()
) -> None:
    if (output / part).is_dir():
        return
    given = (f"data={sources.data}", f"output={output}", f"image_tower={sources.tower}")
    pretrain(load_config(PretrainConfig, CONFIGS / config, [*given, *settings]), [part])


def _distillation(row: Row, sources: Sources, output: Path) -> DistillConfig:
    settings = [
        f"data={sources.data}",
        f"teacher=local-dir:{output / TEACHER / 'teacher'}",
        f"output={student_folder(output, row)}",
        *row.settings,
    ]
    if row.student:
        settings.append(f"student={output / row.student / 'student'}")
    if row.hinted:
        settings.append(f"hint={sources.hint}")
    return load_config(DistillConfig, CONFIGS / row.config, settings)


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command."""
    parser = Parser(prog="python -m train.birds.crossval", description=__doc__)
    parser.add_argument("--data", type=Path, default=Path("data/birds"))
    parser.add_argument("--hint", type=Path, required=True, help="birdnet_stm32n6_100's folder")
    parser.add_argument("--tower", type=Path, required=True, help="inat_bird_mobilenetv2's folder")
    parser.add_argument("--output", type=Path, default=Path("runs/birds"))
    parser.add_argument("--folds", default=",".join(map(str, range(FOLDS))))
    args = parser.parse_args(argv)

    def command() -> None:
        base = Sources(base_folder(args.data), args.hint, args.tower)
        train_base(base, args.output / BASE)
        for fold in map(int, args.folds.split(",")):
            sources = replace(base, data=fold_folder(args.data, fold))
            train_fold(sources, args.output / f"fold{fold}")

    return run(command)


if __name__ == "__main__":
    sys.exit(main())
