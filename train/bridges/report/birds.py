"""Real birds in the report: recordings with photographs of the same species, one fold of five."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from train.birds.build import build, fold_folder
from train.birds.folds import TEST, TRAIN, UNSEEN
from train.bridges.heard_clips import open_teacher
from train.bridges.report.figures import RECORDINGS, SEEN, ask_recordings
from train.bridges.report.kept import data_digest, made_once
from train.bridges.report.runs import CONFIGS, Ground, ReportRun, TrainedRun, train
from train.config import PretrainConfig, load_config, to_dict
from train.measure.figures import Row
from train.model.checkpoint import load_checkpoint
from train.pretrain import pretrain

BIRD_RUNS = (
    ReportRun(name="text", method="joint", config="bridge-birds-text", learned_from="names"),
    ReportRun(
        name="pivot", method="pivot", config="bridge-birds-pivot", learned_from="photographs"
    ),
    ReportRun(
        name="text + image",
        method="joint",
        config="bridge-birds-joint",
        learned_from="names + photographs",
    ),
)
TOWER = "models/inat_bird_mobilenetv2"
"""Image tower in the archive, that the fold's teacher keeps."""
LEARNED, NEW = "seen (photographs that were learned from)", "seen (new photographers)"
_FOLD = 0


@dataclass(frozen=True, kw_only=True)
class RealBirds:
    """A fold of the archive, and its teacher."""

    archive: Path
    output: Path
    settings: tuple[str, ...] = ()
    """Of every run, beside its file."""
    steps_factor: float = 1.0

    def measure(self) -> dict[str, Any]:
        """Figures and costs of every run, each trained once.

        Raises:
            BirdlistenError: the archive or its image tower can't be used.
        """
        data = self._data()
        teacher = self._teacher(data)
        ground = Ground(
            output=self.output,
            teacher=teacher,
            common=(f"data=recordings:{data}", f"pictures={data}", *self.settings),
            steps_factor=self.steps_factor,
        )
        trained = [train(run, ground) for run in BIRD_RUNS]
        rows = [row for done in trained for row in _rows(done, str(data))]
        return {"rows": rows, "costs": costs_of(trained), "told": _told(data)}

    def _data(self) -> Path:
        """The fold's data set, which is made of the archive's lists in a second."""
        everything = self.output / "data" / "birds"
        build(self.archive, everything)
        return fold_folder(everything, _FOLD)

    def _teacher(self, data: Path) -> str:
        """Name of the fold's teacher, made once."""
        given = (f"data={data}", f"output={self.output}", f"image_tower={self.archive / TOWER}")
        config = load_config(PretrainConfig, CONFIGS / "pretrain-birds-teacher.yaml", given)
        terms = {**to_dict(config), "files": data_digest(str(data))}
        made = partial(pretrain, config, ["teacher"])
        return f"local-dir:{made_once(self.output / 'teacher', terms, made)}"


def costs_of(trained: Sequence[TrainedRun]) -> list[Row]:
    """Row of every run: what it learned from, and what its training cost."""
    return [
        {
            "run": done.run.name,
            "learned_from": done.run.learned_from,
            "pairs": load_checkpoint(done.folder).learned_from_pairs,
            **{name: done.cost[name] for name in ("seconds", "steps", "windows", "clips")},
        }
        for done in trained
    ]


def _rows(done: TrainedRun, data: str) -> list[Row]:
    """Of core species by recordists that are new, and of species that are."""
    checkpoint = load_checkpoint(done.folder)
    teacher = open_teacher(checkpoint)
    asked = [
        (TEST, TRAIN, SEEN, LEARNED),
        (TEST, TEST, SEEN, NEW),
        (UNSEEN, UNSEEN, UNSEEN, UNSEEN),
    ]
    return [
        {**row, "species": told}
        for split, shown, group, told in asked
        for row in ask_recordings(checkpoint, teacher, data, split=split, shown=shown).rows(
            done.run.name, RECORDINGS
        )
        if row["species"] == group
    ]


def _told(data: Path) -> str:
    return (
        f"Data: fold {_FOLD} of `python -m train.birds.build` ({data.name}); a teacher over the "
        "archive's iNaturalist tower, trained on the fold's photographs; a small CNN from nothing, "
        "so these are no figures of the starter."
    )
