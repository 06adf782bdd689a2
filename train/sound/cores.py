"""A job done with many things, by all cores: in a process a core."""

import os
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager
from multiprocessing import get_context
from typing import Any, TypeVar

import torch

from edge.system.memory import keep_freed_memory

T = TypeVar("T")
R = TypeVar("R")
_FEW = 64
"""So many quick things are done sooner than processes are started."""
_CHUNK = 4


@contextmanager
def over_cores(
    job: Callable[[T], R], count: int, slow: bool = False
) -> Iterator[Callable[[Iterable[T]], Iterable[R]]]:
    """Do a job with every thing, in order: here if they are few, else in a process a core.

    Args:
        job: is sent to each process once, so what it loads for the first thing serves the others.
        count: of the things.
        slow: each takes seconds, so that processes pay from the second on.
    """
    if count <= (1 if slow else _FEW):
        yield lambda things: map(job, things)
        return
    context = get_context("forkserver")
    context.set_forkserver_preload(["torch", type(job).__module__])  # imported only once
    with ProcessPoolExecutor(available_cores(), context, _begin, (job,)) as pool:
        try:
            yield lambda things: pool.map(_work, things, chunksize=1 if slow else _CHUNK)
        except BaseException:
            pool.shutdown(wait=False, cancel_futures=True)
            raise


def available_cores() -> int:
    """Cores that this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


_jobs: list[Callable[[Any], Any]] = []
"""Of this process, where it is a worker: sent once, not with every thing."""


def _begin(job: Callable[[Any], Any]) -> None:
    torch.set_num_threads(1)
    keep_freed_memory()
    _jobs.append(job)


def _work(thing: Any) -> Any:
    return _jobs[0](thing)
