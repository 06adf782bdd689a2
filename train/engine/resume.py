"""A training that goes on exactly where it was stopped."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol
from zipfile import is_zipfile

import torch

from edge.contract.bundle import open_atomic
from edge.contract.errors import ConfigError
from train.engine.ranks import ALONE, Ranks

KEPT = "training.pt"
"""Of a training that hasn't ended yet."""


class Drawing(Protocol):
    """Generator of random numbers, or what stands for one."""

    def get_state(self) -> torch.Tensor:
        """State to go on from."""

    def set_state(self, state: torch.Tensor, /) -> object:
        """Go on from a state."""


class Resumable(Protocol):
    """Whatever can hand out its state and take it back."""

    def state_dict(self) -> dict[str, Any]:
        """Everything that changes in training."""

    def load_state_dict(self, state: dict[str, Any], /) -> object:
        """Be as it was."""


@dataclass(frozen=True)
class Snapshots:
    """Place and pace of a training's snapshots."""

    file: Path
    every: int
    """Steps from one time to the next."""
    settings: str
    """Of the training; another training's state is refused."""
    generators: tuple[Drawing, ...]
    """What batches are drawn with, alike on all ranks."""
    ranks: Ranks = ALONE

    def keep(self, training: Resumable) -> None:
        """Write everything to the file, whole or not at all."""
        state = {
            "settings": self.settings,
            "training": training.state_dict(),
            "generators": [generator.get_state() for generator in self.generators],
            "torch": self.ranks.collect(torch.get_rng_state()),
            "cuda": self.ranks.collect(_cuda_state()),
        }
        if not self.ranks.first:
            return
        with open_atomic(self.file) as file:
            torch.save(state, file)

    def take_up(self, training: Resumable) -> None:
        """Go on from the file, if there is one.

        Raises:
            ConfigError: the file is damaged, or of another training.
        """
        if not self.file.is_file():
            return
        if not is_zipfile(self.file):
            raise ConfigError(f"{self.file}: damaged; delete it to begin anew")
        state = torch.load(self.file, map_location="cpu", weights_only=True)
        if state["settings"] != self.settings:
            raise ConfigError(
                f"{self.file}: kept by a training with other settings; give another output=, or "
                "delete it to begin anew"
            )
        training.load_state_dict(state["training"])
        for generator, kept in zip(self.generators, state["generators"], strict=True):
            generator.set_state(kept)
        if len(state["torch"]) != self.ranks.world:
            raise ConfigError(
                f"{self.file}: kept by {len(state['torch'])} ranks; go on with as many"
            )
        torch.set_rng_state(state["torch"][self.ranks.rank])
        if (cuda := state["cuda"][self.ranks.rank]) is not None:
            torch.cuda.set_rng_state(cuda)

    def done(self) -> None:
        """There is nothing left to go on with."""
        if self.ranks.first:
            self.file.unlink(missing_ok=True)


def _cuda_state() -> torch.Tensor | None:
    begun = torch.cuda.is_initialized()  # type: ignore[no-untyped-call]
    return torch.cuda.get_rng_state() if begun else None
