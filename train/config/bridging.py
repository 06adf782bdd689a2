"""Settings that all bridges have (train/bridges)."""

from dataclasses import dataclass

from train.config.checks import check_count, check_positive, check_share
from train.model.frontend import LogMelSpec


@dataclass(frozen=True)
class BridgeConfig:
    """Training of an audio tower by clips, into the space of a frozen image-text model.

    Raises:
        ConfigError: a number that can't train.
    """

    data: str = "ssw60video:data/aviary-video"
    """Clips: `KIND:FOLDER` (train/bridges/clips.py)."""
    taxon: str = ""
    """Only species of it, of whatever rank, such as `Aves`; empty takes all."""
    held_out: tuple[str, ...] = ()
    """Species ids in no clip that is learned from, to measure transfer."""
    teacher: str = "local-dir:runs/bridges-aviary/teacher"
    """Any open_clip model: `local-dir:PATH` or `hf-hub:imageomics/bioclip-2`; frozen."""
    student: str = "runs/bridges-aviary/student"
    """Any transformers CLAP, `cnn:` and a name of timm's, or a run, to go on with it."""
    output: str = ""
    """Folder of the run; empty makes `runs/bridge-<method>-<data set>-<time>`."""
    frames: int = 8
    """Frames a clip that the teacher sees, in the middle of so many equal parts."""
    window_s: float = 8.0
    """Length of what the student hears at once; CLAP's is 10."""
    frame_hop_samples: int = 480
    """From one frame of a CNN's log-mel to the next; a pretrained student knows its own."""
    mel_bins: int = 64
    """Of a CNN's log-mel, at 48 kHz."""
    projection_hidden: int = 0
    """Width of a hidden layer between features and the teacher's space; 0 projects linearly."""
    gain_db: float = 8.0
    """Most that the level of a window is shifted by, either way."""
    mask: float = 0.15
    """Probability that a band of time and one of frequency are masked (SpecAugment)."""
    mask_frames: int = 24
    """Longest masked band of time, in frames."""
    mask_bins: int = 8
    """Widest masked band of frequency, in mel bins."""
    steps: int = 300
    """0 leaves the student as it begins."""
    batch: int = 48
    """Clips of a step, those of all ranks together (torchrun)."""
    learning_rate: float = 1e-3
    """Of AdamW at the end of the warm-up; a cosine takes it to 0."""
    weight_decay: float = 0.01
    """Of matrices and kernels; biases and norms have none."""
    warmup: int = 20
    """Steps of linear warm-up before the cosine."""
    temperature: float = 0.07
    """Of the softmax at the start; learned, as in CLIP."""
    clip_norm: float = 0.0
    """Longest gradient of a step, such as 1.0; a longer one is shortened. 0: none is."""
    ema: float = 0.0
    """Decay of a moving average of the weights, which is saved; 0 averages none."""
    snapshot_every: int = 0
    """Steps after which the training is kept in `output`; the same command goes on from there."""
    bfloat16: bool = True
    """Compute the tower in bfloat16 where the hardware does; weights and losses stay float32."""
    seed: int = 0
    """Of weights and batches; the same gives the same training."""
    device: str = "auto"
    """`auto`, `cpu` or `cuda`."""

    @property
    def frontend(self) -> LogMelSpec:
        """Of a CNN."""
        return LogMelSpec(hop_samples=self.frame_hop_samples, mel_bins=self.mel_bins)

    def __post_init__(self) -> None:
        """Refuse numbers that can't train."""
        positive = ("frames", "window_s", "frame_hop_samples", "mel_bins", "batch", "temperature")
        check_positive(self, (*positive, "learning_rate", "mask_frames", "mask_bins"))
        check_count(self, ("steps", "warmup", "snapshot_every", "projection_hidden"))
        check_count(self, ("clip_norm", "weight_decay", "gain_db"))
        check_share(self, ("mask", "ema"))
