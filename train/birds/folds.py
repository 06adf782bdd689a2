"""Splits that do not leak: by recordist, by photographer, and by species."""

import hashlib
from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from train.birds.archive import ArchiveRow

FOLDS = 5
TRAIN, TEST, UNSEEN, OTHERS = "train", "test", "unseen", "others"


@dataclass(frozen=True)
class Split:
    """Rows of one fold, by split."""

    train: tuple[ArchiveRow, ...]
    test: tuple[ArchiveRow, ...]
    """Core recordings and photographs of authors that `train` lacks."""
    unseen: tuple[ArchiveRow, ...]
    """Of species that `train` lacks, by authors that it lacks too."""
    others: tuple[ArchiveRow, ...]
    """Recordings of `more` by recordists that no fold's `train` has."""


def split(rows: Sequence[ArchiveRow], fold: int) -> Split:
    """One of the five folds.

    Every core recording and photograph is in `test` of exactly one fold. Whatever else its author
    made is in no split of that fold.
    """
    hidden = unseen_species(rows)
    core = [row for row in rows if row.set_name == "core"]
    test = [row for kind in ("audio", "image") for row in _fold(core, kind, fold)]
    others = reserved(rows)
    known = [row for row in rows if row.set_name != "background" and row.species_id not in hidden]
    train = _without_authors(known, [*test, *others])
    rest = [row for row in rows if row.species_id in hidden and row.is_labelled]
    return Split(
        train=tuple(train),
        test=tuple(test),
        unseen=tuple(_without_authors(rest, train)),
        others=tuple(_without_authors(others, train)),
    )


def base(rows: Sequence[ArchiveRow]) -> list[ArchiveRow]:
    """Rows in `train` of every fold: none of core, nor of an author who is tested there.

    A model may learn from it once, for all folds.
    """
    hidden = unseen_species(rows)
    core = [row for row in rows if row.set_name == "core"]
    others = [row for row in rows if row.set_name not in ("core", "background")]
    known = [row for row in others if row.species_id not in hidden]
    return _without_authors(known, [*core, *reserved(rows)])


def reserved(rows: Sequence[ArchiveRow]) -> list[ArchiveRow]:
    """A fifth of the recordists of `more`: to ask all folds about other species than core."""
    more = [row for row in rows if row.set_name == "more" and row.kind == "audio"]
    folds = author_folds(more)
    return [row for row in more if folds[row.author] == 0]


def unseen_species(rows: Iterable[ArchiveRow]) -> frozenset[str]:
    """Half of the species that only `many` holds, chosen by the hash of their names."""
    sets = defaultdict(set)
    for row in rows:
        if row.is_labelled:
            sets[row.species_id].add(row.set_name)
    only_many = [name for name, held in sets.items() if held == {"many"}]
    ordered = sorted(only_many, key=lambda name: hashlib.sha256(name.encode()).hexdigest())
    return frozenset(ordered[: len(ordered) // 2])


def author_folds(rows: Sequence[ArchiveRow]) -> dict[str, int]:
    """A fold for every author, so that each species is spread evenly.

    The authors with most rows choose first, each the fold that holds fewest of their species.
    """
    species: dict[str, Counter[str]] = defaultdict(Counter)
    for row in rows:
        species[row.author][row.species_id] += 1
    held = [Counter[str]() for _ in range(FOLDS)]
    chosen = {}
    for author in sorted(species, key=lambda name: (-species[name].total(), name)):
        own = species[author]
        chosen[author] = min(range(FOLDS), key=lambda fold: _crowding(held[fold], own))
        held[chosen[author]] += own
    return chosen


def _crowding(held: Counter[str], own: Counter[str]) -> tuple[int, int]:
    """Rows of the same species, then of any, that a fold holds already."""
    return sum(held[name] * count for name, count in own.items()), held.total()


def _fold(core: Sequence[ArchiveRow], kind: str, fold: int) -> list[ArchiveRow]:
    rows = [row for row in core if row.kind == kind]
    folds = author_folds(rows)
    return [row for row in rows if folds[row.author] == fold]


def _without_authors(rows: Iterable[ArchiveRow], others: Iterable[ArchiveRow]) -> list[ArchiveRow]:
    made = {(row.kind, row.author) for row in others}
    return [row for row in rows if (row.kind, row.author) not in made]
