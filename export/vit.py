"""The image tower's transformer, laid out for inference: attention without a shape that is asked.

torch's own traces to reshapes by the batch, of whose half-precision form onnxruntime 1.32's fusion
of transposes with products crashes while it loads.
"""

import copy
from typing import Any

import torch
from torch import Tensor, nn

from train.model.spectrogram_vit import SpectrogramVit


class PlainAttention(nn.Module):
    """Self-attention of `torch.nn.MultiheadAttention`, its three projections apart.

    Args:
        attention: whose weights it shares.
    """

    def __init__(self, attention: Any) -> None:
        super().__init__()
        self.heads: int = attention.num_heads
        weights = attention.in_proj_weight.chunk(3)
        biases = attention.in_proj_bias.chunk(3)
        self.query, self.key, self.value = map(_linear, weights, biases)
        self.out = attention.out_proj
        self.scale = (attention.embed_dim // self.heads) ** -0.5

    def forward(self, tokens: Tensor, *_: object, **__: object) -> tuple[Tensor, None]:
        """float32[batch, tokens, width] -> the same shape; weights are never told."""
        query, key, value = (
            layer(tokens).unflatten(2, (self.heads, -1))
            for layer in (self.query, self.key, self.value)
        )
        scores = (self.scale * query).transpose(1, 2) @ key.permute(0, 2, 3, 1)
        heard = torch.softmax(scores, dim=-1) @ value.transpose(1, 2)
        found: Tensor = self.out(heard.transpose(1, 2).flatten(2))
        return found, None


def plain_vit(tower: SpectrogramVit) -> SpectrogramVit:
    """A copy of a tower that attends plainly."""
    laid = copy.deepcopy(tower)
    for block in laid.transformer.resblocks:
        block.attn = PlainAttention(block.attn)
    laid.eval()
    return laid


def _linear(weight: Tensor, bias: Tensor) -> nn.Linear:
    layer = nn.Linear(weight.shape[1], weight.shape[0])
    layer.weight, layer.bias = nn.Parameter(weight.detach()), nn.Parameter(bias.detach())
    return layer
