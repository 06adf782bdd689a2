"""Effect of what was taught: records and candidates that would now be decided otherwise."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from edge.contract.arrays import Flags, Float16s, Places
from edge.contract.bundle import Bundle
from edge.decision.rules import Decision
from edge.pipeline.decider import Thresholds
from edge.recognition.background import thinned
from edge.recognition.doubts import usable_calibration
from edge.recognition.knowledge import Knowledge
from edge.recognition.overlay import Learnt
from edge.records.evidence import Decided, Evidence, decided_since
from edge.records.reader import RecordReader, told
from edge.records.retention import first_id
from edge.system import clock

_DAYS, _MOST = 7, 1500
"""Time that a verdict is weighed by, and the newest decisions of it: a second on a small board."""
_DAY_MS = 86_400_000
_AT_ONCE = 512
_LIKE = 0.3
"""Cosine below which a sound neither makes nor breaks a decision: far below what any map heeds."""


@dataclass(frozen=True)
class Effect:
    """Difference that something taught makes, by kept evidence."""

    records: int
    """That were reported and would be decided otherwise, of so many."""
    all_records: int
    candidates: int
    """Likewise, that were not."""
    all_candidates: int

    @property
    def total(self) -> str:
        """Both together."""
        known = self.all_records + self.all_candidates
        return f"{self.records + self.candidates} of {known}"

    def __str__(self) -> str:
        return (
            f"of the last {_DAYS} days {self.records} of {self.all_records} records and "
            f"{self.candidates} of {self.all_candidates} candidates would now be decided otherwise"
        )


class Weighing:
    """Decisions on evidence, scored again with what a station has learnt.

    Occurrence is left out: it weighs before and after alike.

    Args:
        bundle: with the species that the station has added.
        precision: of the encoder that heard the evidence.
        species_set: whose calibration counts; None: that of the usual one.
        chosen: ids of the species that are listened for; None: those of the set.
        decision: thresholds.
    """

    def __init__(
        self,
        bundle: Bundle,
        precision: str,
        species_set: str | None,
        chosen: Sequence[str] | None,
        decision: Decision,
    ) -> None:
        name = species_set or bundle.manifest.default_species_set
        self._bundle, self._dim = bundle, bundle.manifest.sound_dim
        self._calibration = usable_calibration(bundle, precision, name)
        self._chosen, self._bank = chosen or bundle.species_ids(name), bundle.background(precision)
        self._decision = decision
        self._first: Knowledge | None = None

    def effect(self, decided: Sequence[Decided], before: Learnt, after: Learnt) -> Effect:
        """Decisions that differ between two states of learning."""
        first, second = self._knows(before), self._knows(after)
        differs = np.zeros(len(decided), bool)
        near = self._near(decided, before, after)
        asked = [decided[place] for place in near]
        differs[near] = (self._passed(first, asked) != self._passed(second, asked)).any(axis=1)
        reported = np.array([found.was_reported for found in decided], bool)
        return Effect(
            records=int((differs & reported).sum()),
            all_records=int(reported.sum()),
            candidates=int((differs & ~reported).sum()),
            all_candidates=int((~reported).sum()),
        )

    def _near(self, decided: Sequence[Decided], before: Learnt, after: Learnt) -> Places:
        """Those with a window at all like a sound that was learnt or forgotten in between."""
        rows = differing(before, after)
        if rows is None or not decided:
            return np.arange(len(decided))
        if not len(rows):
            return np.arange(0)
        found = [self._sounds(decision.evidence) for decision in decided]
        counts = np.array([len(sounds) for sounds in found])
        likeness = np.concatenate(found).astype(np.float32) @ thinned(rows).astype(np.float32).T
        nearest = likeness.max(axis=1, initial=-1)
        return np.flatnonzero(np.maximum.reduceat(nearest, np.cumsum(counts) - counts) >= _LIKE)

    def _knows(self, learnt: Learnt) -> Knowledge:
        """All states know the same species: those of which the first knows anything."""
        if self._first is None:
            self._first = Knowledge(
                bundle=self._bundle,
                chosen=self._chosen,
                calibration=self._calibration,
                background=self._bank,
                learnt=learnt,
            )
            return self._first
        return self._first.taught(learnt)

    def _passed(self, known: Knowledge, decided: Sequence[Decided]) -> Flags:
        """bool[records, species]: it passes in as many of the kept windows as are needed."""
        table = self._bundle.taxonomy.by_id()
        species = [table[species_id] for species_id in known.species_ids]
        thresholds = Thresholds(species, self._decision, self._calibration)
        parts = [
            self._passed_part(known, decided[n : n + _AT_ONCE], thresholds)
            for n in range(0, len(decided), _AT_ONCE)
        ]
        return np.concatenate([np.zeros((0, len(species)), bool), *parts])

    def _passed_part(
        self, known: Knowledge, decided: Sequence[Decided], thresholds: Thresholds
    ) -> Flags:
        rows = np.concatenate([found.evidence.rows for found in decided]).astype(np.float32)
        sounds = np.concatenate([self._sounds(found.evidence) for found in decided])
        counts = np.array([len(found.evidence.rows) for found in decided])
        heard = known.hear(rows, sounds.astype(np.float32))
        sure = heard.similarity if heard.probability is None else heard.probability
        passing = thresholds.reached(sure) & ((heard.rivals < 0) & ~heard.is_rejected)[:, None]
        hits = np.add.reduceat(passing.astype(np.intp), np.cumsum(counts) - counts, axis=0)
        needed = np.minimum([found.hits_needed for found in decided], counts)
        return np.asarray(hits >= np.maximum(needed, 1)[:, None])

    def _sounds(self, evidence: Evidence) -> Float16s:
        """Sounds of its windows; of those that were kept without them zeros, like nothing."""
        kept = evidence.lessons
        if kept.shape[1] == self._dim:
            return kept
        return np.zeros((len(evidence.rows), self._dim), np.float16)


def differing(before: Learnt, after: Learnt) -> Float16s | None:
    """Sounds of species and verdicts of which another is known after; None if background is."""
    if not _same(before.background, after.background):
        return None
    rows = [part for pair in _pairs(before, after) if not _same(*pair) for part in pair]
    held = [part for part in rows if part is not None]
    return np.concatenate(held) if held else np.empty((0, 0), np.float16)


def _pairs(before: Learnt, after: Learnt) -> Iterator[tuple[Float16s | None, Float16s | None]]:
    yield before.rejected, after.rejected
    for first, second in (
        (before.exemplars, after.exemplars),
        (before.mistaken, after.mistaken),
    ):
        for species in {**first, **second}:
            yield first.get(species), second.get(species)


def _same(first: Float16s | None, second: Float16s | None) -> bool:
    if first is None or second is None:
        return first is second
    return np.array_equal(first, second)


def of_late(records: RecordReader, bundle: Bundle) -> list[Decided]:
    """The newest decisions of seven days, as far as they can be scored again."""
    since = first_id(round(clock.now_ms() - _DAYS * _DAY_MS))
    manifest = bundle.manifest
    with told(records.path):
        found = decided_since(records.database, since, manifest.model_id, _MOST)
        dim = manifest.embedding_dim
        return [decision for decision in found if decision.evidence.embedding.shape == (dim,)]
