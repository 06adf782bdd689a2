"""Commands of bridges: settings read, ranks joined, the run's folder printed; figures told."""

import json
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, TypeVar

from edge.command.parser import Parser
from edge.contract.atomic import write_atomic
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


def figures_parser(method: str, description: str | None) -> Parser:
    """Parser of a command that judges a localisation, alone or against another."""
    parser = Parser(prog=f"python -m train.bridges {method}", description=description)
    parser.add_argument("run", type=Path, help="folder of train.bridges localise")
    parser.add_argument("--against", type=Path, metavar="RUN", help="another, to be compared with")
    parser.add_argument("--output", type=Path, metavar="FILE", help="JSON; default: stdout")
    parser.add_argument("--page", type=Path, metavar="FILE", help="PNG of maps")
    return parser


def write_figures(table: Mapping[str, Any], output: Path | None) -> None:
    """A table as JSON, into a file or on stdout."""
    text = json.dumps(table, indent=2) + "\n"
    if output:
        write_atomic(output, text.encode())
    else:
        sys.stdout.write(text)
