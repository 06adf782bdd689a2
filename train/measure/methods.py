"""Every way to hear in the teacher's space: distilled, chained, mapped, or by chance."""

from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from edge.contract.arrays import Embeddings
from edge.contract.taxonomy import Species
from train.measure.baselines import mlp_map, ridge_map, soft_zero_shot_chain, unit, zero_shot_chain
from train.model.checkpoint import Checkpoint
from train.model.clap import load_clap
from train.model.student import embed_log_mels
from train.model.towers import ClapTower
from train.pretraining.audio_text import CAPTIONS, caption

DISTILLED = "distilled"
_BLOCK = 8192
Embedder = Callable[[nn.Module, Sequence[Tensor]], Embeddings]
"""What a model makes of recordings' windows."""


@dataclass(frozen=True)
class SpeciesTexts:
    """Species, and where the teacher puts their names."""

    species: tuple[Species, ...]
    anchors: Embeddings
    """float32[species, dim], unit rows."""

    def of(self, ids: Collection[str]) -> "SpeciesTexts":
        """Only some species."""
        kept = [n for n, species in enumerate(self.species) if species.species_id in ids]
        return SpeciesTexts(tuple(self.species[n] for n in kept), self.anchors[kept])


@dataclass(frozen=True)
class TextSets:
    """Texts that the methods that go by names may use."""

    known: SpeciesTexts
    """What the maps between the text spaces learn from."""
    choice: SpeciesTexts
    """What the chain chooses among."""


def embed_plainly(model: nn.Module, log_mels: Sequence[Tensor]) -> Embeddings:
    """Embeddings of windows, which are not kept; see `train.measure.kept`."""
    return embed_log_mels(model, log_mels).numpy()


def methods(
    checkpoint: Checkpoint,
    log_mels: Sequence[Tensor],
    names: TextSets,
    embed: Embedder = embed_plainly,
) -> Iterator[tuple[str, Embeddings]]:
    """Embeddings of windows, float32[windows, dim], by one method after the other.

    Args:
        checkpoint: a distilled student; names the CLAP that it began as.
        log_mels: float[windows, 1, frames, mel_bins] a recording.
        names: whose may be used.
        embed: what a model makes of windows.

    A CNN has no text space of its own, hence neither chain nor map.
    """
    yield DISTILLED, embed(checkpoint.student, log_mels)
    if (own := OwnSpace.of(checkpoint)) is not None:
        yield from _carried(own, own.embed(log_mels, embed), names)
    yield "chance", _chance(sum(map(len, log_mels)), checkpoint.dim)


@dataclass(frozen=True)
class OwnSpace:
    """The space of the CLAP that a student began as."""

    clap: Any
    tokenizer: Any

    @classmethod
    def of(cls, checkpoint: Checkpoint) -> "OwnSpace | None":
        """A checkpoint's; None for a CNN, which has no text space."""
        if not isinstance(checkpoint.student.tower, ClapTower):
            return None
        clap, processor = load_clap(checkpoint.origin)
        device = next(checkpoint.student.parameters()).device
        return cls(clap.to(device), processor.tokenizer)

    @property
    def scale(self) -> float:
        """Inverse temperature that it learned, of sounds among texts."""
        return float(self.clap.logit_scale_a.detach().exp())

    def embed(self, log_mels: Sequence[Tensor], embed: Embedder = embed_plainly) -> Embeddings:
        """float32[windows, student_dim], unit rows."""
        return embed(_ClapAudio(self.clap), log_mels)

    @torch.inference_mode()
    def read(self, species: Sequence[Species]) -> Embeddings:
        """Captions of species: float32[templates, species, student_dim], unit rows."""
        rows = []
        for template in CAPTIONS:
            texts = [caption(template, bird) for bird in species]
            tokens = self.tokenizer(texts, padding=True, return_tensors="pt").to(self.clap.device)
            rows.append(self.clap.get_text_features(**tokens).pooler_output.cpu().numpy())
        return np.stack(rows)


def _carried(own: OwnSpace, audio: Embeddings, names: TextSets) -> Iterator[tuple[str, Embeddings]]:
    """Embeddings of the CLAP, carried over by names: each caption of a species to its anchor."""
    known = own.read(names.known.species)
    texts, anchors = np.concatenate(list(known)), np.tile(names.known.anchors, (len(known), 1))
    choice = unit(own.read(names.choice.species).mean(axis=0))
    yield "zero-shot chain", zero_shot_chain(audio, choice, names.choice.anchors)
    soft = soft_zero_shot_chain(audio, choice, names.choice.anchors, scale=own.scale)
    yield "soft zero-shot chain", soft
    yield "ridge map", unit(audio @ ridge_map(texts, anchors))
    yield "MLP map", mlp_map(texts, anchors)(audio)


def _chance(windows: int, dim: int) -> Embeddings:
    random, rows = np.random.default_rng(0), np.empty((windows, dim), np.float32)
    for begin in range(0, windows, _BLOCK):
        part = rows[begin : begin + _BLOCK]
        part[:] = random.standard_normal(part.shape)
    return unit(rows)


class _ClapAudio(nn.Module):
    """The student before distillation, in its own space."""

    def __init__(self, clap: Any) -> None:
        super().__init__()
        self.clap = clap

    def forward(self, log_mel: Tensor) -> Tensor:
        pooled: Tensor = self.clap.get_audio_features(input_features=log_mel).pooler_output
        return pooled
