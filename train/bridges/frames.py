"""Rows of a clip's frames by the frozen image tower, computed once and kept."""

import logging
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from edge.contract.arrays import Array, Embeddings, Float32s
from edge.contract.errors import DatasetError, PictureError
from gallery.teacher import Teacher
from train.bridges.clips import VideoClip
from train.bridges.video import frame_times, read_frames, video_length_s
from train.sound.cache import file_key, load_batches

_LOG = logging.getLogger(__name__)
_BATCH = 8
"""Clips whose frames are embedded at once."""


@dataclass(frozen=True, kw_only=True)
class FrameBank:
    """Frames of clips as the teacher sees them."""

    rows: Embeddings
    """float32[clips, frames, dim], unit rows."""
    times_s: Float32s
    """float32[clips, frames], moments in the clip."""

    def part(self, places: Sequence[int]) -> "FrameBank":
        """Some of the clips, by their places."""
        return FrameBank(rows=self.rows[list(places)], times_s=self.times_s[list(places)])


def load_frames(
    clips: Sequence[VideoClip], teacher: Teacher, count: int, cache: Path
) -> tuple[list[VideoClip], FrameBank]:
    """The clips whose frames can be read, in order, and their rows; others are named.

    Args:
        clips: of any length.
        teacher: embeds frames that aren't kept yet.
        count: frames a clip, in the middle of so many equal parts.
        cache: where rows are kept, by file and teacher.

    Raises:
        DatasetError: not one clip is readable.
    """
    keys = [f"{file_key(clip.path)} {count}" for clip in clips]
    folder = cache / f"frames-{teacher.space_id[:12]}-{teacher.arithmetic}"

    def compute(places: Sequence[int]) -> Iterator[Array | None]:
        for place in places:
            yield _embedded(clips[place].path, teacher, count)

    kept = load_batches(keys, folder, compute, _BATCH)
    places = np.flatnonzero(kept.present).tolist()
    if not places:
        raise DatasetError(f"none of {len(clips)} clips can be seen, first {clips[0].path}")
    if len(places) < len(clips):
        _LOG.warning("%d of %d clips left out", len(clips) - len(places), len(clips))
    packed = np.stack([kept[place] for place in places]).astype(np.float32)  # type: ignore[misc]
    return [clips[place] for place in places], _unpacked(packed)


def _embedded(path: Path, teacher: Teacher, count: int) -> Array | None:
    """float16[frames, dim + 2]: rows, whole seconds, and what is above them."""
    try:
        times_s = np.array(frame_times(video_length_s(path), count))
        rows = teacher.embed_images(read_frames(path, times_s.tolist()))
    except PictureError as error:
        _LOG.warning("%s; skipped", error)
        return None
    whole = np.floor(times_s)
    return np.column_stack([rows, whole, times_s - whole]).astype(np.float16)


def _unpacked(packed: Float32s) -> FrameBank:
    rows = packed[..., :-2]
    return FrameBank(
        rows=rows / np.linalg.norm(rows, axis=2, keepdims=True),
        times_s=packed[..., -2] + packed[..., -1],
    )
