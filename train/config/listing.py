"""Listing of all settings, for `--help`: what the dataclasses say of themselves."""

import ast
import inspect
import re
from collections.abc import Iterator
from dataclasses import fields
from itertools import pairwise
from textwrap import dedent, shorten
from typing import Any

_COLUMN, _WIDTH = 34, 120


def listing(kind: type[Any]) -> str:
    """A line a setting: `name=default` and the first sentence of its docstring.

    Args:
        kind: a configuration; what it inherits is listed, too.
    """
    told = documented(kind)
    lines = [
        f"  {f'{field.name}={_shown(field.default)}':{_COLUMN}} {_sentence(told[field.name])}"
        for field in fields(kind)
    ]
    return "\n".join(["settings and their defaults:", *lines])


def documented(kind: type[Any]) -> dict[str, str]:
    """Docstrings of a configuration's settings by name; the innermost class' counts."""
    found: dict[str, str] = {}
    for base in reversed(kind.__mro__[:-1]):
        found |= dict(_docstrings(base))
    return found


def _docstrings(kind: type[Any]) -> Iterator[tuple[str, str]]:
    """Of the fields that a class itself has: strings that follow an annotated name."""
    body = ast.parse(dedent(inspect.getsource(kind))).body[0].body  # type: ignore[attr-defined]
    for field, after in pairwise(body):
        text = getattr(getattr(after, "value", None), "value", None)
        if isinstance(field, ast.AnnAssign) and isinstance(text, str):
            assert isinstance(field.target, ast.Name)
            yield field.target.id, " ".join(text.split())


def _sentence(text: str) -> str:
    return shorten(re.split(r"(?<=\.)\s", text, maxsplit=1)[0], _WIDTH, placeholder=" ...")


def _shown(default: Any) -> str:
    """As the command line takes it."""
    if isinstance(default, tuple):
        return ",".join(map(str, default))
    return str(default).lower() if isinstance(default, bool) else str(default)
