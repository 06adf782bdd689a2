"""Settings of how a distillation learns: steps, rates, batches, precision."""

from dataclasses import dataclass

from train.config.checks import check_count, check_positive, check_share


@dataclass(frozen=True)
class LearningConfig:
    """Schedule of a distillation, and what its steps may cost."""

    steps: int = 300
    """0 leaves the student as it begins."""
    batch: int = 48
    """Windows of a step, those of all ranks together (torchrun)."""
    learning_rate: float = 2e-3
    weight_decay: float = 0.01
    warmup: int = 20
    """Steps of linear warm-up before the cosine."""
    accumulate: int = 1
    """Batches whose gradients make one step."""
    ema: float = 0.0
    """Decay of a moving average of the weights, such as 0.999, which is saved; 0 averages none."""
    snapshot_every: int = 0
    """Steps after which the training is kept in `output`; the same command goes on from there."""
    validate_every: int = 0
    """Steps after which the validation split is asked; its best weights are saved. 0: never."""
    patience: int = 0
    """Validations without a better one after which it ends; 0: it goes on to the last step."""
    bfloat16: bool = True
    """Compute the tower in bfloat16 where the hardware does; weights and losses stay float32."""
    compile: bool = False
    """Compile the tower (torch.compile): some minutes at first, then faster steps."""

    def check_learning(self) -> None:
        """Refuse numbers that can't train; raises ConfigError."""
        check_positive(self, ("batch", "learning_rate", "accumulate"))
        check_count(self, ("steps",))
        check_share(self, ("ema",))
