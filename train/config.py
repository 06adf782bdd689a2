"""Frozen configurations: dataclass defaults < YAML file < key=value on the command line."""

import argparse
import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any, TypeVar, get_type_hints

import yaml

from edge.contract.errors import ConfigError
from edge.contract.names import nearest
from edge.system.yaml_file import read_yaml
from train.model.frontend import LogMelSpec

C = TypeVar("C")
LOSSES = ("anchor_softmax", "hierarchical_softmax", "multi_positive", "info_nce")
_SHARES = ("birdless", "least_chance", "favoured_windows", "mix", "background_prob")
_FORMER = {
    "background": "background_prob",
    "backgrounds": "extra_backgrounds",
    "big": "large_student",
    "big_weight": "large_student_weight",
    "keep_every": "snapshot_every",
}
"""Settings that had another name; files and checkpoints of then are still read."""


@dataclass(frozen=True)
class HeardConfig:
    """Sounds that a student learns by, and the ear that it learns from."""

    data: str = "data/aviary"
    """Our own folder, `KIND:FOLDER` of a published corpus, or several (gallery/data/corpora.py)."""
    taxon: str = ""
    """Only species of it, of whatever rank, such as `Aves`; empty takes all."""
    held_out: tuple[str, ...] = ()
    """Species ids never heard in training, to measure transfer."""
    window_s: float = 2.5
    longest_s: float = 0.0
    """Seconds that are kept of a longer recording, in sections spread over it; 0: all of it."""
    frame_hop_samples: int = 480
    mel_bins: int = 64
    """Of a CNN's log-mel, at 48 kHz; a pretrained CLAP's tower holds 256 frames."""
    species_weight: float = 0.0
    """A species' share of the batches grows with its recordings to this power; 0: all the same."""
    hint: str = ""
    """An ear to learn from: its network's folder or its name in export/ears; empty: none."""
    hint_weight: float = 1.0
    belief_weight: float = 1.0
    """Of the network's belief in its labels, beside its embedding."""
    mixtures: int = 0
    """How many mixtures of recordings are heard beside (train/sound/mixtures.py)."""
    birdless: float = 0.0
    """Share of the mixtures that are background alone."""
    least_chance: float = 0.1
    """Of a mixture in which the ear knows no bird; that in which it is sure of one has 1 more."""
    extra_backgrounds: str = ""
    """Data set of more recordings without a bird, such as scripts/backgrounds.py makes."""
    favoured: str = ""
    """File with a scientific name a line: recordings of these lead half of the mixtures."""
    favoured_windows: float = 0.0
    """Share of the windows that are cut from their recordings themselves."""
    rehearsed: str = ""
    """Data set that the student has learned by before: a fifth are of its mixtures."""
    rehearsed_mixtures: int = 30_000
    mix: float = 0.25
    """Probability that a second, weaker recording sings along."""
    background_prob: float = 0.4
    """Probability that a background recording is added."""
    background_db: float = -2.0
    """Of the loudest one, relative to the window."""
    gain_db: float = 8.0
    """The level is shifted by up to this, either way."""
    seed: int = 0
    device: str = "auto"
    """`auto`, `cpu` or `cuda`."""

    @property
    def frontend(self) -> LogMelSpec:
        """Of a CNN."""
        return LogMelSpec(hop_samples=self.frame_hop_samples, mel_bins=self.mel_bins)

    def __post_init__(self) -> None:
        """Refuse numbers that can't train."""
        _check_positive(self, ("window_s", "frame_hop_samples", "mel_bins", "rehearsed_mixtures"))
        _check_count(self, ("mixtures", "longest_s"))
        _check_share(self, _SHARES)


@dataclass(frozen=True)
class PretrainConfig(HeardConfig):
    """The two small models of the real kind that stand in for BioCLIP-2 and BioLingual."""

    output: str = "runs/pretrain-aviary"
    dim: int = 128
    """Dimension of the teacher's space."""
    init: str = ""
    """Folder of a CLAP to go on training; empty begins anew."""
    image_size: int = 64
    image_steps: int = 220
    image_batch: int = 48
    image_learning_rate: float = 2e-3
    image_weight_decay: float = 0.01
    image_tower: str = ""
    """Folder of a ready-made tower to lock (pretraining/locked_tower.py); empty trains one."""
    audio_steps: int = 460
    audio_batch: int = 48
    audio_learning_rate: float = 1e-3
    audio_weight_decay: float = 0.01
    audio_ema: float = 0.0
    """Decay of the moving average of the backbone's weights, which is what is saved; 0: none."""
    tower_width: int = 32
    """Of the audio tower's first stage."""
    audio_tower: str = ""
    """Folder of a backbone that the CLAP begins with in place of a tower of its own."""
    cnn: str = "mobilenetv3_small_100"
    """What timm calls the CNN of the backbone."""
    mixtures: int = 16_000
    map_weight: float = 0.0
    """Of the maps between its layers, which a CNN learns by mixtures; 0: none."""
    local_features: int = 0
    """Width of what a CNN makes at every place and then averages; BirdNET's is 1024. 0: its map."""
    snapshot_every: int = 0
    """Steps after which the backbone's training is kept in `output`; the same command goes on."""

    def __post_init__(self) -> None:
        """Refuse numbers that can't train."""
        super().__post_init__()
        numbers = [field.name for field in fields(self) if type(field.default) in (int, float)]
        free = (
            *("seed", "species_weight", "snapshot_every", "background_db", "gain_db", "longest_s"),
            *("map_weight", "local_features", "audio_weight_decay", "audio_ema", *_SHARES),
        )
        _check_positive(self, [name for name in numbers if name not in free])
        _check_share(self, ("audio_ema",))


