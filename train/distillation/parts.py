"""Parts of a distillation, made ready."""

from dataclasses import dataclass
from pathlib import Path

from edge.contract.arrays import Embeddings
from gallery.data.dataset import Dataset
from gallery.teacher import Teacher, mean_anchors
from train.config import DistillConfig, to_dict
from train.distillation.imitation import Imitation
from train.distillation.large_student import LargeStudent
from train.distillation.needs import Needs
from train.engine.terms import digest
from train.model.checkpoint import Checkpoint, descent
from train.model.frontend import InputSpec
from train.model.student import Student
from train.sound.training_set import TrainingSet


@dataclass(frozen=True, kw_only=True)
class Parts:
    """Parts of a distillation, made ready."""

    dataset: Dataset
    teacher: Teacher
    anchors: Embeddings
    """float32[templates, species, dim] of the data set's taxonomy."""
    learned: Embeddings
    """The same, of the sentences that are learned by: with `shuffle_taxonomy` others."""
    input_spec: InputSpec
    sounds: TrainingSet
    student: Student
    imitation: Imitation | None
    large_student: LargeStudent | None
    before: Checkpoint | None
    """Run that the student goes on from."""
    needs: Needs

    @property
    def content(self) -> dict[str, str]:
        """Digests of what is learned from, by the setting that names it."""
        large = self.large_student
        return {
            **self.sounds.digests,
            "teacher": digest(self.teacher.space_id, self.dataset.taxonomy.species),
            "student": digest(self.student.shapes, self.input_spec),
            "hint": self.imitation.digest if self.imitation else "",
            "large_student": large.digest if large else "",
        }

    def checkpoint(self, config: DistillConfig) -> Checkpoint:
        """Checkpoint that is saved at the end; its student learns meanwhile."""
        before = self.before
        taught = self.imitation.licences if self.imitation else ()
        kept = before.licences if before else ()
        return Checkpoint(
            student=self.student,
            frontend=self.input_spec.frontend,
            window_samples=self.input_spec.window_samples,
            space_id=self.teacher.space_id,
            taxonomy=self.dataset.taxonomy,
            anchors=mean_anchors(self.anchors),
            dataset=self.dataset.name,
            synthetic=self.dataset.synthetic,
            licences=tuple(sorted({*self.sounds.licences, *taught, *kept})),
            seen_species=self.sounds.seen_with(config.student),
            config={**to_dict(config), "output": ""},
            lineage=descent(Path(config.student), before) if before else (),
        )
