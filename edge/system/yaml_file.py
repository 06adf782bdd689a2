"""YAML file of `name: value` lines."""

from collections.abc import Collection
from pathlib import Path
from typing import Any

from edge.contract.errors import ConfigError
from edge.contract.names import nearest
from edge.contract.tables import read_text
from edge.contract.values import shown

_MOST_BYTES = 1_000_000
_MOST_DEPTH = 20
_NOTHING = ("", "~", "null", "Null", "NULL")
"""What YAML writes where there is no value."""


def read_settings(path: Path, known: Collection[str]) -> dict[str, Any]:
    """Read `name: value` lines as they are written: text, lists of text, or None.

    Nothing is guessed of a value: `no`, 010 and 2026-05-01 stay what they look like.

    Raises:
        ConfigError: unreadable, not such lines, or an unknown name.
    """
    import yaml

    return {
        name: None if value in _NOTHING else value
        for name, value in _table(path, yaml.BaseLoader, known).items()
    }


def read_yaml(path: Path, known: Collection[str] | None = None) -> dict[str, Any]:
    """Read `name: value` lines; an empty file is an empty table.

    Args:
        path: the file.
        known: the names that there are; None takes any.

    Raises:
        ConfigError: unreadable, not such lines, or an unknown name.
    """
    import yaml

    return _table(path, yaml.SafeLoader, known)


def _table(path: Path, loader: Any, known: Collection[str] | None) -> dict[str, Any]:
    import yaml

    try:
        text = read_text(path, most_bytes=_MOST_BYTES)
        _check_depth(text, path)
        content = yaml.load(text, loader) or {}
    except (ValueError, RecursionError, yaml.YAMLError) as error:
        if isinstance(error, ConfigError):
            raise
        raise ConfigError(f"{path}: not readable as YAML ({_problem(error)})") from error
    if not isinstance(content, dict):
        raise ConfigError(f"{path}: expected `name: value` lines, found {shown(content)}")
    for key in content:
        if known is not None and key not in known:
            raise ConfigError(f"{path}: unknown key {key!r}{nearest(str(key), known)}")
    return content


def _check_depth(text: str, path: Path) -> None:
    """Refuse nesting that no setting needs, and that takes the reader seconds."""
    import yaml

    depth = 0
    for event in yaml.parse(text):
        depth += isinstance(event, yaml.CollectionStartEvent)
        depth -= isinstance(event, yaml.CollectionEndEvent)
        if depth > _MOST_DEPTH:
            problem = f"nested more than {_MOST_DEPTH} deep; expected plain lines"
            raise ConfigError(f"{path}: not readable as YAML ({problem})")


def _problem(error: Exception) -> str:
    """Line and trouble, as YAML tells them."""
    mark, problem = getattr(error, "problem_mark", None), getattr(error, "problem", None)
    return f"line {mark.line + 1}: {problem}" if mark and problem else str(error).splitlines()[0]
