"""A training that goes on exactly where it was stopped."""

import io
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol
from zipfile import is_zipfile

import torch

from edge.contract.atomic import open_atomic
from edge.contract.errors import ConfigError
from train.engine.ranks import ALONE, Ranks
from train.engine.terms import Terms

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

    step: int

    def state_dict(self) -> dict[str, Any]:
        """Everything that changes in training."""

    def load_state_dict(self, state: dict[str, Any], /) -> object:
        """Be as it was."""


@dataclass(frozen=True)
class Snapshots:
    """Place and pace of a training's snapshots.

    The first rank keeps them, and tells the others: they need not see its folder.
    """

    file: Path
    every: int
    """Steps from one time to the next."""
    terms: Terms
    """On which it goes on."""
    generators: tuple[Drawing, ...]
    """What batches are drawn with, alike on all ranks."""
    ranks: Ranks = ALONE

    def keep(self, training: Resumable) -> None:
        """Write everything to the file, whole or not at all."""
        state = {
            "settings": self.terms.to_json(),
            "content": dict(self.terms.content),
            "training": training.state_dict(),
            "generators": [generator.get_state() for generator in self.generators],
            "torch": self.ranks.collect(torch.get_rng_state()),
            "cuda": self.ranks.collect(_cuda_state()),
        }
        if not self.ranks.first:
            return
        with open_atomic(self.file) as file:
            torch.save(state, file)

    def take_up(self, training: Resumable, steps: int) -> None:
        """Go on from the file, if there is one.

        Args:
            training: that goes on.
            steps: it is to take in all.

        Raises:
            ConfigError: the file is damaged, of another training, or has taken more steps.
        """
        state = self._read()
        if state is None:
            return
        self.terms.check_content(str(self.file), state.get("content", {}))
        self._check_ranks(state)
        training.load_state_dict(state["training"])
        if training.step > steps:
            raise ConfigError(
                f"steps: {steps} are fewer than the {training.step} that {self.file} has taken; "
                "give more, another output=, or delete it to begin anew"
            )
        for generator, kept in zip(self.generators, state["generators"], strict=True):
            generator.set_state(kept)
        torch.set_rng_state(state["torch"][self.ranks.rank])
        if (cuda := state["cuda"][self.ranks.rank]) is not None and torch.cuda.is_available():
            torch.cuda.set_rng_state(cuda)

    def done(self) -> None:
        """There is nothing left to go on with."""
        if self.ranks.first:
            self.file.unlink(missing_ok=True)

    def _read(self) -> dict[str, Any] | None:
        """State that the first rank has kept."""
        check_kept(self.file, self.terms, self.ranks)
        if self.ranks.world == 1:
            return _load(self.file) if self.file.is_file() else None
        has = self.ranks.first and self.file.is_file()
        content = self.ranks.from_first(self.file.read_bytes() if has else None)
        return None if content is None else _load(io.BytesIO(content))

    def _check_ranks(self, state: Mapping[str, Any]) -> None:
        if len(state["torch"]) != self.ranks.world:
            raise ConfigError(
                f"{self.file}: kept by {len(state['torch'])} ranks; go on with as many"
            )


def check_kept(file: Path, terms: Terms, ranks: Ranks = ALONE) -> None:
    """Refuse a file that a training can't go on from, before hours go into its sounds.

    Raises:
        ConfigError: the first rank's is damaged, or of other settings.
    """
    problem = ranks.from_first(_problem(file, terms) if ranks.first else None)
    if problem:
        raise ConfigError(problem)


def _problem(file: Path, terms: Terms) -> str:
    """Reason why a file can't be gone on from; empty if there is none, or no file."""
    if not file.is_file():
        return ""
    if not is_zipfile(file):
        return f"{file}: damaged; delete it to begin anew"
    try:
        terms.check_settings(str(file), torch.load(file, mmap=True, weights_only=True)["settings"])
    except ConfigError as error:
        return str(error)
    return ""


def _load(file: Path | io.BytesIO) -> dict[str, Any]:
    state: dict[str, Any] = torch.load(file, map_location="cpu", weights_only=True)
    return state


def _cuda_state() -> torch.Tensor | None:
    begun = torch.cuda.is_initialized()  # type: ignore[no-untyped-call]
    return torch.cuda.get_rng_state() if begun else None
