"""Intake of new pictures into a gallery: what is there already comes in no second time."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field

import numpy as np

from edge.contract.arrays import Float16s, Float32s, Floats
from edge.contract.gallery import Gallery
from edge.contract.manifest import Manifest
from edge.recognition.duplicates import looks_of, near
from edge.recognition.picture_cache import PictureRow

EXACT = 0.9999
"""Cosine from which two pictures of a species are one, but for the rounding of their rows."""
_ALIKE = 0.995
"""Cosine from which they are if they look the same, too: rows in bfloat16 come near to that."""
_LEAST = 0.9
NEW, SAME, NEAR = "new", "same", "near"


@dataclass
class _Held:
    """Pictures of a species that are there, and those that came since."""

    rows: Floats
    """float16[n, dim]."""
    looks: list[bytes]
    new: list[Float16s] = field(default_factory=list)


class PictureIntake:
    """Pictures that a gallery holds, by species, and those that are taken in.

    Args:
        gallery: before.
        looks: difference hashes of a species' pictures, as far as they can be told.
        same: cosine from which two pictures of a species are one.
    """

    def __init__(
        self, gallery: Gallery, looks: Callable[[str], Iterable[bytes]], same: float = EXACT
    ) -> None:
        self._gallery, self._looks, self._same = gallery, looks, same
        self._held: dict[str, _Held] = {}

    def take(self, species_id: str, picture: PictureRow) -> str:
        """Tell if a picture is NEW, the SAME as one that is there, or a NEAR duplicate of one."""
        held = self._of(species_id)
        rows = np.concatenate([held.rows, held.new]) if held.new else held.rows
        is_near = bool(held.looks) and near(looks_of(held.looks), picture.look).any()
        least = min(self._same, _ALIKE) if is_near else self._same
        if len(rows) and (unit(rows) @ unit(picture.row)).max() >= least:
            return SAME
        held.new.append(picture.row)
        held.looks.append(picture.look)
        return NEAR if is_near else NEW

    def _of(self, species_id: str) -> _Held:
        if species_id not in self._held:
            places = self._gallery.members.get(species_id, np.empty(0, np.intp))
            rows = self._gallery.rows[places]
            self._held[species_id] = _Held(rows, list(self._looks(species_id)))
        return self._held[species_id]


def same_cosine(manifest: Manifest) -> float:
    """Cosine from which a picture is one that the bundle has, embedded by the bundle's own tower.

    That may be a coarser form of the one which embedded the gallery. The starter's, with weights of
    8 bits, says that it reaches 0.99866 at least: by it 751 photographs have 0.9986 or more with
    their own shipped rows, and 0.970 at most with others' (scripts/bench/near_duplicates.py).
    """
    told = manifest.provenance.get("image_tower")
    least = told.get("least_cosine_on_pictures") if isinstance(told, dict) else None
    if not isinstance(least, float) or not _LEAST < least <= 1:
        return EXACT
    return min(EXACT, 1 - 2 * (1 - least))


def unit(rows: Floats) -> Float32s:
    """Rows in float32, of length 1 again after their rounding."""
    wide = rows.astype(np.float32)
    unit: Float32s = wide / np.linalg.norm(wide, axis=-1, keepdims=True)
    return unit
