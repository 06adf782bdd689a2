"""Pairs of clips and texts, in the place of pairs of clips and frames."""

from dataclasses import replace

import numpy as np
import torch

from edge.contract.arrays import Embeddings
from edge.contract.errors import DatasetError
from edge.contract.taxonomy import Taxonomy
from gallery.teacher import Teacher
from train.bridges.clips import VideoClip
from train.bridges.frames import FrameBank
from train.bridges.pairs import PairSet
from train.bridges.zero_shot_figures import named


def with_texts(pairs: PairSet, count: int, teacher: Teacher, prompt: str, seed: int = 0) -> PairSet:
    """Some clips with the rows of their texts: what was written about them, or else their name.

    The clips of a smaller count are among those of a larger one, so that the points of a curve
    differ by what was added. A clip with fewer texts than another has its own again.

    Args:
        pairs: clips of the training split.
        count: of the clips; those of all that have a text, if it is more.
        teacher: embeds the texts.
        prompt: sentence of a name.
        seed: of the choice.

    Raises:
        DatasetError: no clip has a text.
    """
    texts = [_texts(clip, pairs.taxonomy, prompt) for clip in pairs.clips]
    order = torch.randperm(len(texts), generator=torch.Generator().manual_seed(seed)).tolist()
    places = sorted([place for place in order if texts[place]][:count])
    if not places:
        raise DatasetError("text_pairs: no clip has a caption or a species to be named by")
    most = max(len(texts[place]) for place in places)
    rows = np.stack([_rows(texts[place], most, teacher) for place in places])
    return replace(
        pairs,
        clips=tuple(pairs.clips[place] for place in places),
        bank=FrameBank(rows=rows, times_s=np.zeros(rows.shape[:2], np.float32)),
        log_mels=[pairs.log_mels[place] for place in places],
    )


def _texts(clip: VideoClip, taxonomy: Taxonomy, prompt: str) -> tuple[str, ...]:
    if clip.captions or not clip.label:
        return clip.captions
    return tuple(named(prompt, [taxonomy.by_id()[clip.label]]))


def _rows(texts: tuple[str, ...], count: int, teacher: Teacher) -> Embeddings:
    """float32[count, dim]: of each text, from the first again where they are fewer."""
    own = teacher.embed_texts(texts)
    return own[np.arange(count) % len(own)]
