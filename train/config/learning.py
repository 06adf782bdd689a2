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
    """Of AdamW at the end of the warm-up; a cosine takes it to 0."""
    weight_decay: float = 0.01
    """Of matrices and kernels; biases and norms have none."""
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
    float16: bool = False
    """Compute the tower in float16, the loss scaled: for older cards, which lack bfloat16."""
    clip_norm: float = 0.0
    """Longest gradient of a step, such as 1.0; a longer one is shortened. 0: none is."""
    gradient_checkpointing: bool = False
    """Compute a layer's inside again for the backward pass: less memory, a third more work."""
    cached_windows: int = 0
    """Windows that the tower hears at once, the batch as a whole being compared (GradCache): for
    `info_nce` with a batch of 4,096 and more. 0: all of a batch."""
    freeze_layers: int = 0
    """Lowest layers of the tower that rest; HTSAT has 13, the patches and twelve blocks."""
    layer_decay: float = 1.0
    """Share of the rate that each layer of the tower has of the one above it, such as 0.9."""
    lora_rank: int = 0
    """Rank of updates that alone learn in a CLAP's tower (LoRA, extra `lora`); 0: all learns."""
    lora_alpha: float = 16.0
    """Weight of these updates, times their rank."""
    wandb: str = ""
    """Project of Weights & Biases that is told of each step (extra `wandb`); empty: none."""
    compile: bool = False
    """Compile the tower (torch.compile): some minutes at first, then faster steps."""

    def check_learning(self) -> None:
        """Refuse numbers that can't train; raises ConfigError."""
        check_positive(self, ("batch", "learning_rate", "accumulate", "lora_alpha", "layer_decay"))
        check_count(self, ("steps", "clip_norm", "cached_windows", "freeze_layers", "lora_rank"))
        check_share(self, ("ema", "layer_decay"))
