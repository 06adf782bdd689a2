"""Settings of what is heard, by a distillation as by a pretraining."""

from dataclasses import dataclass

from train.config.augmentation import SHARES, AugmentationConfig
from train.config.checks import check_count, check_positive, check_share
from train.model.frontend import LogMelSpec


@dataclass(frozen=True)
class HeardConfig(AugmentationConfig):
    """Sounds that a student learns by, and the ear that it learns from."""

    data: str = "data/aviary"
    """Our own folder, `KIND:FOLDER` of a published corpus, or several (gallery/data/corpora.py)."""
    taxon: str = ""
    """Only species of it, of whatever rank, such as `Aves`; empty takes all."""
    longest_s: float = 0.0
    """Seconds that are kept of a longer recording, in sections spread over it; 0: all of it."""
    held_out: tuple[str, ...] = ()
    """Species ids never heard in training, to measure transfer."""
    window_s: float = 2.5
    """Length of what the student hears at once; CLAP's is 10."""
    frame_hop_samples: int = 480
    """From one frame of a CNN's log-mel to the next; a pretrained student knows its own."""
    mel_bins: int = 64
    """Of a CNN's log-mel, at 48 kHz; a pretrained CLAP's tower holds 256 frames."""
    species_weight: float = 0.0
    """A species' share of the batches grows with its recordings to this power; 0: all the same."""
    hint: str = ""
    """An ear to learn from: its network's folder or its name in export/ears; empty: none."""
    hint_weight: float = 1.0
    """Weight of the distance to the network's embedding."""
    belief_weight: float = 1.0
    """Weight of the divergence from the network's belief in its labels."""
    mixtures: int = 0
    """How many mixtures of recordings are heard beside (train/sound/mixtures.py)."""
    birdless: float = 0.0
    """Share of the mixtures that are background alone."""
    least_chance: float = 0.1
    """Chance of a mixture in which the ear knows no bird; that in which it is sure of one has 1
    more."""
    extra_backgrounds: str = ""
    """Data set of more recordings without a bird, such as scripts/backgrounds.py makes."""
    favoured: str = ""
    """File with a scientific name a line: recordings of these lead half of the mixtures."""
    favoured_windows: float = 0.0
    """Share of the windows that are cut from their recordings themselves."""
    rehearsed: str = ""
    """Data set that the student has learned by before: a fifth are of its mixtures."""
    rehearsed_mixtures: int = 30_000
    """How many mixtures it learned by then."""
    seed: int = 0
    """Of weights, batches and mixtures; the same gives the same training."""
    device: str = "auto"
    """`auto`, `cpu` or `cuda`."""

    @property
    def frontend(self) -> LogMelSpec:
        """Of a CNN."""
        return LogMelSpec(hop_samples=self.frame_hop_samples, mel_bins=self.mel_bins)

    def __post_init__(self) -> None:
        """Refuse numbers that can't train."""
        check_positive(self, ("window_s", "frame_hop_samples", "mel_bins", "rehearsed_mixtures"))
        check_count(self, ("mixtures", "longest_s"))
        check_share(self, SHARES)
        self.check_augmentation()
