"""Runs that the report compares: each trained once, by its committed configuration, and timed."""

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from edge.contract.errors import ConfigError
from gallery.data.table import read_json
from gallery.teacher import load_teacher
from train.bridges import agreement, joint, localise, pivot
from train.bridges.clips import open_clips
from train.bridges.report.kept import (
    check_terms,
    clips_digest,
    made_once,
    sources,
    weights_digest,
    write_note,
)
from train.bridges.teacher_files import Maker, attention_maker, student_maker, write_files
from train.config import load_config, terms_of
from train.config.agreement import AgreementConfig
from train.config.bridging import BridgeConfig
from train.config.joint import JointConfig
from train.config.localisation import LocaliseConfig
from train.config.pivot import PivotConfig
from train.model.checkpoint import META
from train.model.opening import VIT

CONFIGS = Path(__file__).parents[2] / "configs"
METHODS: Mapping[str, tuple[type[Any], Callable[[Any], Path]]] = {
    "joint": (JointConfig, joint.join),
    "pivot": (PivotConfig, pivot.bridge),
    "agreement": (AgreementConfig, agreement.agree),
    "localise": (LocaliseConfig, localise.localise),
}
"""Configuration and training of each, by the name of its command."""
_STEPS = ("steps", "text_steps", "warmup", "audio_steps")
"""Settings that a shorter report shortens."""
_FREE = ("output", "device", "snapshot_every")
"""Settings that don't change what is learned."""
_SNAPSHOT, _CLIP_S = 50, 8.0


@dataclass(frozen=True, kw_only=True)
class ReportRun:
    """One row of the report."""

    name: str
    method: str
    config: str
    """File in train/configs."""
    learned_from: str
    """Kind of pairs, for the table."""
    settings: tuple[str, ...] = ()
    """Beside those of the file."""


RUNS = (
    ReportRun(name="text", method="joint", config="bridge-text", learned_from="names"),
    ReportRun(
        name="text, shuffled taxonomy",
        method="joint",
        config="bridge-text",
        learned_from="names, ranks of others",
        settings=("shuffle_taxonomy=1",),
    ),
    ReportRun(name="pivot", method="pivot", config="bridge-pivot", learned_from="frames"),
    ReportRun(name="random", method="agreement", config="bridge-random", learned_from="frames"),
    ReportRun(name="nearest", method="agreement", config="bridge-nearest", learned_from="frames"),
    ReportRun(
        name="multiframe", method="agreement", config="bridge-multiframe", learned_from="frames"
    ),
    ReportRun(
        name="multiframe, clip",
        method="agreement",
        config="bridge-multiframe-clip",
        learned_from="frames",
    ),
    ReportRun(
        name="localise, no teachers",
        method="localise",
        config="bridge-localise-no-teachers",
        learned_from="frames",
    ),
    ReportRun(
        name="localise", method="localise", config="bridge-localise", learned_from="frames, hints"
    ),
    ReportRun(
        name="text + image", method="joint", config="bridge-joint", learned_from="names + frames"
    ),
)


@dataclass(frozen=True, kw_only=True)
class Ground:
    """Common ground of all runs: what they learn from, begin as, and where they are kept."""

    output: Path
    teacher: str = ""
    """Empty: that of each file."""
    student: str = ""
    """What all begin as that don't begin as the teacher's image tower (`vit:`); empty: as the
    files say."""
    common: tuple[str, ...] = ()
    """Settings of every run, such as `data=...`."""
    steps_factor: float = 1.0
    """Of each training's steps; below 1 for a trial of the report itself."""

    def config(self, run: ReportRun) -> Any:
        """Configuration of a run.

        Raises:
            ConfigError: the file holds what is no setting.
        """
        output = f"output={self.output / slug(run.name)}"
        own = (*self.common, *run.settings, output, f"snapshot_every={_SNAPSHOT}")
        kind, file = METHODS[run.method][0], CONFIGS / f"{run.config}.yaml"
        found = load_config(kind, file, own)
        found = replace(found, teacher=self.teacher or found.teacher)
        return shortened(self._begun(found), self.steps_factor)

    def _begun(self, config: Any) -> Any:
        """The same, of the common students and with the common hints."""
        is_image_tower = config.student.startswith(VIT)
        student = VIT + config.teacher if is_image_tower else self.student or config.student
        hints = {
            name: str(self.output / "hints" / name)
            for name in ("audio_teacher", "vision_teacher")
            if getattr(config, name, "")
        }
        return replace(config, student=student, **hints)


@dataclass(frozen=True, kw_only=True)
class TrainedRun:
    """A run whose training has ended."""

    run: ReportRun
    folder: Path
    cost: Mapping[str, Any]
    """`seconds` of processor, `steps`, `windows` heard in them, and `clips` that they are of."""


