"""Train and measure all bridges: bridges.md, bridges.json and pictures.

python -m train.bridges report [--data data/aviary] [--clips ssw60video:data/aviary-video]
    [--test-clips ssw60video:data/aviary-video-test] [--birds ARCHIVE] [--only RUN ...]
    [--held-out ID,...] [--teacher NAME] [--student NAME] [--set KEY=VALUE ...]
    [--steps-factor F] [--runs runs/bridges/report] [--output DIR]

Each run is trained by its file in train/configs, held-out species apart, and kept in --runs: what
is there is not trained again, and what was stopped goes on. The sentences on which bridge is for
whom are written by hand, in train/bridges/report/verdict.md.
"""

import json
import os
import shlex
import sys
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import date
from functools import partial
from pathlib import Path
from typing import Any

import torch

from edge.command.parser import Parser, positive_number
from edge.contract.atomic import write_atomic
from edge.system.machine import processor
from gallery.command import run
from gallery.data.corpora import open_dataset
from train.birds.archive import read_archive
from train.bridges.clips import open_clips
from train.bridges.heard_clips import open_teacher
from train.bridges.localisation import localisation
from train.bridges.report.birds import RealBirds, costs_of
from train.bridges.report.figures import (
    CLIPS,
    RECORDINGS,
    TASKS,
    RunAnswers,
    ask_clips,
    ask_recordings,
    curve_of,
    differences,
)
from train.bridges.report.kept import data_digest, made_once
from train.bridges.report.page import to_markdown
from train.bridges.report.plots import draw_curve, draw_tasks
from train.bridges.report.runs import (
    CONFIGS,
    Ground,
    ReportRun,
    TrainedRun,
    chosen,
    shortened,
    train,
)
from train.bridges.truth import read_truth
from train.config import PretrainConfig, load_config, to_dict
from train.config.bridging import BridgeConfig
from train.engine.loop import choose_device
from train.model.checkpoint import load_checkpoint
from train.pretrain import pretrain

NAME = "bridges"
HELD_OUT = (
    *("clamator_glandarius", "asio_otus", "picus_viridis", "cyanistes_caeruleus"),
    *("turdus_viscivorus", "carduelis_carduelis"),
)
"""A species each of six families, all of which have others that are learned."""
_LOCALISE, _ALONE = "localise", "localise, no teachers"


@dataclass(frozen=True, kw_only=True)
class ReportPlan:
    """Plan of a report: what is trained and asked, and where it goes."""

    data: str
    clips: str
    test_clips: str
    birds: Path | None
    teacher: str
    student: str
    only: tuple[str, ...]
    held_out: tuple[str, ...]
    settings: tuple[str, ...]
    """Of every run, beside its file."""
    steps_factor: float
    runs: Path
    output: Path
    command: str

    def ground(self) -> Ground:
        """Common ground of the runs, but for what they begin as."""
        return Ground(
            output=self.runs,
            teacher=self.teacher,
            student=self.student,
            common=(f"data={self.clips}", self._apart, *self.settings),
            steps_factor=self.steps_factor,
        )

    @property
    def _apart(self) -> str:
        return f"held_out={json.dumps(list(self.held_out))}"

    def deaf_student(self) -> str:
        """A student that has not heard the held-out species, made once."""
        folder = self.runs / "start-aviary"
        given = (f"data={self.data}", f"output={folder}", self._apart)
        config = load_config(PretrainConfig, CONFIGS / "pretrain-bridges.yaml", given)
        config = shortened(config, self.steps_factor)
        terms = {**to_dict(config), "files": data_digest(self.data)}
        return str(made_once(folder / "student", terms, partial(pretrain, config, ["student"])))

    def check(self, wanted: Sequence[ReportRun]) -> None:
        """Refuse what can't be asked before anything is trained.

        Raises:
            BirdlistenError: data, clips, their truth or the archive can't be used.
        """
        open_dataset(self.data)
        clips = open_clips(self.test_clips)
        clips.select("test")
        if any(run.method == "localise" for run in wanted):
            read_truth(clips.path)
        if self.birds:
            read_archive(self.birds)


