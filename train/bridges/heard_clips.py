"""Clips as a trained student hears and the teacher sees them, to be asked for each other."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch

from edge.contract.arrays import Array, Embeddings, Places
from edge.contract.errors import DatasetError
from gallery.data.dataset import Item
from gallery.teacher import Teacher, load_teacher, mean_anchors
from train.bridges.clips import ClipSet, VideoClip
from train.bridges.frames import FrameBank, load_frames
from train.bridges.retrieval import ClipQuestions, Partners
from train.bridges.video import read_sound
from train.distillation.anchors import cached_anchors
from train.measure.recordings import Windows
from train.measure.retrieval import PooledEmbeddings
from train.measure.species_sets import SpeciesSets
from train.model.checkpoint import Checkpoint
from train.model.frontend import InputSpec
from train.model.student import embed_log_mels
from train.sound.cache import load_each

RIGHT = ("species", "clip")
"""What counts as right: anything of the same species, or of the very clip."""


class ClipWindows(Windows):
    """Computes the log-mel of the windows of a clip's sound, as the listener cuts them."""

    def __init__(self, input_spec: InputSpec) -> None:
        super().__init__(input_spec)
        self._rate_hz = input_spec.frontend.sample_rate_hz

    def __call__(self, item: Item) -> Array:
        """One clip's, float16[windows, 1, frames, mel_bins]."""
        return self.cut(read_sound(item.path, self._rate_hz), self._rate_hz)


@dataclass(frozen=True, kw_only=True)
class HeardClips:
    """Clips that can be both heard and seen."""

    clips: tuple[VideoClip, ...]
    bank: FrameBank
    heard: PooledEmbeddings
    """By the student."""

    def questions(self, right: str, texts: Partners, ids: Sequence[str]) -> ClipQuestions:
        """Sound among frames and texts, and the other way round.

        Args:
            right: one of `RIGHT`.
            texts: captions of the clips, or names.
            ids: of the species.
        """
        own = self.sets(right, ids)
        count, frames, dim = self.bank.rows.shape
        shown = [self.clips[place] for place in self.clusters["I->A"]]
        sets = clip_sets(shown, ids) if right == "species" else _repeated(count, frames)
        return ClipQuestions(
            own, {"T": texts, "I": Partners(self.bank.rows.reshape(-1, dim), sets)}
        )

    @property
    def clusters(self) -> dict[str, Places]:
        """Queries that stand and fall together, by task: the frames of a clip, int[queries]."""
        count, frames, _ = self.bank.rows.shape
        return {"I->A": np.repeat(np.arange(count), frames)}

    def sets(self, right: str, ids: Sequence[str]) -> SpeciesSets:
        """Each clip's species, or the clip itself."""
        return (
            clip_sets(self.clips, ids) if right == "species" else SpeciesSets.each(len(self.clips))
        )


def hear_clips(
    checkpoint: Checkpoint, teacher: Teacher, clips: Sequence[VideoClip], frames: int, cache: Path
) -> HeardClips:
    """Clips by a student and its teacher; those that lack sound or picture are named, and left out.

    Args:
        checkpoint: of the student.
        teacher: that it learned from.
        clips: of a split.
        frames: a clip.
        cache: where windows and rows are kept.

    Raises:
        DatasetError: not one is left.
    """
    seen, bank = load_frames(clips, teacher, frames, cache)
    windows = ClipWindows(checkpoint.input_spec)
    arrays = load_each([clip.item for clip in seen], cache / f"clip-{windows.name}", windows)
    places = np.flatnonzero(arrays.present).tolist()
    if not places:
        raise DatasetError(f"none of {len(seen)} clips can be heard, first {seen[0].path}")
    log_mels = [torch.from_numpy(array) for array in arrays.readable if array is not None]
    owners = np.repeat(np.arange(len(log_mels)), [len(log_mel) for log_mel in log_mels])
    return HeardClips(
        clips=tuple(seen[place] for place in places),
        bank=bank.part(places),
        heard=PooledEmbeddings(embed_log_mels(checkpoint.student, log_mels).numpy(), owners),
    )


def open_teacher(checkpoint: Checkpoint) -> Teacher:
    """The teacher that a student learned from.

    Raises:
        DatasetError: it is another one now.
    """
    teacher = load_teacher(checkpoint.config["teacher"])
    if teacher.space_id != checkpoint.space_id:
        raise DatasetError(
            f"{teacher.name}: its space is {teacher.space_id:.12}, the checkpoint's is "
            f"{checkpoint.space_id:.12}; name the teacher that it learned from"
        )
    return teacher


def name_texts(clips: ClipSet, teacher: Teacher, cache: Path) -> Partners:
    """Names of all species, each the mean of its sentences."""
    anchors = mean_anchors(cached_anchors(teacher, clips.taxonomy, cache))
    return Partners(anchors, SpeciesSets.each(len(anchors)))


def caption_texts(clips: Sequence[VideoClip], teacher: Teacher) -> Partners:
    """Captions of clips, each of its clip.

    Raises:
        DatasetError: a clip has none.
    """
    mute = [clip.path for clip in clips if not clip.captions]
    if mute:
        raise DatasetError(
            f"{mute[0]}: has no caption, as {len(mute)} clips; ask for names: --right species"
        )
    captions = [caption for clip in clips for caption in clip.captions]
    rows: Embeddings = teacher.embed_texts(captions)
    counts = [len(clip.captions) for clip in clips]
    owners = np.repeat(np.arange(len(clips)), counts)
    return Partners(rows, SpeciesSets(owners, np.arange(1, len(owners) + 1), len(clips)))


def clip_sets(clips: Sequence[VideoClip], ids: Sequence[str]) -> SpeciesSets:
    """Whom each clip is of: the species that its table tells first."""
    return SpeciesSets.of(([clip.label] for clip in clips), ids)


def _repeated(count: int, times: int) -> SpeciesSets:
    owners = np.repeat(np.arange(count), times)
    return SpeciesSets(owners, np.arange(1, len(owners) + 1), count)
