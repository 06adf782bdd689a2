"""Models with random weights, in the very files that the hub holds: tiny, or of full size."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from train.pretraining.image_text import save_open_clip

_TEXTS = ("<s>", "<pad>", "</s>", "<unk>", "<mask>")


@dataclass(frozen=True)
class Shape:
    """Size of a teacher and of a student."""

    clip: Mapping[str, Any]
    """open_clip's configuration."""
    audio: Mapping[str, Any]
    text: Mapping[str, Any]
    """transformers', of a CLAP."""
    seconds: float
    """Window of the student."""


TINY = Shape(
    clip={
        "embed_dim": 32,
        "vision_cfg": {
            "image_size": 32,
            "layers": 1,
            "width": 32,
            "head_width": 16,
            "patch_size": 16,
        },
        "text_cfg": {
            "context_length": 64,
            "vocab_size": 49_408,
            "width": 32,
            "heads": 2,
            "layers": 1,
        },
    },
    audio={
        "spec_size": 128,
        "window_size": 4,
        "depths": [1, 1, 1],
        "num_attention_heads": [1, 2, 4],
        "patch_embeds_hidden_size": 16,
        "hidden_size": 64,
        "num_hidden_layers": 3,
        "hidden_dropout_prob": 0.0,
        # A tower this narrow hardly learns from transformers' own spread.
        "initializer_factor": 3.0,
        "projection_dim": 32,
    },
    text={
        "hidden_size": 32,
        "num_hidden_layers": 1,
        "num_attention_heads": 2,
        "intermediate_size": 32,
        "max_position_embeddings": 80,
        "projection_dim": 32,
    },
    seconds=2.5,
)
FULL = Shape(
    # BioCLIP-2's ViT-L/14, and BioLingual's HTSAT and RoBERTa.
    clip={
        "embed_dim": 768,
        "vision_cfg": {"image_size": 224, "layers": 24, "width": 1024, "patch_size": 14},
        "text_cfg": {
            "context_length": 77,
            "vocab_size": 49_408,
            "width": 768,
            "heads": 12,
            "layers": 12,
        },
    },
    audio={},
    text={},
    seconds=10.0,
)


def write_teacher(folder: Path, shape: Shape = TINY) -> str:
    """Write an open_clip model; its name."""
    import open_clip

    torch.manual_seed(0)
    save_open_clip(open_clip.CLIP(**shape.clip), dict(shape.clip), folder)
    return f"local-dir:{folder}"


def write_student(folder: Path, shape: Shape = TINY) -> str:
    """Write a CLAP with its processor; its name."""
    from tokenizers import ByteLevelBPETokenizer
    from transformers import (
        ClapAudioConfig,
        ClapConfig,
        ClapFeatureExtractor,
        ClapModel,
        ClapProcessor,
        ClapTextConfig,
        RobertaTokenizer,
    )

    torch.manual_seed(1)
    learned = ByteLevelBPETokenizer()
    learned.train_from_iterator(["the sound of a bird"], 300, 1, False, list(_TEXTS))
    tokenizer = RobertaTokenizer(tokenizer_object=learned._tokenizer, model_max_length=64)
    extractor = ClapFeatureExtractor(
        frequency_min=50, truncation="rand_trunc", max_length_s=shape.seconds
    )
    text = {**shape.text} if shape is FULL else {**shape.text, "vocab_size": len(tokenizer)}
    config = ClapConfig(
        audio_config=ClapAudioConfig(**shape.audio).to_dict(),
        text_config=ClapTextConfig(**text).to_dict(),
        projection_dim=shape.audio.get("projection_dim", 512),
    )
    ClapModel(config).save_pretrained(folder)
    ClapProcessor(extractor, tokenizer).save_pretrained(folder)
    return str(folder)
