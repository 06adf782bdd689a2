"""Every way to hear in the teacher's space: distilled, chained, mapped, or by chance."""

from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn

from train.audio_text import CAPTIONS, caption
from train.baselines import Embeddings, mlp_map, ridge_map, unit, zero_shot_chain
from train.checkpoint import Checkpoint
from train.student import CNN, embed_log_mels, load_clap


def methods(
    checkpoint: Checkpoint, log_mels: Tensor, known: npt.NDArray[np.bool_]
) -> dict[str, Embeddings]:
    """Embeddings of windows, float32[windows, dim], by method.

    Args:
        checkpoint: a distilled student; names the CLAP that it began as.
        log_mels: float32[windows, 1, frames, mel_bins].
        known: bool[species]: whose names the maps between the text spaces may learn from.

    A CNN has no text space of its own, hence neither chain nor map.
    """
    heard = {"distilled": embed_log_mels(checkpoint.student, log_mels).numpy()}
    if not checkpoint.config["student"].startswith(CNN):
        heard |= _from_text_space(checkpoint, log_mels, known)
    chance = np.random.default_rng(0).standard_normal((len(log_mels), checkpoint.dim))
    return {**heard, "chance": unit(chance.astype(np.float32))}


def _from_text_space(
    checkpoint: Checkpoint, log_mels: Tensor, known: npt.NDArray[np.bool_]
) -> dict[str, Embeddings]:
    """What the CLAP hears, carried over by names: each caption of a species to its anchor."""
    clap, processor = load_clap(checkpoint.config["student"])
    audio = embed_log_mels(_ClapAudio(clap), log_mels).numpy()
    captions = _captions(clap, processor, checkpoint)
    texts = np.concatenate([one[known] for one in captions])
    anchors = np.concatenate([checkpoint.anchors[known]] * len(captions))
    return {
        "zero-shot chain": zero_shot_chain(audio, unit(captions.mean(axis=0)), checkpoint.anchors),
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
