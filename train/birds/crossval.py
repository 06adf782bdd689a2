"""Train every model of the report on every fold.

python -m train.birds.crossval --hint EAR --tower FOLDER [--data data/birds] [--folds 0,1,2,3,4]

CLAPs and imitator learn what trains in every fold once for all, and go on with each fold's own.
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

from edge.contract.bundle import write_atomic
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
IMITATOR, IMITATOR_LITE, IMITATOR_HTSAT = "imitator", "imitator-lite", "imitator-htsat"
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
class Row:
    """One distilled student of the report."""

    name: str
    student: str
    """Which pretrained model, or `cnn:`."""
    hinted: bool = False
    big: str = ""
    """Name of the row whose student it imitates."""
    settings: tuple[str, ...] = ()


STUDENTS = (
    Row("HTSAT", CLAP, settings=_ALONE),
    Row("HTSAT, hint", CLAP_HINT, hinted=True),
    Row("HTSAT, hint, InfoNCE", CLAP_HINT, hinted=True, settings=("loss=info_nce",)),
    Row("CNN", "cnn:regnetx_002", settings=_ALONE),
    Row("CNN, hint", IMITATOR, hinted=True),
    Row("lite, 3 s", IMITATOR_LITE, hinted=True, big="CNN, hint"),
    Row("lite, 5 s", IMITATOR_LITE, hinted=True, big="CNN, hint", settings=("window_s=5",)),
    Row("lite, 10 s", IMITATOR_LITE, hinted=True, big="CNN, hint", settings=("window_s=10",)),
)
ORACLE_OF = "CNN, hint"
"""The row whose head the hint's network itself gets (train/birds/oracle.py)."""


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
        _pretrain("student", _CLAP_CONFIG, sources, output / name, (*settings, *begun))
    for row in STUDENTS:
        if not (student_folder(output, row) / META).is_file():
            with _timed(student_folder(output, row)):
                distill(_distillation(row, sources, output))


def train_base(sources: Sources, output: Path) -> None:
    """Train CLAPs and imitators on what is in every fold; what is there is kept.

    Raises:
        BirdlistenError: data or hint can't be used.
    """
    hint, begun = f"hint={sources.hint}", f"init={output / CLAP / 'student'}"
    tower = f"audio_tower={output / IMITATOR_HTSAT / 'imitator'}"
    imitator = "pretrain-birds-imitator.yaml"
    _pretrain("student", _CLAP_CONFIG, sources, output / CLAP)
    _pretrain("imitator", imitator, sources, output / IMITATOR, (hint,))
    _pretrain("imitator", imitator, sources, output / IMITATOR_LITE, (hint, *_LITE))
    _pretrain("imitator", imitator, sources, output / IMITATOR_HTSAT, (hint, begun, *_HTSAT))
    _pretrain(
        "student", _CLAP_CONFIG, sources, output / CLAP_HINT, (hint, begun, tower, *_LISTENED)
    )


def _base(output: Path, name: str, part: str) -> Path:
    return output.parent / BASE / name / part


def student_folder(output: Path, row: Row) -> Path:
    """Folder of a row's checkpoint."""
    return output / row.name.lower().replace(", ", "-").replace(" ", "-")


def _pretrain(
    part: str, config: str, sources: Sources, output: Path, settings: Sequence[str] = ()
) -> None:
    if (output / part).is_dir():
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


def _distillation(row: Row, sources: Sources, output: Path) -> DistillConfig:
    students = {
        **{name: _base(output, name, "imitator") for name in (IMITATOR, IMITATOR_LITE)},
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
    if row.big:
        big = next(one for one in STUDENTS if one.name == row.big)
        settings += [f"big={student_folder(output, big)}", "big_weight=3"]
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
