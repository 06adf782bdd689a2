"""Checks of single settings; each names the setting, and what it was."""

import math
from collections.abc import Sequence
from typing import Any

from edge.contract.errors import ConfigError


def check_positive(config: Any, names: Sequence[str]) -> None:
    """Refuse what is not a positive number; raises ConfigError."""
    for name in names:
        if not 0 < getattr(config, name) < math.inf:
            raise ConfigError(f"{name}: {getattr(config, name)} is not a positive number")


def check_count(config: Any, names: Sequence[str]) -> None:
    """Refuse what is below 0; raises ConfigError."""
    for name in names:
        if getattr(config, name) < 0:
            raise ConfigError(f"{name}: {getattr(config, name)} is below 0")


def check_share(config: Any, names: Sequence[str]) -> None:
    """Refuse what does not lie between 0 and 1; raises ConfigError."""
    for name in names:
        if not 0 <= getattr(config, name) <= 1:
            raise ConfigError(f"{name}: {getattr(config, name)} does not lie between 0 and 1")


def check_prompt(prompt: str) -> None:
    """Refuse a sentence without a place for the name; raises ConfigError."""
    if "{}" not in prompt:
        raise ConfigError(f"prompt: {prompt!r} lacks {{}}, where the name goes")
