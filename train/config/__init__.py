"""Frozen configurations of the workshop: every setting with its default."""

from train.config.distillation import LOSSES, DistillConfig
from train.config.heard import HeardConfig
from train.config.pretraining import PretrainConfig
from train.config.reading import add_config_flags, load_config, renamed, to_dict
from train.config.resuming import terms_of

__all__ = [
    "LOSSES",
    "DistillConfig",
    "HeardConfig",
    "PretrainConfig",
    "add_config_flags",
    "load_config",
    "renamed",
    "terms_of",
    "to_dict",
]
