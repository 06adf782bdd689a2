"""Train every model of the report on every fold.

python -m train.birds.crossval --hint EAR --tower FOLDER [--data data/birds] [--folds 0,1,2,3,4]

CLAPs and backbone learn what trains in every fold once for all, and go on with each fold's own.
What is there already is kept, so an interrupted run goes on where it stopped. The models lie in
runs/birds/fold0 ..., and seconds.json says how long each took; `python -m train.birds.report`
measures them.
"""

import json
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

from edge.command.parser import Parser
from edge.contract.atomic import write_atomic
from gallery.command import run
from train.birds.build import base_folder, fold_folder
from train.birds.folds import FOLDS
from train.config import DistillConfig, PretrainConfig, load_config
from train.distill import distill
from train.model.checkpoint import META
from train.pretrain import pretrain

CONFIGS = Path(__file__).parents[1] / "configs"
TEACHER, CLAP, CLAP_HINT = "teacher", "clap", "clap-hint"
BACKBONE, BACKBONE_LITE, BACKBONE_HTSAT = "imitator", "imitator-lite", "imitator-htsat"
BASE, SECONDS = "base", "seconds.json"
_CLAP_CONFIG = "pretrain-birds-clap.yaml"
_GO_ON = ("audio_steps=80", "audio_learning_rate=5.0e-4")
_HTSAT = ("audio_steps=2000", "audio_learning_rate=1.0e-3")
_LISTENED = ("audio_steps=300", "audio_learning_rate=5.0e-4")
"""Of a CLAP whose tower has learned to listen already."""
_LITE = ("cnn=mobilenetv3_small_100",)
_ALONE = ("tower_share=1",)
"""Without a hint the tower learns from the names, or not at all."""


@dataclass(frozen=True)
class StudentRow:
    """One distilled student of the report."""

    name: str
    student: str
    """Which pretrained model, or `cnn:`."""
    hinted: bool = False
    large_student: str = ""
    """Name of the row whose student it is distilled from."""
    settings: tuple[str, ...] = ()


STUDENTS = (
    StudentRow("HTSAT", CLAP, settings=_ALONE),
    StudentRow("HTSAT, hint", CLAP_HINT, hinted=True),
    StudentRow("HTSAT, hint, InfoNCE", CLAP_HINT, hinted=True, settings=("loss=info_nce",)),
    StudentRow("CNN", "cnn:regnetx_002", settings=_ALONE),
    StudentRow("CNN, hint", BACKBONE, hinted=True),
    StudentRow("lite, 3 s", BACKBONE_LITE, hinted=True, large_student="CNN, hint"),
    StudentRow(
        "lite, 5 s", BACKBONE_LITE, hinted=True, large_student="CNN, hint", settings=("window_s=5",)
    ),
    StudentRow(
        "lite, 10 s",
        BACKBONE_LITE,
        hinted=True,
        large_student="CNN, hint",
        settings=("window_s=10",),
    ),
)
UPPER_BOUND_OF = "CNN, hint"
"""The row whose head the hint's network itself gets (train/birds/upper_bound.py)."""


@dataclass(frozen=True)
class Sources:
    """Sources of a fold's training."""

    data: Path
    hint: str
    tower: Path


def train_fold(sources: Sources, output: Path) -> None:
    """Train teacher, CLAPs and students of one fold; what is there is kept.

    Raises:
        BirdlistenError: data, hint or tower can't be used.
    """
    _pretrain("teacher", "pretrain-birds-teacher.yaml", sources, output / TEACHER)
    hint = f"hint={sources.hint}"
    for name, settings in ((CLAP, ()), (CLAP_HINT, (hint,))):
        begun = (f"init={_base(output, name, 'student')}", *_GO_ON)
        _pretrain(
            "student",
            config=_CLAP_CONFIG,
            sources=sources,
            output=output / name,
            settings=(*settings, *begun),
        )
    for row in STUDENTS:
        if not (student_folder(output, row) / META).is_file():
            with _timed(student_folder(output, row)):
                distill(_distillation(row, sources, output))


def train_base(sources: Sources, output: Path) -> None:
    """Train CLAPs and backbones on what is in every fold; what is there is kept.

    Raises:
        BirdlistenError: data or hint can't be used.
    """
    hint, begun = f"hint={sources.hint}", f"init={output / CLAP / 'student'}"
    tower = f"audio_tower={output / BACKBONE_HTSAT / BACKBONE}"
    recipe = "pretrain-birds-backbone.yaml"
    _pretrain("student", _CLAP_CONFIG, sources, output / CLAP)
    _pretrain(
        "backbone", config=recipe, sources=sources, output=output / BACKBONE, settings=(hint,)
    )
    _pretrain(
        "backbone",
        config=recipe,
        sources=sources,
        output=output / BACKBONE_LITE,
        settings=(hint, *_LITE),
    )
    _pretrain(
        "backbone",
        config=recipe,
        sources=sources,
        output=output / BACKBONE_HTSAT,
        settings=(hint, begun, *_HTSAT),
    )
    _pretrain(
        "student",
        config=_CLAP_CONFIG,
        sources=sources,
        output=output / CLAP_HINT,
        settings=(hint, begun, tower, *_LISTENED),
    )


def _base(output: Path, name: str, part: str) -> Path:
    return output.parent / BASE / name / part


def student_folder(output: Path, row: StudentRow) -> Path:
    """Folder of a row's checkpoint."""
    return output / row.name.lower().replace(", ", "-").replace(" ", "-")


def _pretrain(
    part: str, config: str, sources: Sources, output: Path, settings: Sequence[str] = ()
) -> None:
    if (output / (BACKBONE if part == "backbone" else part)).is_dir():
        return
    given = (f"data={sources.data}", f"output={output}", f"image_tower={sources.tower}")
    with _timed(output):
        pretrain(load_config(PretrainConfig, CONFIGS / config, [*given, *settings]), [part])


@contextmanager
def _timed(folder: Path) -> Iterator[None]:
    """Note the seconds that a folder's training took, beside what took the others."""
    begun = time.monotonic()
    yield
    note = folder.parent / SECONDS
    seconds = json.loads(note.read_text(encoding="utf-8")) if note.is_file() else {}
    seconds[folder.name] = round(time.monotonic() - begun, 1)
    write_atomic(note, (json.dumps(seconds, indent=1) + "\n").encode())


def _distillation(row: StudentRow, sources: Sources, output: Path) -> DistillConfig:
    students = {
        **{name: _base(output, name, BACKBONE) for name in (BACKBONE, BACKBONE_LITE)},
        **{name: output / name / "student" for name in (CLAP, CLAP_HINT)},
    }
    settings = [
        f"data={sources.data}",
        f"teacher=local-dir:{output / TEACHER / 'teacher'}",
        f"student={students.get(row.student, row.student)}",
        f"output={student_folder(output, row)}",
        *row.settings,
    ]
    if row.hinted:
        settings.append(f"hint={sources.hint}")
    if row.large_student:
        large_student = next(student for student in STUDENTS if student.name == row.large_student)
        settings += [
            f"large_student={student_folder(output, large_student)}",
            "large_student_weight=3",
        ]
    return load_config(DistillConfig, CONFIGS / "birds.yaml", settings)


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command."""
    parser = Parser(prog="python -m train.birds.crossval", description=__doc__)
    parser.add_argument("--data", type=Path, default=Path("data/birds"))
    parser.add_argument("--hint", required=True, help="folder of an ear, or its name")
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
