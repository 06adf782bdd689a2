"""Task of retrieval: queries ranked a block at a time, never queries x answers at once."""

import os
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np
from tqdm import tqdm

from edge.contract.arrays import Embeddings, Flags, Float64s, Places
from train.measure.metrics import RelevantRanks, metrics_of, relevant_ranks
from train.measure.species_sets import SpeciesSets

_NUMBERS = 2**25
"""That are compared at a time: 128 MiB of float32, of which a block needs a few."""
_THREADS = 4
"""At most: each holds a block."""
AUROC = "AUROC"


@dataclass(frozen=True)
class Task:
    """Queries, what is searched, and what is right."""

    name: str
    score: Callable[[slice], Embeddings]
    """Some queries in a row -> float32[queries, answers], their similarity."""
    asked: SpeciesSets
    """Species of the queries."""
    held: SpeciesSets
    """Species of the answers."""
    width: int
    """Numbers that have to be computed for one query."""

    @classmethod
    def of(cls, name: str, similarity: Embeddings, asked: SpeciesSets, held: SpeciesSets) -> "Task":
        """A task whose similarities are known, float32[queries, answers]."""
        width = max(similarity.shape[1], 1)
        return cls(name, similarity.__getitem__, asked=asked, held=held, width=width)

    def blocks(self) -> Iterator[slice]:
        """The queries, so many at a time as memory holds."""
        size = max(1, _NUMBERS // self.width)
        for begin in range(0, len(self.asked), size):
            yield slice(begin, min(begin + size, len(self.asked)))

    def relevant(self, query: int) -> Places:
        """The right answers to one: they share a species."""
        return self.held.sharing(self.asked.at(query))


@dataclass(frozen=True)
class Ranking:
    """Answers that a task's queries found."""

    answerable: Flags
    """bool[queries]: something is relevant."""
    values: dict[str, Float64s]
    """float64[queries] by metric (`train.measure.metrics.metrics_of`, AUROC); else NaN."""
    best: Places
    """int[queries]: the first answer."""


def rank(task: Task) -> Ranking:
    """Rank every query's answers; while one block is sorted another is compared."""
    best = np.zeros(len(task.asked), np.intp)
    relevant = [task.relevant(query) for query in range(len(task.asked))]
    answerable = np.array([len(places) > 0 for places in relevant], bool)

    def ranked(block: slice) -> list[RelevantRanks]:
        similarity = task.score(block)
        best[block] = similarity.argmax(axis=1)
        some = np.flatnonzero(answerable[block])
        return [*relevant_ranks(similarity[some], [relevant[block.start + n] for n in some])]

    found, blocks = list[RelevantRanks](), [*task.blocks()]
    with (
        ThreadPoolExecutor(min(_THREADS, os.cpu_count() or 1)) as pool,
        tqdm(total=len(blocks), desc=task.name, disable=None, leave=False) as bar,
    ):
        for ranks in pool.map(ranked, blocks):
            found += ranks
            bar.update()
    values = {**metrics_of([ranks.ranks for ranks in found])}
    values[AUROC] = np.array([ranks.auroc for ranks in found])
    return Ranking(answerable, {name: _placed(n, answerable) for name, n in values.items()}, best)


def _placed(values: Float64s, at: Flags) -> Float64s:
    placed = np.full(len(at), np.nan)
    placed[at] = values
    return placed
