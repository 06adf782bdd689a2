"""Settings that a training which goes on may change, because they don't change its past."""

import json
from typing import Any

from train.config.reading import defaults, renamed, to_dict
from train.engine.terms import Terms

_PACE = ("steps", "audio_steps", "snapshot_every", "validate_every", "patience")
"""More steps bend the rest of the cosine, not what was learned on the way."""
_PLACE = ("device", "output", "compile", "gradient_checkpointing", "wandb")
_PATHS = (
    *("data", "teacher", "student", "init", "extra_backgrounds", "hint", "favoured", "rehearsed"),
    *("species", "large_student"),
)
"""A folder may have moved; that it holds what it held is seen by its content."""


def terms_of(config: Any, content: dict[str, str] | None = None) -> Terms:
    """Terms on which the training of a configuration goes on.

    Args:
        config: a DistillConfig or PretrainConfig.
        content: digests of what is learned from, once it is known.
    """
    return Terms(
        settings=json.loads(json.dumps(to_dict(config))),
        defaults=json.loads(json.dumps(defaults(type(config)))),
        free=(*_PACE, *_PLACE, *_PATHS),
        content=content or {},
        renamed=renamed,
    )
