"""Command of a bridge: settings read, ranks joined, the run's folder printed."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TypeVar

from edge.command.parser import Parser
from gallery.command import run
from train.config import add_config_flags, load_config
from train.config.bridging import BridgeConfig
from train.engine.ranks import Ranks, joined

C = TypeVar("C", bound=BridgeConfig)


def bridge_main(
    method: str,
    kind: type[C],
    bridge: Callable[[C, Ranks], Path],
    description: str | None,
    argv: Sequence[str] | None = None,
) -> int:
    """Run `python -m train.bridges METHOD [--config FILE] [key=value ...]`.

    Args:
        method: its name.
        kind: its configuration.
        bridge: trains by one, and gives the run's folder.
        description: shown by `--help`.
        argv: what follows METHOD.
    """
    parser = Parser(prog=f"python -m train.bridges {method}", description=description)
    add_config_flags(parser, kind)
    args = parser.parse_args(argv)

    def command() -> None:
        config = load_config(kind, args.config, args.overrides)
        with joined() as ranks:
            output = bridge(config, ranks)
        if ranks.first:
            print(output)

    return run(command)
