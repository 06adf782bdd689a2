"""Figures of a method: rows of retrieval, and of soundscapes, each with its bootstrap interval."""

from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from edge.contract.arrays import Flags, Float64s
from train.measure.kin import rank_hits
from train.measure.methods import SpeciesTexts
from train.measure.metrics import bootstrap, bootstraps
from train.measure.task import AUROC, Ranking, Task

Row = dict[str, Any]
TO_NAMES, FROM_NAMES = "A->T", "T->A"


@dataclass(frozen=True)
class Asked:
    """A task, and what a method found."""

    task: Task
    ranking: Ranking


@dataclass(frozen=True)
class Figures:
    """Rows of all species, of those heard in training, and of the others."""

    texts: SpeciesTexts
    seen: Flags
    """bool[species]: heard in training."""

    def rows(self, method: str, asked: Asked) -> Iterator[Row]:
        """A row a group of queries: of all species, of those that were heard, and of others."""
        task, found = asked.task, asked.ranking
        values = {name: values for name, values in found.values.items() if name != AUROC}
        kin = rank_hits(found.best, task.asked, task.held, self.texts.species)
        first = task.asked.first
        for group, queries in self._groups(asked):
            figures = bootstraps(
                {name: column[queries] for name, column in {**values, **kin}.items()},
                classes=first[queries],
                averaged={"mAP by species": values["mAP"][queries]},
            )
            yield {
                "method": method,
                "species": group,
                "task": task.name,
                "queries": int(queries.sum()),
                **{name: asdict(figure) for name, figure in figures.items()},
            }

    def soundscapes(self, method: str, asked: Mapping[str, Asked]) -> Iterator[Row]:
        """Rows of pieces that hold any number of species, as BirdSet (arXiv 2403.10380) has them.

        cmAP and AUROC are means over the species that sing in any piece and are missing in
        another, of their average precision and area under the ROC curve over all pieces, those
        without a bird among them; top-1: how often a piece's best species is one of its own.
        """
        pieces, classes = asked[TO_NAMES], asked[FROM_NAMES]
        for group, species in self._groups(classes):
            told = species & np.isfinite(classes.ranking.values[AUROC])
            heard = pieces.ranking.answerable & pieces.task.asked.any_of(species)
            if told.any():
                yield {
                    "method": method,
                    "species": group,
                    "classes": int(told.sum()),
                    "pieces": len(pieces.task.asked),
                    "cmAP": _interval(classes.ranking.values["mAP"][told]),
                    AUROC: _interval(classes.ranking.values[AUROC][told]),
                    "top-1": _interval(pieces.ranking.values["R@1"][heard]),
                }

    def _groups(self, asked: Asked) -> Iterator[tuple[str, Flags]]:
        """Queries that have an answer: all, and those of seen and of unseen species."""
        answerable = asked.ranking.answerable
        known = asked.task.asked.any_of(self.seen)
        every = np.ones(len(answerable), bool)
        for group, wanted in (("all", every), ("seen", known), ("unseen", ~known)):
            queries: Flags = answerable & wanted
            if queries.any():
                yield group, queries


def are_soundscapes(task: Task) -> bool:
    """Recordings that hold several species, or none, beside those of one."""
    return bool((task.asked.counts != 1).any())


def _interval(values: Float64s) -> dict[str, float]:
    return asdict(bootstrap(values))
