"""Every way to hear in the teacher's space: distilled, chained, mapped, or by chance."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn

from train.audio_text import CAPTIONS, caption
from train.baselines import Embeddings, mlp_map, ridge_map, unit, zero_shot_chain
from train.checkpoint import Checkpoint
from train.student import embed_log_mels, load_clap
from train.towers import ClapTower


@dataclass(frozen=True)
class Names:
    """What the methods that go by names may use."""

    known: npt.NDArray[np.bool_]
    """bool[species]: what the maps between the text spaces learn from."""
    choice: npt.NDArray[np.bool_]
    """bool[species]: what the chain chooses among."""


def methods(
    checkpoint: Checkpoint, log_mels: Sequence[Tensor], names: Names
) -> dict[str, Embeddings]:
    """Embeddings of windows, float32[windows, dim], by method.

    Args:
        checkpoint: a distilled student; names the CLAP that it began as.
        log_mels: float[windows, 1, frames, mel_bins] a recording.
        names: whose may be used.

    A CNN has no text space of its own, hence neither chain nor map.
    """
    heard = {"distilled": embed_log_mels(checkpoint.student, log_mels).numpy()}
    if (space := own_space(checkpoint, log_mels)) is not None:
        heard |= _carried(*space, checkpoint, names)
    chance = np.random.default_rng(0).standard_normal((sum(map(len, log_mels)), checkpoint.dim))
    return {**heard, "chance": unit(chance.astype(np.float32))}


def own_space(
    checkpoint: Checkpoint, log_mels: Sequence[Tensor]
) -> tuple[Embeddings, Embeddings] | None:
    """Windows and species' captions in the space of the CLAP that a student began as.

    Returns:
        float32[windows, dim] and float32[templates, species, dim], unit rows; None for a CNN,
        which has no text space.
    """
    if not isinstance(checkpoint.student.tower, ClapTower):
        return None
    clap, processor = load_clap(checkpoint.config["student"])
    audio = embed_log_mels(_ClapAudio(clap), log_mels).numpy()
    return audio, _captions(clap, processor, checkpoint)


def _carried(
    audio: Embeddings, captions: Embeddings, checkpoint: Checkpoint, names: Names
) -> dict[str, Embeddings]:
    """What the CLAP hears, carried over by names: each caption of a species to its anchor."""
    texts = np.concatenate([one[names.known] for one in captions])
    anchors = np.concatenate([checkpoint.anchors[names.known]] * len(captions))
    chosen = unit(captions.mean(axis=0))[names.choice], checkpoint.anchors[names.choice]
    return {
        "zero-shot chain": zero_shot_chain(audio, *chosen),
        "ridge map": unit(audio @ ridge_map(texts, anchors)),
        "MLP map": mlp_map(texts, anchors)(audio),
    }


class _ClapAudio(nn.Module):
    """The student before distillation, in its own space."""

    def __init__(self, clap: Any) -> None:
        super().__init__()
        self.clap = clap

    def forward(self, log_mel: Tensor) -> Tensor:
        pooled: Tensor = self.clap.get_audio_features(input_features=log_mel).pooler_output
        return pooled


@torch.inference_mode()
def _captions(clap: Any, processor: Any, checkpoint: Checkpoint) -> Embeddings:
    """float32[templates, species, student_dim], unit rows."""
    rows = []
    for template in CAPTIONS:
        texts = [caption(template, one) for one in checkpoint.taxonomy.species]
        tokens = processor.tokenizer(texts, padding=True, return_tensors="pt")
        rows.append(clap.get_text_features(**tokens).pooler_output.numpy())
    return np.stack(rows)
