"""Prefetching: a thread makes the next batch while the last one is learned from.

The batches are those that would be drawn without it, in the same order; and what a snapshot keeps
of the generators is how they were before the batch that waits, which is drawn again on resuming.
"""

from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

import torch
from torch import Tensor

T = TypeVar("T")


class Ahead(Generic[T]):
    """Batches, one of which waits.

    Args:
        make: draws a batch, with nothing but the generators.
        generators: what it draws with; nobody else uses them.
    """

    def __init__(self, make: Callable[[], T], generators: Sequence[torch.Generator]) -> None:
        self._make, self._generators = make, generators
        self._pool = ThreadPoolExecutor(1, "batches")
        self._waiting: Future[T] | None = None
        self._states: list[Tensor] = []

    @property
    def generators(self) -> "tuple[DrawnAhead, ...]":
        """In place of the generators, for whoever keeps their states and puts them back."""
        return tuple(DrawnAhead(self, number) for number in range(len(self._generators)))

    def __call__(self) -> T:
        """The next batch; the one after it is begun."""
        batch = (self._waiting or self._begin()).result()
        self._begin()
        return batch

    def state(self, number: int) -> Tensor:
        """A generator's, as if no batch had been drawn ahead."""
        if self._waiting is None:
            return self._generators[number].get_state()
        return self._states[number]

    def put_back(self, number: int, state: Tensor) -> None:
        """Set a generator; the batch that waits is forgotten."""
        if self._waiting is not None:
            self._waiting.result()
            for generator, kept in zip(self._generators, self._states, strict=True):
                generator.set_state(kept)
            self._waiting = None
        self._generators[number].set_state(state)

    def _begin(self) -> "Future[T]":
        self._states = [generator.get_state() for generator in self._generators]
        self._waiting = self._pool.submit(self._make)
        return self._waiting


@dataclass(frozen=True)
class DrawnAhead:
    """A generator of what is drawn ahead, as `train.engine.resume.Snapshots` needs it."""

    ahead: "Ahead[Any]"
    number: int

    def get_state(self) -> Tensor:
        """As if no batch had been drawn ahead."""
        return self.ahead.state(self.number)

    def set_state(self, state: Tensor) -> None:
        """Go on from a state."""
        self.ahead.put_back(self.number, state)
