"""One training on several processes, as torchrun starts them: each rank hears its own windows.

Every rank draws the same batch and takes its share of the windows. Losses that compare windows see
the embeddings of all ranks, and gradients are averaged, so the step is that of one process with
the whole batch. Gradients go in one message after the backward pass: for towers of this size that
takes a few milliseconds, and gradients may be accumulated and compiled without further ado.
"""

import os
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, distributed, nn

from edge.contract.errors import ConfigError


@dataclass(frozen=True)
class Ranks:
    """Rank of this process, and the count of all."""

    rank: int = 0
    world: int = 1

    @property
    def first(self) -> bool:
        """True for the one that writes."""
        return self.rank == 0

    @property
    def mine(self) -> slice:
        """This rank's rows of a batch."""
        return slice(self.rank, None, self.world)

    def check(self, name: str, count: int) -> None:
        """Refuse a number of windows that can't be shared evenly.

        Raises:
            ConfigError: it can't.
        """
        if count % self.world:
            raise ConfigError(
                f"{name}: {count} windows can't be shared among {self.world} ranks; try "
                f"{count - count % self.world or self.world}"
            )

    def gather(self, rows: Tensor) -> Tensor:
        """Rows of all ranks, in the batch's order: [n, ...] -> [n * world, ...]; has gradients."""
        if self.world == 1:
            return rows
        from torch.distributed.nn.functional import all_gather

        parts = all_gather(rows.contiguous())  # type: ignore[no-untyped-call]
        for part in parts:
            if part.requires_grad:
                # gloo sends a gradient as it lies in memory, a transposed one in a wrong order.
                part.register_hook(Tensor.contiguous)
        return torch.stack(tuple(parts), dim=1).flatten(0, 1)

    def mean(self, value: float) -> float:
        """The mean of a number over ranks."""
        if self.world == 1:
            return value
        total = torch.tensor([value], dtype=torch.float64, device=_device())
        distributed.all_reduce(total)
        return total.item() / self.world

    def average_gradients(self, parameters: Iterable[Tensor]) -> None:
        """Give every rank the mean of all ranks' gradients."""
        if self.world == 1:
            return
        gradients = [parameter.grad for parameter in parameters if parameter.grad is not None]
        flat = torch.cat([gradient.flatten() for gradient in gradients])
        distributed.all_reduce(flat)
        flat /= self.world
        means = torch.split(flat, [gradient.numel() for gradient in gradients])
        for gradient, mean in zip(gradients, means, strict=True):
            gradient.copy_(mean.view_as(gradient))

    def collect(self, thing: Any) -> list[Any]:
        """Values of every rank, in order."""
        if self.world == 1:
            return [thing]
        things: list[Any] = [None] * self.world
        distributed.all_gather_object(things, thing)
        return things

    def from_first(self, thing: Any) -> Any:
        """The first rank's, on all of them; they need no folder in common."""
        if self.world == 1:
            return thing
        things = [thing if self.first else None]
        distributed.broadcast_object_list(things)
        return things[0]

    def check_alike(self, digests: Mapping[str, str]) -> None:
        """Refuse to learn together from what is not the same everywhere.

        Args:
            digests: of what this rank learns from, by the setting that names it.

        Raises:
            ConfigError: names the settings, and the first rank that has another.
        """
        first, *others = self.collect(dict(digests))
        for rank, other in enumerate(others, start=1):
            if other != first:
                names = [name for name in first if first[name] != other.get(name)]
                raise ConfigError(
                    f"{', '.join(names)}: rank {rank} has others than rank 0; give every machine "
                    "the same files and settings"
                )

    def share(self, module: nn.Module) -> None:
        """Make a module one of all ranks: the first one's weights, and BatchNorm over all windows.

        On processors BatchNorm stays each rank's own: torch can't share it there.
        """
        if self.world == 1:
            return
        with torch.no_grad():
            for tensor in (*module.parameters(), *module.buffers()):
                distributed.broadcast(tensor, 0)
        if next(module.parameters()).device.type == "cuda":
            nn.SyncBatchNorm.convert_sync_batchnorm(module)  # type: ignore[no-untyped-call]


ALONE = Ranks()


@contextmanager
def joined() -> Iterator[Ranks]:
    """Join the ranks that torchrun started; alone without it."""
    if "WORLD_SIZE" not in os.environ:
        yield Ranks()
        return
    cuda = torch.cuda.is_available()
    if cuda:
        torch.cuda.set_device(int(os.environ.get("LOCAL_RANK", "0")))
    distributed.init_process_group("nccl" if cuda else "gloo")
    try:
        yield Ranks(distributed.get_rank(), distributed.get_world_size())
    finally:
        distributed.destroy_process_group()


def _device() -> torch.device:
    """Device that messages have to be on."""
    return torch.device("cuda" if distributed.get_backend() == "nccl" else "cpu")
