"""Small encoders of the real kinds, and their graphs, for the tests of the export."""

import torch
from torch import nn
from transformers import ClapAudioConfig

from train.model.frontend import LogMelSpec
from train.model.student import Student, WaveformStudent

WINDOW = 120_000
DIM = 32
SMALL_HTSAT = ClapAudioConfig(
    spec_size=128,
    window_size=4,
    depths=[2, 2, 1],
    num_attention_heads=[2, 4, 8],
    patch_embeds_hidden_size=16,
    hidden_size=64,
    num_hidden_layers=3,
)
SMALL_CNN = {"model_type": "cnn", "name": "mobilenetv3_small_050"}


def small_htsat() -> WaveformStudent:
    """Two folds, shifted windows, two merges; position biases and statistics that tell."""
    return _lively(Student(SMALL_HTSAT.to_dict(), DIM))


def small_cnn() -> WaveformStudent:
    return _lively(Student(SMALL_CNN, DIM))


def _lively(student: Student) -> WaveformStudent:
    torch.manual_seed(0)
    for name, one in student.named_parameters():
        if "relative_position_bias_table" in name:
            nn.init.normal_(one, std=0.5)
    for module in student.modules():
        if isinstance(module, nn.BatchNorm2d):
            nn.init.uniform_(module.running_mean, -0.5, 0.5)
            nn.init.uniform_(module.running_var, 0.5, 2.0)
    return WaveformStudent(LogMelSpec(), student).eval()
