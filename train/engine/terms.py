"""Terms on which a training goes on: settings that may change, and those that are its past."""

import hashlib
import json
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from edge.contract.errors import ConfigError


def _as_they_are(settings: Mapping[str, Any]) -> Mapping[str, Any]:
    return settings


@dataclass(frozen=True, kw_only=True)
class Terms:
    """Settings of a training, and how far they bind it when it goes on."""

    settings: Mapping[str, Any] = field(default_factory=dict)
    """As JSON would give them back."""
    defaults: Mapping[str, Any] = field(default_factory=dict)
    """Of all of them: one that did not exist when a training began stood at its own."""
    free: Collection[str] = ()
    """Settings that don't change the past: they may be others."""
    content: Mapping[str, str] = field(default_factory=dict)
    """Digests of what is learned from, by the setting that names it: a path may be another, what
    lies there may not."""
    renamed: Callable[[Mapping[str, Any]], Mapping[str, Any]] = _as_they_are
    """Settings of an older file by their names of today."""

    def to_json(self) -> str:
        """Settings as they are kept."""
        return json.dumps(dict(self.settings), sort_keys=True)

    def check_settings(self, where: str, kept: str) -> None:
        """Refuse to go on with others than a training began with.

        Args:
            where: it is kept, for the error.
            kept: its settings, as `to_json` gave them.

        Raises:
            ConfigError: names each, with its value then and now.
        """
        before = {**self.defaults, **self.renamed(_read(where, kept))}
        changed = [
            f"{name} was {before[name]!r} and is {value!r}"
            for name, value in sorted(self.settings.items())
            if name not in self.free and before[name] != value
        ]
        _refuse(where, changed)

    def check_content(self, where: str, kept: Mapping[str, str]) -> None:
        """Refuse to go on with other data, texts or models; arguments and errors as above."""
        names = [name for name in kept if name in self.content and kept[name] != self.content[name]]
        _refuse(where, [f"{name} holds something else now" for name in names])


def _read(where: str, kept: str) -> dict[str, Any]:
    try:
        return dict(json.loads(kept))
    except (TypeError, ValueError) as error:
        raise ConfigError(f"{where}: damaged; delete it to begin anew") from error


def _refuse(where: str, changed: list[str]) -> None:
    if changed:
        raise ConfigError(
            f"{where}: kept by a training with other settings: {'; '.join(changed)}; give these as "
            "they were, another output=, or delete it to begin anew"
        )


def digest(*parts: Any) -> str:
    """sha256 of arrays and of whatever else has a telling `repr`."""
    whole = hashlib.sha256()
    for part in parts:
        whole.update(part.tobytes() if isinstance(part, np.ndarray) else repr(part).encode())
    return whole.hexdigest()
