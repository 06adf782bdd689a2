"""The first day of a researcher: every command from the corpora to a fetched bundle, in order."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from tests.support.corpora import birdset, inat21, inatsounds, ssw60
from tests.support.published_models import TINY, Shape, write_student, write_teacher
from train.noise.build import BackgroundConfig, build

REPO = "someone/first-day"


@dataclass(frozen=True)
class Stage:
    """One command."""

    name: str
    module: str
    arguments: tuple[str, ...]


@dataclass(frozen=True)
class Day:
    """Folder of a day: corpora and models as they were unpacked and downloaded."""

    root: Path
    shape: Shape = TINY

    def unpack(self) -> None:
        """Write corpora and models."""
        inatsounds(self.root / "inatsounds", {"train": 2, "val": 2})
        inat21(self.root / "inat21", {"train_mini": 2, "val": 1})
        ssw60(self.root / "ssw60")
        birdset(self.root / "birdset")
        build(BackgroundConfig(hours=0.02, length_s=2.0), self.root / "noise")
        write_teacher(self.root / "teacher", self.shape)
        write_student(self.root / "student", self.shape)

    @property
    def run(self) -> Path:
        """The distilled run."""
        return self.root / "site"

    @property
    def bundle(self) -> Path:
        """Its bundle."""
        return self.run / "bundle"

    @property
    def repository(self) -> Path:
        """What goes to the hub."""
        return self.root / "repository"

    def stages(self, steps: int = 60) -> Iterator[Stage]:
        """The commands up to the hub.

        Args:
            steps: of each distillation.
        """
        corpus = {
            kind: f"{kind}:{self.root / kind}"
            for kind in ("inatsounds", "inat21", "ssw60", "birdset")
        }
        first, noise, bundle = self.root / "first", self.root / "noise", str(self.bundle)
        common = (
            f"teacher=local-dir:{self.root / 'teacher'}",
            f"window_s={self.shape.seconds}",
            f"steps={steps}",
            *("batch=12", "warmup=1", "device=cpu"),
            # A model this small learns tones in a minute's fraction, if they are left as they are.
            *("outliers=0", "mix=0", "background_prob=0", "gain_db=0"),
        )
        data, student = f"data={corpus['inatsounds']}", f"student={self.root / 'student'}"
        begun = (f"output={first}", *common, "steps=2")
        yield Stage("distil", "train.distill", (data, student, *begun))
        again = (f"student={first}", f"output={self.run}", *common)
        yield Stage("go on", "train.distill", (f"data={corpus['ssw60']}", *again))
        yield Stage(
            "export",
            "export.onnx",
            ("--checkpoint", str(self.run), "--recordings", corpus["inatsounds"]),
        )
        for kind in ("inat21", "ssw60"):
            pictures = (bundle, "--pictures", corpus[kind])
            yield Stage(f"gallery from {kind}", "gallery.build", pictures)
        recordings = ("--recordings", corpus["ssw60"], "--split", "test")
        yield Stage(
            "calibrate",
            "gallery.calibrate",
            (bundle, "--fuse", *recordings, "--background", str(noise)),
        )
        yield Stage("parity", "export.parity", (bundle, *recordings))
        run = ("--checkpoint", str(self.run))
        other = ("--data", corpus["birdset"], "--output", str(self.root / "birdset.json"))
        yield Stage("evaluate birdset", "train.evaluate", (*run, *other))
        yield Stage("evaluate ssw60", "train.evaluate", (*run, "--data", corpus["ssw60"]))
        yield Stage("hub", "export.hub", (str(self.run), "--to", str(self.repository)))

    def listen(self) -> Stage:
        """A recorder, to which the hub has the repository."""
        sound = next((self.root / "ssw60" / "audio_ml").glob("*.wav"))
        return Stage(
            "identify", "edge.cli", ("identify", "--bundle", f"hf:{REPO}", "--json", str(sound))
        )
