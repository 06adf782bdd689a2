"""Pictures of the same species in the place of frames: for sounds that nobody filmed."""

from collections.abc import Iterable, Sequence
from pathlib import Path

import numpy as np

from edge.contract.arrays import Places
from edge.contract.errors import DatasetError
from gallery.data.dataset import Dataset
from gallery.data.synonyms import aligned
from gallery.teacher import Teacher
from train.bridges.clips import ClipSet, VideoClip
from train.bridges.frames import FrameBank
from train.bridges.pairs import PairSet, load_log_mels
from train.measure.kept import embed_pictures
from train.model.frontend import LogMelSpec


def load_pictured(
    clips: ClipSet,
    split: str,
    spec: LogMelSpec,
    teacher: Teacher,
    frames: int,
    cache: Path,
    held_out: Iterable[str] = (),
    pictures: Dataset | None = None,
) -> PairSet:
    """Sounds of a split, each with pictures of its species, of the same split.

    Recordings of a species take turns among its pictures.

    Args:
        clips: of any split; those without a species, such as background, are left out.
        split: of sounds and pictures.
        spec: of the log-mels.
        teacher: sees the pictures.
        frames: pictures of each sound.
        cache: where both are kept.
        held_out: ids of species; a clip that any of them is in is left out.
        pictures: data set of them.

    Raises:
        DatasetError: no species has both sounds and pictures.
    """
    assert pictures is not None
    heard = clips.select(split, held_out)
    named = aligned(pictures, clips.taxonomy)
    shown, rows = embed_pictures(
        teacher, named.select("image", split, {clip.label for clip in heard if clip.label}), cache
    )
    places = _by_species([picture.species_id for picture in shown])
    heard = [clip for clip in heard if clip.label in places]
    if not heard:
        raise DatasetError(f"{pictures.path}: has no picture of a species that is heard")
    kept, log_mels = load_log_mels(heard, spec, cache)
    audible = [heard[place] for place in kept]
    turns = _turns(audible, places, frames)
    chosen = rows[turns]
    return PairSet(
        clips=tuple(audible),
        bank=FrameBank(rows=chosen, times_s=np.zeros(chosen.shape[:2], np.float32)),
        log_mels=log_mels,
        taxonomy=clips.taxonomy,
        spec=spec,
        picture_licences=tuple(sorted({shown[place].licence for place in np.unique(turns)})),
    )


def _by_species(labels: Sequence[str]) -> dict[str, Places]:
    return {name: np.flatnonzero(np.array(labels) == name) for name in {*labels}}


def _turns(clips: Sequence[VideoClip], places: dict[str, Places], count: int) -> Places:
    """int[clips, count], pictures of each clip: the next ones of its species, in rounds."""
    taken = dict.fromkeys(places, 0)
    turns = np.empty((len(clips), count), np.intp)
    for row, clip in zip(turns, clips, strict=True):
        own = places[clip.label]
        row[:] = own[(taken[clip.label] + np.arange(count)) % len(own)]
        taken[clip.label] += count
    return turns
