"""Low-rank adaptation of a tower (Hu et al. 2021, arXiv 2106.09685), by peft; merged when saved."""

from typing import Any

from torch import nn

from edge.contract.errors import ConfigError, MissingPackageError
from train.model.towers import ClapTower


def adapt(tower: nn.Module, rank: int, alpha: float) -> None:
    """Give each linear layer of a CLAP's tower a low-rank update; only these learn.

    W + alpha / rank B A, of which B begins as zeros.

    Raises:
        ConfigError: the tower is no CLAP's.
        MissingPackageError: peft is not installed.
    """
    if not isinstance(tower, ClapTower):
        raise ConfigError("lora_rank: adapts a CLAP's tower; a CNN learns whole: lora_rank=0")
    linear = [name for name, module in tower.named_modules() if isinstance(module, nn.Linear)]
    peft: Any = _peft()
    config = peft.LoraConfig(r=rank, lora_alpha=alpha, target_modules=linear)
    peft.inject_adapter_in_model(config, tower)


def merge(tower: nn.Module) -> None:
    """Make an adapted tower one of plain layers, whose weights hold what was learned."""
    from peft.tuners.lora import LoraLayer

    adapted = [(name, part) for name, part in tower.named_modules() if isinstance(part, LoraLayer)]
    for name, layer in adapted:
        layer.merge()
        parent, _, own = name.rpartition(".")
        setattr(tower.get_submodule(parent), own, layer.get_base_layer())
    tower.requires_grad_(True)


def _peft() -> Any:
    try:
        import peft
    except ImportError as error:
        raise MissingPackageError(
            "lora_rank: needs peft: pip install 'birdlisten[lora]', or pip install peft"
        ) from error
    return peft