def measure(plan: ReportPlan) -> dict[str, Any]:
    """The whole report, JSON-ready; runs that are not there yet are trained.

    Raises:
        BirdlistenError: data, models or settings can't be used.
    """
    wanted, ground = chosen(plan.only), plan.ground()
    plan.check(wanted)
    ground = replace(ground, student=plan.student or plan.deaf_student())
    trained = [train(run, ground) for run in wanted]
    answers = {
        (done.run.name, about): answered
        for done in trained
        for about, answered in _ask(done, plan).items()
    }
    birds = plan.birds and RealBirds(
        archive=plan.birds,
        output=plan.runs / "birds",
        settings=plan.settings,
        steps_factor=plan.steps_factor,
    )
    return {
        "date": date.today().isoformat(),
        "machine": f"{processor()}, {os.cpu_count()} cores, {_graphics(ground.config(wanted[0]))}",
        "command": plan.command,
        "world": "Clips, sounds and pictures are the synthetic aviary's, but for the last section.",
        "held_out": list(plan.held_out),
        "data": plan.data,
        "test_clips": plan.test_clips,
        "costs": costs_of(trained),
        "rows": [
            row for (name, about), found in answers.items() for row in found.rows(name, about)
        ],
        "differences": [*differences(answers)],
        "curve": [point for done in trained for point in curve_of(done)],
        "localisation": _localised({done.run.name: done for done in trained}, plan),
        "birds": birds.measure() if birds else {},
    }


def _graphics(config: BridgeConfig) -> str:
    device = choose_device(config.device)
    return torch.cuda.get_device_name() if device.type == "cuda" else "no GPU used"


def _ask(done: TrainedRun, plan: ReportPlan) -> dict[str, RunAnswers]:
    checkpoint = load_checkpoint(done.folder)
    teacher = open_teacher(checkpoint)
    return {
        RECORDINGS: ask_recordings(checkpoint, teacher, plan.data),
        CLIPS: ask_clips(checkpoint, teacher, plan.test_clips),
    }


def _localised(trained: dict[str, TrainedRun], plan: ReportPlan) -> dict[str, Any]:
    """Tables of the runs that localise, on the other seed's clips; and the page of maps."""
    folders = {name: trained[name].folder for name in (_ALONE, _LOCALISE) if name in trained}
    maps = plan.output / f"{NAME}-maps.png"
    return {
        name: localisation(
            folder,
            data=plan.test_clips,
            split="test",
            against=folders.get(_ALONE) if name == _LOCALISE else None,
            page=maps if name == [*folders][-1] else None,
        )
        for name, folder in folders.items()
    }


def write(report: dict[str, Any], output: Path) -> Path:
    """Write bridges.json, bridges.md and their pictures; the page."""
    output.mkdir(parents=True, exist_ok=True)
    place = output / NAME
    text = json.dumps(report, indent=1) + "\n"
    write_atomic(place.with_suffix(".json"), text.encode())
    asked = [row for row in report["rows"] if row["about"] == RECORDINGS]
    draw_tasks(asked, TASKS, place.with_suffix(".png"))
    if report["curve"]:
        draw_curve(report["curve"], output / f"{NAME}-curve.png")
    page = place.with_suffix(".md")
    write_atomic(page, to_markdown(report).encode())
    return page


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command."""
    parser = Parser(prog="python -m train.bridges report", description=__doc__)
    parser.add_argument("--data", default="data/aviary", help="recordings and pictures to ask")
    parser.add_argument("--clips", default="ssw60video:data/aviary-video", help="to learn from")
    parser.add_argument("--test-clips", default="ssw60video:data/aviary-video-test")
    parser.add_argument("--birds", type=Path, metavar="ARCHIVE", help="real birds, too")
    parser.add_argument("--teacher", default="", help="default: the files'")
    parser.add_argument(
        "--student", default="", help="default: one pretrained without the held-out species"
    )
    parser.add_argument("--only", nargs="+", default=(), metavar="RUN", help="default: all")
    parser.add_argument("--held-out", default=",".join(HELD_OUT), metavar="ID,...")
    parser.add_argument("--set", nargs="+", default=(), metavar="KEY=VALUE", help="of every run")
    parser.add_argument("--steps-factor", type=positive_number, default=1.0, help="for a trial")
    parser.add_argument("--runs", type=Path, default=Path("runs/bridges/report"))
    parser.add_argument("--output", type=Path, help="default: train/results; of a trial --runs")
    words = list(sys.argv[2:] if argv is None else argv)
    args = parser.parse_args(words)
    is_trial = bool(args.only) or args.steps_factor != 1
    output = args.output or (args.runs if is_trial else Path("train/results"))

    def command() -> None:
        plan = ReportPlan(
            data=args.data,
            clips=args.clips,
            test_clips=args.test_clips,
            birds=args.birds,
            teacher=args.teacher,
            student=args.student,
            only=tuple(args.only),
            held_out=tuple(name for name in args.held_out.split(",") if name),
            settings=tuple(args.set),
            steps_factor=args.steps_factor,
            runs=args.runs,
            output=output,
            command=shlex.join(["python", "-m", "train.bridges", "report", *words]),
        )
        print(write(measure(plan), output))

    return run(command)