@dataclass(frozen=True)
class DistillConfig(HeardConfig):
    """Distillation of the teacher's text space into the student's audio tower.

    Raises:
        ConfigError: an unknown loss, or a number that isn't positive.
    """

    teacher: str = "local-dir:runs/pretrain-aviary/teacher"
    """Any open_clip model: `local-dir:PATH` or `hf-hub:imageomics/bioclip-2`."""
    student: str = "runs/pretrain-aviary/student"
    """Any transformers CLAP, a folder or `davidrrobinson/BioLingual`; or `cnn:` and a name of
    timm's, such as `cnn:mobilenetv3_small_100`, which starts from nothing."""
    output: str = ""
    """Empty makes `runs/distill-<data set>-<time>`."""
    species: str = ""
    """File with a scientific name a line: only these are learned, and told from each other; empty
    learns all. Some hundred names with a recording each cost the few that matter their place."""
    loss: str = "anchor_softmax"
    """One of LOSSES (equations: train/distillation/losses.py). `info_nce` is the paper's."""
    smoothing: float = 0.05
    """What a label lends to all others alike, or with `hierarchical_softmax` to its kin."""
    temperature: float = 0.07
    """Of the softmax at the start; learned, as in CLIP."""
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

    def __post_init__(self) -> None:
        if self.loss not in LOSSES:
            raise ConfigError(f"loss: {self.loss!r} is not one of {LOSSES}")
        super().__post_init__()
        _check_positive(self, ("temperature", "batch", "learning_rate", "accumulate"))
        _check_count(self, ("steps", "projection_hidden"))
        _check_share(self, ("smoothing", "outliers", "tower_share", "ema"))


def add_config_flags(parser: argparse.ArgumentParser) -> None:
    """Add `--config FILE` and `key=value ...`."""
    parser.add_argument("--config", type=Path, help="YAML file of settings")
    parser.add_argument("overrides", nargs="*", metavar="KEY=VALUE", help="single settings")


def load_config(kind: type[C], file: Path | None, overrides: Sequence[str]) -> C:
    """Build a configuration.

    Raises:
        ConfigError: an unknown key, a value of another type, or an unreadable file.
    """
    values = read_yaml(file) if file else {}
    if file and not values:
        raise ConfigError(f"{file}: expected `name: value` lines, found none")
    for text in overrides:
        name, equals, value = text.partition("=")
        if not equals:
            raise ConfigError(f"{text!r}: expected key=value")
        values[name] = _parse(text, value)
    hints = get_type_hints(kind)
    values = renamed(values)
    for name in values:
        if name not in hints:
            raise ConfigError(f"unknown setting {name!r}{nearest(str(name), hints)}")
    return kind(**{name: _convert(name, value, hints[name]) for name, value in values.items()})


def renamed(values: Mapping[str, Any]) -> dict[str, Any]:
    """Settings by their names of today."""
    found = {_FORMER.get(name, name): value for name, value in values.items()}
    if found.get("loss") == "kin_softmax":
        found["loss"] = "hierarchical_softmax"
    return found


def to_dict(config: Any) -> dict[str, Any]:
    """A configuration as JSON-ready values, in order."""
    return {field.name: asdict(config)[field.name] for field in fields(config)}


def _check_positive(config: Any, names: Sequence[str]) -> None:
    for name in names:
        if not 0 < getattr(config, name) < math.inf:
            raise ConfigError(f"{name}: {getattr(config, name)} is not a positive number")


def _check_count(config: Any, names: Sequence[str]) -> None:
    for name in names:
        if getattr(config, name) < 0:
            raise ConfigError(f"{name}: {getattr(config, name)} is below 0")


def _check_share(config: Any, names: Sequence[str]) -> None:
    for name in names:
        if not 0 <= getattr(config, name) <= 1:
            raise ConfigError(f"{name}: {getattr(config, name)} does not lie between 0 and 1")


def _parse(text: str, value: str) -> Any:
    try:
        return yaml.safe_load(value)
    except yaml.YAMLError as error:
        raise ConfigError(f"{text!r}: not a YAML value") from error


def _convert(name: str, value: Any, hint: Any) -> Any:
    try:
        if hint is bool and not isinstance(value, bool):
            raise ValueError(value)
        if hint is int and value != int(value):
            raise ValueError(value)
        if hint in (bool, int, float, str):
            return hint(value if value is not None else "")
        return tuple(value.split(",") if isinstance(value, str) else value)
    except (OverflowError, TypeError, ValueError) as error:
        raise ConfigError(f"{name}: {value!r} is not a {hint}") from error
