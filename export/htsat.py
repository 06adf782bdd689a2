"""HTSAT laid out for inference: the same weights and numbers in a third of the operations.

A shifted-window transformer (Liu et al. 2021, arXiv 2103.14030) treats every token alike but in its
attention, so tokens may lie in any order: here always in that of the next attention's windows.
Partition, roll, roll back and merge, four copies each a layer in transformers' module, become one
permutation. Query, key and value are one product, its scale and all masks are constants, and the
bicubic stretch to HTSAT's square, which has four taps, fetches four rows.
"""

import math
from itertools import pairwise
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional

from edge.contract.errors import DatasetError

_MASKED = -100.0
"""As transformers masks tokens that the roll brought together."""


class Htsat(nn.Module):
    """Log-mel to features: float32[batch, 1, frames, mel_bins] -> float32[batch, hidden].

    Args:
        encoder: a ClapAudioEncoder, whose weights it shares.
        frames: of a window.

    Raises:
        DatasetError: the tokens can't be cut into whole windows.
    """

    first: Tensor

    def __init__(self, encoder: Any, frames: int) -> None:
        super().__init__()
        layers = [block for stage in encoder.layers for block in stage.blocks]
        sides = [side for stage in encoder.layers for side in _sides(encoder, stage)]
        orders = [
            _order(side, *_windows(layer, side)) for layer, side in zip(layers, sides, strict=True)
        ]
        self.picture = FoldedSpectrogram(encoder, frames)
        self.patches = encoder.patch_embed.proj
        self.norm_of_patches = encoder.patch_embed.norm
        self.register_buffer("first", orders[0], False)
        self.blocks = nn.ModuleList(
            SwinBlock(layer, side, order)
            for layer, side, order in zip(layers, sides, orders, strict=True)
        )
        merges = [stage.downsample for stage in encoder.layers for _ in stage.blocks]
        ends = [sides[n] != sides[n + 1] for n in range(len(sides) - 1)]
        self.moves = nn.ModuleList(
            Merge(merge, side, *order) if end else Move(*order)
            for merge, side, end, order in zip(merges, sides, ends, pairwise(orders), strict=False)
        )
        self.norm = encoder.norm

    def forward(self, log_mel: Tensor) -> Tensor:
        """Embed."""
        tokens = self.patches(self.picture(log_mel)).flatten(2).transpose(1, 2)
        tokens = self.norm_of_patches(tokens[:, self.first])
        tokens = self.blocks[0](tokens)
        for move, block in zip(self.moves, self.blocks[1:], strict=True):
            tokens = block(move(tokens))
        features: Tensor = self.norm(tokens).mean(dim=1)
        return features


class FoldedSpectrogram(nn.Module):
    """Normalised log-mel, stretched in time and folded to a square."""

    scale: Tensor
    shift: Tensor
    rows: Tensor
    taps: Tensor

    def __init__(self, encoder: Any, frames: int) -> None:
        super().__init__()
        norm, self.fold = encoder.batch_norm, encoder.freq_ratio
        scale = norm.weight / torch.sqrt(norm.running_var + norm.eps)
        rows, taps = _bicubic(frames, encoder.spec_size * self.fold)
        self.register_buffer("scale", scale.detach(), False)
        self.register_buffer("shift", (norm.bias - norm.running_mean * scale).detach(), False)
        self.register_buffer("rows", rows, False)
        self.register_buffer("taps", taps, False)

    def forward(self, log_mel: Tensor) -> Tensor:
        """float32[batch, 1, frames, mel_bins] -> float32[batch, 1, spec_size, spec_size]."""
        normal = log_mel[:, 0] * self.scale + self.shift
        parts = [
            normal[:, row] * tap[:, None] for row, tap in zip(self.rows, self.taps, strict=True)
        ]
        stretched = torch.stack(parts).sum(dim=0)
        folded = stretched.reshape(normal.shape[0], self.fold, -1, normal.shape[2]).transpose(2, 3)
        return folded.flatten(1, 2)[:, None]


class SwinBlock(nn.Module):
    """Attention within windows, and a perceptron: float32[batch, tokens, dim] -> the same."""

    bias: Tensor
    mask: Tensor | None

    def __init__(self, layer: Any, side: int, order: Tensor) -> None:
        super().__init__()
        attention = layer.attention.self
        self.heads, self.depth = attention.num_attention_heads, attention.attention_head_size
        self.before, self.after = layer.layernorm_before, layer.layernorm_after
        self.in_projection = _joined(attention)
        self.out_projection = layer.attention.output.dense
        self.widen, self.act = layer.intermediate.dense, layer.intermediate.intermediate_act_fn
        self.narrow = layer.output.dense
        window, shift = _windows(layer, side)
        self.window = window * window
        self.register_buffer("bias", _bias(attention, self.window), False)
        mask = _mask(side, window, shift, order) if shift else None
        self.register_buffer("mask", mask, False)

    def forward(self, tokens: Tensor) -> Tensor:
        """Apply."""
        tokens = tokens + self.attend(self.before(tokens))
        widened: Tensor = self.act(self.widen(self.after(tokens)))
        narrowed: Tensor = self.narrow(widened)
        return tokens + narrowed

    def attend(self, tokens: Tensor) -> Tensor:
        """Multi-head attention of tokens that lie in the order of the windows."""
        shape = (-1, self.window, 3, self.heads, self.depth)
        query, key, value = self.in_projection(tokens).reshape(shape).permute(2, 0, 3, 1, 4)
        weights = query @ key.transpose(2, 3) + self.bias
        if self.mask is not None:
            apart = weights.reshape(-1, *self.mask.shape[:1], *weights.shape[1:]) + self.mask
            weights = apart.flatten(0, 1)
        attended = functional.softmax(weights, dim=-1) @ value
        mixed: Tensor = self.out_projection(attended.transpose(1, 2).reshape(tokens.shape))
        return mixed


