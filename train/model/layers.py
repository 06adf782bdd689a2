"""Layers of a tower from below: their rates, which of them rest, and what they keep in memory."""

from collections.abc import Iterable, Mapping, Sequence
from functools import partial

from torch import nn
from torch.utils.checkpoint import checkpoint

from edge.contract.errors import ConfigError


def depths_of(tower: nn.Module, layers: Sequence[Iterable[nn.Module]]) -> dict[str, int]:
    """Layer of each parameter of a tower by name; whatever lies in none is above the last.

    Args:
        tower: whose parameters.
        layers: modules of each, from below.
    """
    place = {
        parameter: depth
        for depth, modules in enumerate(layers)
        for module in modules
        for parameter in module.parameters()
    }
    return {name: place.get(own, len(layers)) for name, own in tower.named_parameters()}


def rates_by_depth(
    tower: nn.Module, depths: Mapping[str, int], decay: float
) -> dict[nn.Parameter, float]:
    """Share of the learning rate of each parameter: decay to the power of its distance from above.

    The projection is one above the tower's last layer (Clark et al. 2020, arXiv 2003.10555; Bao et
    al. 2021, arXiv 2106.08254).

    Args:
        tower: whose parameters.
        depths: of these by name.
        decay: of one layer.
    """
    above = max(depths.values()) + 1
    return {own: decay ** (above - depths[name]) for name, own in tower.named_parameters()}


def freeze_lowest(tower: nn.Module, depths: Mapping[str, int], count: int) -> None:
    """Let the lowest layers of a tower rest.

    Raises:
        ConfigError: it has no more of them.
    """
    most = max(depths.values())
    if count > most:
        raise ConfigError(
            f"freeze_layers: {count} are more than the tower's {most} layers; all rest with "
            "freeze_tower=true"
        )
    for name, parameter in tower.named_parameters():
        if depths[name] < count:
            parameter.requires_grad_(False)


def rest(module: nn.Module) -> None:
    """Hear as in use where nothing learns: neither statistics nor dropout of a frozen layer."""
    for part in module.modules():
        own = list(part.parameters())
        if own and not any(parameter.requires_grad for parameter in own):
            part.train(False)


def recompute(modules: Iterable[nn.Module]) -> None:
    """Keep of modules only what goes in, and compute the rest again for the backward pass.

    Gradient checkpointing (Chen et al. 2016, arXiv 1604.06174): as many bytes as a single module
    keeps, for a third more operations.
    """
    for module in modules:
        module.forward = partial(checkpoint, module.forward, use_reentrant=False)