def shortened(config: Any, factor: float) -> Any:
    """The same training with a share of its steps."""
    steps = {name: getattr(config, name, 0) for name in _STEPS}
    fewer = {name: max(1, round(count * factor)) for name, count in steps.items() if count}
    return config if factor == 1 else replace(config, **fewer)


def train(run: ReportRun, ground: Ground) -> TrainedRun:
    """Train a run, or take the one that lies there.

    Raises:
        BirdlistenError: data, models or settings can't be used, or the one that lies there has
            been trained by others.
    """
    config, file = ground.config(run), ground.output / f"{slug(run.name)}.json"
    make_hints(config)
    terms = {**_settings(config), **sources(config)}
    note = read_json(file) if file.is_file() else {}
    if (Path(note.get("folder", "")) / META).is_file():
        check_terms(file, note["terms"], terms)
    else:
        note = {"terms": terms, "seconds": note.get("seconds", 0.0)}
        _train(run.method, config, file, note)
    return TrainedRun(run=run, folder=Path(note["folder"]), cost=note)


def _train(method: str, config: Any, file: Path, note: dict[str, Any]) -> None:
    """Train without tunings by text, whose curve is no part of the cost; then these."""
    teach = METHODS[method][1]
    alone = replace(config, text_pairs=()) if isinstance(config, PivotConfig) else config
    _fill_caches(method, alone)
    with _timed(file, note):
        folder = teach(alone)
        note |= _amounts(config)
    if alone is not config:
        teach(config)
    note["folder"] = str(folder)
    write_note(file, note)


def _fill_caches(method: str, config: Any) -> None:
    """Decode and embed what runs share, so that none of them pays for the others."""
    with TemporaryDirectory() as folder:
        nothing = {"steps": 0, "snapshot_every": 0, "output": f"{folder}/aviary-pairs"}
        METHODS[method][1](replace(config, **nothing))


def make_hints(config: Any) -> None:
    """Files of a localisation's teachers, if it has any and they are not there yet.

    As train/configs/bridge-localise.yaml says: the audio teacher is the tower that the students
    begin as, of whole clips, the vision teacher what the frozen image tower attends to.

    Raises:
        ConfigError: those that are there are of other clips or teachers.
    """
    audio, vision = (getattr(config, name, "") for name in ("audio_teacher", "vision_teacher"))
    if audio:
        heard = partial(student_maker, config.student, _CLIP_S)
        _hints(config, heard, Path(audio), weights_digest(Path(config.student)), frames=0)
    if vision:
        teacher = load_teacher(config.teacher)
        seen = partial(attention_maker, teacher)
        _hints(config, seen, Path(vision), teacher.space_id, frames=config.frames)


def _hints(
    config: Any, open_maker: Callable[[], Maker], folder: Path, teacher: str, frames: int
) -> None:
    """Files of all training clips; the folder appears once they are whole."""
    partial_folder = folder.with_name(f"{folder.name}.part")

    def make() -> None:
        clips = open_clips(config.data).select("train")
        write_files(clips, open_maker(), partial_folder, frames)
        partial_folder.rename(folder)

    made_once(folder, {"clips": clips_digest(config.data), "by": teacher, "frames": frames}, make)


def chosen(names: Sequence[str]) -> tuple[ReportRun, ...]:
    """Runs by their names; all of them if none is given.

    Raises:
        ConfigError: there is no run of a name.
    """
    known = {run.name: run for run in RUNS}
    if unknown := [name for name in names if name not in known]:
        raise ConfigError(f"--only: no run {unknown[0]!r}; there are {'; '.join(known)}")
    return tuple(run for run in RUNS if not names or run.name in names)


@contextmanager
def _timed(file: Path, note: dict[str, Any]) -> Iterator[None]:
    """Seconds of processor, added to those of a training that was stopped before."""
    begun = time.process_time()
    try:
        yield
    finally:
        note["seconds"] = round(note["seconds"] + time.process_time() - begun, 1)
        write_note(file, note)


def _amounts(config: BridgeConfig) -> dict[str, int]:
    """Steps, windows heard in them, and clips; Multiframe Match hears a window a frame."""
    clips = open_clips(config.data, config.taxon).select("train", config.held_out)
    by_frame = isinstance(config, AgreementConfig) and config.segmented
    windows = config.steps * config.batch * (config.frames if by_frame else 1)
    return {"steps": config.steps, "windows": windows, "clips": len(clips)}


def _settings(config: Any) -> dict[str, Any]:
    told = terms_of(config).settings
    return {name: value for name, value in told.items() if name not in _FREE}


def slug(name: str) -> str:
    """Name of a run's folder."""
    return name.replace(" + ", "-").replace(", ", "-").replace(" ", "-")
