"""YAML file of `name: value` lines."""

import json
import os
import re
import stat
from collections.abc import Collection, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

from edge.contract.atomic import open_atomic
from edge.contract.errors import ConfigError
from edge.contract.names import nearest
from edge.contract.tables import read_text
from edge.contract.values import shown

_MOST_BYTES = 1_000_000
_MOST_DEPTH = 20
_NOTHING = ("", "~", "null", "Null", "NULL")
"""What YAML writes where there is no value."""
_PLAIN = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.+-]*")
"""Text that needs no quotes, as far as `read_settings` is concerned, which guesses nothing."""


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


def write_settings(path: Path, changes: Mapping[str, str | None], known: Collection[str]) -> None:
    """Change some lines of a file in one step; its other lines, comments and rights stay.

    Args:
        path: the file; made if there is none.
        changes: text by name; None takes a line away.
        known: the names that there are.

    Raises:
        ConfigError: it is a link, or written so that the lines can't be changed one by one.
        OSError: it can't be written.
    """
    if path.is_symlink():
        raise ConfigError(f"{path}: is a link; expected a file: change it where it lies")
    there = path.exists()
    wanted = {**(read_settings(path, known) if there else {}), **changes}
    lines = _with(read_text(path, most_bytes=_MOST_BYTES) if there else "", changes)
    with open_atomic(path) as file:
        if there:  # before anything is in it: passwords may be
            os.fchmod(file.fileno(), stat.S_IMODE(path.stat().st_mode))
        file.write(lines.encode())
        file.flush()
        if _set_in(Path(file.name), known) != {
            name: text for name, text in wanted.items() if text is not None
        }:
            raise ConfigError(f"{path}: its lines can't be told apart; change it by hand")


def _set_in(path: Path, known: Collection[str]) -> Mapping[str, Any] | None:
    """The values of a file; None where it can't be read."""
    with suppress(ConfigError):
        found = read_settings(path, known)
        return {name: value for name, value in found.items() if value is not None}
    return None


def _with(text: str, changes: Mapping[str, str | None]) -> str:
    """A text whose lines of some names are others; those that lack come last."""
    lines, named = text.removesuffix("\n").split("\n") if text else [], dict[str, int]()
    for place, line in enumerate(lines):
        name, colon, _ = line.partition(":")
        if colon and name.strip("\"'") in changes:
            named[name.strip("\"'")] = place
    for name, value in changes.items():
        line = "" if value is None else f"{name}: {_quoted(value)}"
        if name in named:
            lines[named[name]] = line
        elif value is not None:
            lines.append(line)
    gone = {named[name] for name, value in changes.items() if value is None and name in named}
    return "".join(f"{line}\n" for place, line in enumerate(lines) if place not in gone)


def _quoted(value: str) -> str:
    if _PLAIN.fullmatch(value) and value not in _NOTHING:
        return value
    written = json.dumps(value, ensure_ascii=False)
    return "".join(c if c.isprintable() else f"\\U{ord(c):08x}" for c in written)


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