class Move(nn.Module):
    """Put tokens from one order of windows into another's."""

    index: Tensor

    def __init__(self, order: Tensor, new: Tensor) -> None:
        super().__init__()
        self.register_buffer("index", order.argsort()[new], False)

    def forward(self, tokens: Tensor) -> Tensor:
        """float32[batch, tokens, dim] -> the same."""
        return tokens[:, self.index]


class Merge(Move):
    """Join four neighbours to one token, in the order of the next stage's windows."""

    def __init__(self, downsample: Any, side: int, order: Tensor, new: Tensor) -> None:
        row, column = 2 * (new // (side // 2)), 2 * (new % (side // 2))
        four = [(row + r) * side + column + c for c in range(2) for r in range(2)]
        super().__init__(order, torch.stack(four, dim=1).flatten())
        self.norm, self.reduction = downsample.norm, downsample.reduction

    def forward(self, tokens: Tensor) -> Tensor:
        """float32[batch, tokens, dim] -> float32[batch, tokens / 4, 2 dim]."""
        joined = super().forward(tokens).reshape(tokens.shape[0], -1, 4 * tokens.shape[2])
        reduced: Tensor = self.reduction(self.norm(joined))
        return reduced


def _sides(encoder: Any, stage: Any) -> list[int]:
    """Tokens on a side of the square, for every block of a stage."""
    sides = encoder.input_resolutions[list(encoder.layers).index(stage)]
    if len(set(sides)) > 1:
        raise DatasetError(f"HTSAT: expected a square of tokens, found {sides}")
    return [sides[0]] * len(stage.blocks)


def _windows(layer: Any, side: int) -> tuple[int, int]:
    """Side and shift of a layer's windows; a window that holds everything isn't shifted."""
    window = int(layer.window_size)
    if side <= window:
        return side, 0
    if side % window:
        raise DatasetError(f"HTSAT: {side} tokens a side are no whole windows of {window}")
    return window, int(layer.shift_size)


def _order(side: int, window: int, shift: int) -> Tensor:
    """Row-major numbers of the tokens, window after window: int64[side * side]."""
    grid = torch.arange(side * side).reshape(side, side).roll((-shift, -shift), (0, 1))
    tiles = grid.reshape(side // window, window, side // window, window)
    return tiles.transpose(1, 2).flatten()


def _joined(attention: Any) -> nn.Linear:
    """Query, key and value as one layer; the query's scale is in its weights."""
    parts = (attention.query, attention.key, attention.value)
    scales = (1 / math.sqrt(attention.attention_head_size), 1.0, 1.0)
    joined = nn.Linear(attention.all_head_size, 3 * attention.all_head_size)
    pairs = list(zip(parts, scales, strict=True))
    joined.weight = nn.Parameter(torch.cat([part.weight * scale for part, scale in pairs]), False)
    joined.bias = nn.Parameter(torch.cat([part.bias * scale for part, scale in pairs]), False)
    return joined


def _bias(attention: Any, tokens: int) -> Tensor:
    """Of relative positions: float32[heads, tokens, tokens]."""
    table = attention.relative_position_bias_table.detach()
    index = attention.relative_position_index.flatten()
    bias: Tensor = table[index].reshape(tokens, tokens, -1).permute(2, 0, 1).contiguous()
    return bias


def _mask(side: int, window: int, shift: int, order: Tensor) -> Tensor:
    """Keeps apart what the roll brought together: float32[windows, 1, tokens, tokens]."""
    # In the rolled square the last rows and columns come from the other edge.
    place = (torch.arange(side) - shift) % side
    late = (place >= side - window).long() + (place >= side - shift).long()
    region = (3 * late[:, None] + late).flatten()[order].reshape(-1, window * window)
    apart = region[:, :, None] != region[:, None, :]
    return torch.where(apart, _MASKED, 0.0)[:, None]


def _bicubic(frames: int, wanted: int) -> tuple[Tensor, Tensor]:
    """Rows and weights of every stretched row: int64 and float32, [taps, wanted]."""
    if frames == wanted:
        return torch.arange(wanted)[None], torch.ones(1, wanted)
    # torch's own kernel, asked about every row alone.
    alone = torch.eye(frames)[None, :, :, None]
    stretched = functional.interpolate(alone, (wanted, 1), mode="bicubic", align_corners=True)
    rows = stretched[0, :, :, 0].abs().topk(min(4, frames), dim=0).indices
    return rows, stretched[0, :, :, 0].gather(0, rows)
