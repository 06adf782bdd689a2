"""Audio-text fine-tuning: the second stage, by some clips' captions, or the names of their birds.

The text tower is frozen, as the image tower was (Tsubaki et al. 2024, arXiv 2403.10756): only the
audio tower moves towards the texts. Clips that have the same texts are no negatives.
"""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import torch
from torch import Tensor

from edge.contract.errors import DatasetError
from gallery.teacher import Teacher
from gallery.templates import TEMPLATES, sentence
from train.bridges.agreement_losses import near_positives, text_nce
from train.bridges.clip_sound import ClipSound
from train.bridges.clips import VideoClip
from train.bridges.pairs import PairSet
from train.bridges.training import BridgeParts
from train.config.agreement import AgreementConfig
from train.engine.loop import LogScale
from train.engine.resume import Drawing


class TextTuning:
    """Pulls the sound of each clip towards one of its texts, drawn anew for every batch.

    Args:
        parts: of the second stage, whose pairs are `text_pairs` of the clips.
        config: objective and batches.
    """

    def __init__(self, parts: BridgeParts, config: AgreementConfig) -> None:
        self._config, self._ranks, self._device = config, parts.ranks, parts.device
        texts = [clip_texts(clip, parts) for clip in parts.pairs.clips]
        self._texts = ClipTexts(texts, parts.teacher)
        self._pairs = parts.sampler()
        self._sound = ClipSound(parts, config)
        self._scale = LogScale(config.temperature).to(parts.device)
        self._drawn = torch.Generator().manual_seed(config.seed)

    @property
    def modules(self) -> tuple[torch.nn.Module, ...]:
        """Modules that learn."""
        return self._sound.student, self._scale

    @property
    def generators(self) -> tuple[Drawing, ...]:
        """Generators of batches and of texts."""
        return self._pairs, self._drawn

    def loss(self) -> Tensor:
        """Of a new batch, whose clips are compared with those of all ranks."""
        batch = self._pairs.batch(self._config.batch)
        heard = self._ranks.gather(self._sound(batch))
        clips = self._ranks.gather(batch.clips.to(self._device)).cpu()
        numbers = torch.rand(len(clips), generator=self._drawn)
        texts = self._texts.rows(clips, numbers).to(self._device)
        near = near_positives(self._texts.groups[clips]).to(self._device)
        return text_nce(heard, texts, self._scale(), near)


class ClipTexts:
    """Texts of clips by the frozen text tower, each embedded once.

    Args:
        texts: of each clip, at least one.
        teacher: embeds them.
    """

    def __init__(self, texts: Sequence[tuple[str, ...]], teacher: Teacher) -> None:
        unique = sorted({text for several in texts for text in several})
        place = {text: n for n, text in enumerate(unique)}
        kinds = {several: n for n, several in enumerate(sorted(set(texts)))}
        self._rows = torch.from_numpy(teacher.embed_texts(unique))
        self._places = [torch.tensor([place[text] for text in several]) for several in texts]
        self.groups = torch.tensor([kinds[several] for several in texts])
        """int64[clips], alike for clips that have the same texts."""

    def rows(self, clips: Tensor, numbers: Tensor) -> Tensor:
        """One text of each clip, float32[n, dim].

        Args:
            clips: int64[n].
            numbers: float32[n] in [0, 1), that choose among a clip's texts.
        """
        chosen = [
            self._places[clip][int(number * len(self._places[clip]))]
            for clip, number in zip(clips.tolist(), numbers.tolist(), strict=True)
        ]
        return self._rows[torch.stack(chosen)]


def clip_texts(clip: VideoClip, parts: BridgeParts) -> tuple[str, ...]:
    """A clip's captions; without any, the sentences that name its bird.

    Raises:
        DatasetError: it has neither.
    """
    if clip.captions:
        return clip.captions
    if not clip.label:
        raise DatasetError(
            f"text_steps: {clip.path} has no caption, and no name; leave the second stage out: "
            "text_steps=0"
        )
    species = parts.clips.taxonomy.by_id()[clip.label]
    return tuple(sentence(template, species) for template in TEMPLATES)


def text_pairs(pairs: PairSet, count: int, seed: int) -> PairSet:
    """Some of the clips, as many of each species as there are, drawn by a seed; 0: all.

    A larger count holds all that a smaller one does.
    """
    if not count or count >= len(pairs.clips):
        return pairs
    labels, random = pairs.labels.numpy(), np.random.default_rng(seed)
    shuffled = random.permutation(len(labels))
    turn = np.empty(len(labels), np.intp)
    for label in np.unique(labels):
        own = shuffled[labels[shuffled] == label]
        turn[own] = np.arange(len(own))
    chosen = sorted(shuffled[np.argsort(turn[shuffled], kind="stable")][:count].tolist())
    return replace(
        pairs,
        clips=tuple(pairs.clips[place] for place in chosen),
        bank=pairs.bank.part(chosen),
        log_mels=[pairs.log_mels[place] for place in chosen],
    )
