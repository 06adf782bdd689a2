"""A bridge's run that lies there whole, and need not be trained again."""

from collections.abc import Collection
from pathlib import Path

from train.bridges.training import BridgeParts
from train.config import terms_of
from train.model.checkpoint import META, load_checkpoint, model_id


def finished(parts: BridgeParts, beside: Collection[str] = ()) -> bool:
    """True if a run of the same settings lies there whole: the student has its weights then.

    Args:
        parts: made ready.
        beside: settings that the training does not depend on.
    """
    found = parts.ranks.from_first(_is_whole(parts, beside) if parts.ranks.first else None)
    if found and parts.ranks.first:
        parts.student.load_state_dict(load_checkpoint(parts.output).student.state_dict())
    if found:
        parts.ranks.share(parts.student.eval())
    return bool(found)


def _is_whole(parts: BridgeParts, beside: Collection[str]) -> bool:
    if not (parts.output / META).is_file():
        return False
    terms, student = terms_of(parts.config), Path(parts.config.student)
    kept, free = load_checkpoint(parts.output), {*beside, "output", "device", "snapshot_every"}
    same = kept.space_id == parts.teacher.space_id and all(
        kept.config.get(name) == value for name, value in terms.settings.items() if name not in free
    )
    # What it went on from may have been trained anew.
    before = [one["model_id"] for one in kept.lineage[-1:]]
    return same and (not (student / META).is_file() or before == [model_id(student)])
