"""Reading of settings: dataclass defaults < YAML file < key=value on the command line."""

import argparse
from collections.abc import Mapping, Sequence
from dataclasses import asdict, fields
from pathlib import Path
from typing import Any, TypeVar, get_type_hints

import yaml

from edge.contract.errors import ConfigError
from edge.contract.names import nearest
from edge.system.yaml_file import read_yaml
from train.config.listing import listing

C = TypeVar("C")
_FORMER = {
    "background": "background_prob",
    "backgrounds": "extra_backgrounds",
    "big": "large_student",
    "big_weight": "large_student_weight",
    "keep_every": "snapshot_every",
}
"""Settings that had another name; files and checkpoints of then are still read."""


def add_config_flags(parser: argparse.ArgumentParser, kind: type[Any]) -> None:
    """Add `--config FILE` and `key=value ...`; `--help` lists the settings of a configuration."""
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.epilog = listing(kind)
    parser.add_argument("--config", type=Path, help="YAML file of settings")
    parser.add_argument("overrides", nargs="*", metavar="KEY=VALUE", help="single settings")


def load_config(kind: type[C], file: Path | None, overrides: Sequence[str]) -> C:
    """Build a configuration.

    Raises:
        ConfigError: an unknown key, a value of another type, or an unreadable file.
    """
    values = read_yaml(file) if file else {}
    if file and not values:
        raise ConfigError(f"{file}: expected `name: value` lines, found none")
    for text in overrides:
        name, equals, value = text.partition("=")
        if not equals:
            raise ConfigError(f"{text!r}: expected key=value")
        values[name] = _parse(text, value)
    hints = get_type_hints(kind)
    values = renamed(values)
    for name in values:
        if name not in hints:
            raise ConfigError(f"unknown setting {name!r}{nearest(str(name), hints)}")
    return kind(**{name: _convert(name, value, hints[name]) for name, value in values.items()})


def renamed(values: Mapping[str, Any]) -> dict[str, Any]:
    """Settings by their names of today."""
    found = {_FORMER.get(name, name): value for name, value in values.items()}
    if found.get("loss") == "kin_softmax":
        found["loss"] = "hierarchical_softmax"
    return found


def defaults(kind: type[Any]) -> dict[str, Any]:
    """Defaults of a configuration by name, in order."""
    return {field.name: field.default for field in fields(kind)}


def to_dict(config: Any) -> dict[str, Any]:
    """A configuration as JSON-ready values, in order."""
    return {field.name: asdict(config)[field.name] for field in fields(config)}


def _parse(text: str, value: str) -> Any:
    try:
        return yaml.safe_load(value)
    except yaml.YAMLError as error:
        raise ConfigError(f"{text!r}: not a YAML value") from error


def _convert(name: str, value: Any, hint: Any) -> Any:
    try:
        if hint is bool and not isinstance(value, bool):
            raise ValueError(value)
        if hint is int and value != int(value):
            raise ValueError(value)
        if hint in (bool, int, float, str):
            return hint(value if value is not None else "")
        return tuple(value.split(",") if isinstance(value, str) else value)
    except (OverflowError, TypeError, ValueError) as error:
        raise ConfigError(f"{name}: {value!r} is not a {hint}") from error
