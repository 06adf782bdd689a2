"""Species that a model has heard before it learns here, by its own note."""

import json
from collections.abc import Collection, Sequence
from pathlib import Path

from edge.contract.errors import DatasetError
from gallery.data.synonyms import synonyms
from train.model.checkpoint import META, read_seen
from train.model.opening import CNN, VIT

SEEN = "heard.json"
"""Beside a pretrained student: the species of its training."""


def check_unheard(student: str, held_out: Sequence[str]) -> None:
    """Refuse to call a species held out that the student has heard before, by whatever name.

    Raises:
        DatasetError: one was heard. A model without a note, such as a hub's, can't be checked.
    """
    known = sorted(set(held_out) & set(heard_by(student, held_out)))
    if known:
        raise DatasetError(
            f"held_out: {student} has heard {', '.join(known)}; pretrain one that hasn't: "
            f"python -m train.pretrain --only student held_out={','.join(held_out)}"
        )


def heard_before(student: str) -> bool:
    """True for a student whose pretraining nobody noted the species of, as a hub's."""
    return not student.startswith((CNN, VIT)) and not (Path(student) / SEEN).is_file()


def heard_by(student: str, known: Collection[str]) -> list[str]:
    """Ids of the species that a pretrained student, or a run, has heard, as far as it says.

    Args:
        student: its folder; a hub's says nothing.
        known: ids by which they go, where it calls them otherwise.
    """
    return [synonyms().find(name, known) or name for name in _noted(Path(student))]


def _noted(student: Path) -> list[str]:
    if (student / META).is_file():
        return read_seen(student)
    note = student / SEEN
    return list(json.loads(note.read_text(encoding="utf-8"))) if note.is_file() else []
