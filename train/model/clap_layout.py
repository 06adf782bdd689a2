"""A student in the layout of transformers: `ClapAudioModelWithProjection.from_pretrained(RUN)`.

Only the audio side is ours: the texts are those of the teacher, another kind of model. A whole
`ClapModel` is refused by what config.json says of its text side, where transformers would else
draw that at random.
"""

import json
from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor, nn

from train.model.frontend import InputSpec
from train.model.student import Student
from train.model.towers import ClapTower

MODEL_CONFIG, EXTRACTOR_CONFIG = "config.json", "preprocessor_config.json"
_OURS = "none here: not of transformers; python -m train.distill student=RUN reads it"
_NO_TEXTS = {"text_config": "none here: texts are embedded by the teacher, an open_clip model"}
"""Of a type that no ClapConfig takes: without it transformers would draw them at random."""
_REFUSED = {"model_type": "birdlisten", "hidden_size": _OURS, "depths": _OURS} | _NO_TEXTS
_TOWER, _FIRST, _SECOND = "audio_model.", "audio_projection.linear1.", "audio_projection.linear2."
_WIDE = ("0.", "3.")
"""Linear layers of a projection with a hidden layer."""


def is_clap(student: Student) -> bool:
    """True for a student that transformers has: HTSAT, and a projection of CLAP's shape.

    CLAP projects by two layers of one width; a linear projection is the first of them.
    """
    return isinstance(student.tower, ClapTower) and _layers(student) is not None


def configs(student: Student, input_spec: InputSpec) -> dict[str, bytes]:
    """Files that transformers reads beside the weights, by name; empty if it has no such model."""
    if not is_clap(student):
        return {MODEL_CONFIG: _json(_REFUSED), EXTRACTOR_CONFIG: b""}
    from transformers import ClapFeatureExtractor

    spec, linear = input_spec.frontend, isinstance(student.projection, nn.Linear)
    model = {
        **student.audio_config,
        "architectures": ["ClapAudioModelWithProjection"],
        "projection_dim": student.dim,
        "projection_hidden_act": "linear" if linear else "gelu",
        **_NO_TEXTS,
    }
    extractor = ClapFeatureExtractor(
        feature_size=spec.mel_bins,
        sampling_rate=spec.sample_rate_hz,
        hop_length=spec.hop_samples,
        max_length_s=input_spec.window_samples / spec.sample_rate_hz,
        fft_window_size=spec.fft_samples,
        frequency_min=spec.min_hz,
        frequency_max=spec.max_hz,
        truncation="rand_trunc",
        padding="repeatpad",
    )
    return {
        MODEL_CONFIG: _json(model),
        EXTRACTOR_CONFIG: extractor.to_json_string().encode(),
    }


def _json(content: Mapping[str, Any]) -> bytes:
    return f"{json.dumps(content, indent=2, sort_keys=True)}\n".encode()


def to_clap(student: Student) -> dict[str, Tensor]:
    """A student's weights by CLAP's names; by its own if transformers has no such model."""
    weights, layers = student.state_dict(), _layers(student)
    if layers is None or not is_clap(student):
        return weights
    first, second = layers
    names = {"tower.": _TOWER, second: _SECOND, first: _FIRST}
    named = {_renamed(name, names): weight for name, weight in weights.items()}
    if first == second:
        named[f"{_SECOND}weight"] = torch.eye(student.dim)
        named[f"{_SECOND}bias"] = torch.zeros(student.dim)
    return named


def from_clap(weights: Mapping[str, Tensor], student: Student) -> dict[str, Tensor]:
    """Weights by the student's own names, by whichever of the two they are stored."""
    layers = _layers(student)
    if layers is None or not any(name.startswith(_TOWER) for name in weights):
        return dict(weights)
    first, second = layers
    names = {_TOWER: "tower.", _FIRST: first, _SECOND: second}
    left_out = _SECOND if first == second else "\0"
    return {
        _renamed(name, names): weight
        for name, weight in weights.items()
        if not name.startswith(left_out)
    }


def _layers(student: Student) -> tuple[str, str] | None:
    """Names of the projection's layers that are CLAP's two; the same twice if it is linear."""
    projection = student.projection
    if isinstance(projection, nn.Linear):
        return "projection.", "projection."
    if isinstance(projection, nn.Sequential) and student.projection_hidden == student.dim:
        return f"projection.{_WIDE[0]}", f"projection.{_WIDE[1]}"
    return None


def _renamed(name: str, names: Mapping[str, str]) -> str:
    old = next((old for old in names if name.startswith(old)), "")
    return names.get(old, "") + name.removeprefix(old)
