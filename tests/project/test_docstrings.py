"""The first line of a docstring says what a thing is, with a noun or a verb; it asks nothing."""

import ast
import re
from collections.abc import Iterator

from tests.support import ROOT

ROOMS = ("edge", "gallery", "train", "export", "scripts")
ASKING = re.compile(r"(What|How|Where|When|Whether|Which|Who|Whose|Why)\b")
DOCUMENTED = (ast.Module, ast.ClassDef, ast.FunctionDef)


def first_lines() -> Iterator[tuple[str, str]]:
    """Place and first line of every docstring."""
    for room in ROOMS:
        for path in sorted((ROOT / room).rglob("*.py")):
            tree = ast.parse(path.read_text(encoding="utf-8"))
            for node in ast.walk(tree):
                text = ast.get_docstring(node) if isinstance(node, DOCUMENTED) else None
                if text:
                    line = getattr(node, "lineno", 1)
                    yield f"{path.relative_to(ROOT)}:{line}", text.splitlines()[0]


def test_no_docstring_begins_as_a_question() -> None:
    asking = [
        f"{place}: {line}"
        for place, line in first_lines()
        if ASKING.match(line) or line.endswith("?")
    ]
    assert asking == []


def test_docstrings_are_found() -> None:
    assert sum(1 for _ in first_lines()) > 1500
