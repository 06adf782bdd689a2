"""Settings of `train.distill`."""

from dataclasses import dataclass

from edge.contract.errors import ConfigError
from train.config.checks import check_count, check_positive, check_share
from train.config.heard import HeardConfig
from train.config.learning import LearningConfig

LOSSES = ("anchor_softmax", "hierarchical_softmax", "multi_positive", "multi_label", "info_nce")


@dataclass(frozen=True)
class DistillConfig(LearningConfig, HeardConfig):
    """Distillation of the teacher's text space into the student's audio tower.

    Raises:
        ConfigError: an unknown loss, or a number that isn't positive.
    """

    teacher: str = "local-dir:runs/pretrain-aviary/teacher"
    """Any open_clip model: `local-dir:PATH` or `hf-hub:imageomics/bioclip-2`."""
    student: str = "runs/pretrain-aviary/student"
    """Any transformers CLAP, a folder or `davidrrobinson/BioLingual`; `cnn:` and a name of timm's,
    such as `cnn:mobilenetv3_small_100`, which starts from nothing; or a run, to go on with it."""
    output: str = ""
    """Empty makes `runs/distill-<data set>-<time>`."""
    species: str = ""
    """File with a scientific name a line: only these are learned, and told from each other; empty
    learns all. Some hundred names with a recording each cost the few that matter their place."""
    loss: str = "anchor_softmax"
    """`anchor_softmax`, `hierarchical_softmax`, `multi_positive`, `multi_label` for recordings of
    several species, or `info_nce`, the paper's.
    Equations: train/distillation/losses.py."""
    smoothing: float = 0.05
    """What a label lends to all others alike, or with `hierarchical_softmax` to its kin."""
    temperature: float = 0.07
    """Of the softmax at the start; learned, as in CLIP."""
    shuffle_taxonomy: int = 0
    """Seed by which orders and families are permuted among species in the sentences learned by: a
    control, what of the transfer is taxonomy (AnimalCLAP). 0 leaves them as they are."""
    pull: float = 6.0
    """Weight of 1 - cosine to the own anchor beside the loss: pictures lie near the anchors, not
    merely on the right side of a boundary between them."""
    outliers: float = 0.17
    """Windows of background alone, as a share of the batch on top of it; they learn to be near no
    anchor, so that rain is not a rare bird."""
    taught: int = 48
    """Windows of a step, of recordings and mixtures, that a hint's network has heard, too: the
    student learns what it makes of them, by its embedding and by its belief in the names."""
    large_student: str = ""
    """Checkpoint of a large student from whose embeddings a small one is distilled, too."""
    large_student_weight: float = 1.0
    """Of the distance to its embedding, beside the loss."""
    projection_hidden: int = 0
    """Width of a hidden layer between features and the teacher's space; 0 projects linearly. By
    names: the rank of the layer that tells them; 0 leaves it whole."""
    projection_names: bool = False
    """Project by the belief in the names that a layer of the student's start tells, learned with
    the backbone or an ear's own (export/ear/tower.py): nothing is left to learn, `steps=0`."""
    tower_share: float = 1.0
    """How much of the labels' gradient reaches the tower; a hint's reaches it whole. With few
    recordings a tower that heeds mostly the hint does not learn them by heart."""
    freeze_tower: bool = False
    """Only the projection learns."""

    def __post_init__(self) -> None:
        """Refuse a loss that there is none of, and numbers that can't train."""
        if self.loss not in LOSSES:
            raise ConfigError(f"loss: {self.loss!r} is not one of {LOSSES}")
        HeardConfig.__post_init__(self)
        self.check_learning()
        check_positive(self, ("temperature",))
        check_count(self, ("projection_hidden", "shuffle_taxonomy"))
        check_share(self, ("smoothing", "outliers", "tower_share"))
        if self.shuffle_taxonomy and (self.projection_names or self.loss == "hierarchical_softmax"):
            raise ConfigError(
                "shuffle_taxonomy: projection_names and loss=hierarchical_softmax learn by true "
                "ranks; leave them out"
            )
        if self.freeze_tower and (self.lora_rank or self.freeze_layers):
            raise ConfigError(
                "freeze_tower: leaves nothing in the tower to learn; give it alone, or lora_rank "
                "and freeze_layers without it"
            )
