"""Rules of the house that a machine can check; CONTRIBUTING.md says them in words."""

import ast
import re
from collections import Counter
from collections.abc import Iterator
from functools import cache
from pathlib import Path

from tests.support import ROOT

PRODUCT = ("edge", "gallery", "train", "export")
DOCUMENTED = (ast.Module, ast.ClassDef, ast.FunctionDef)
FUNCTIONS = (ast.FunctionDef, ast.AsyncFunctionDef, ast.Lambda)
ASKING = re.compile(r"(What|How|Where|When|Whether|Which|Who|Whose|Why)\b")
MOST_LINES, MOST_ONES, MOST_NAMELESS = 300, 60, 10
NAMELESS = 5
"""So many arguments a call names, or says why not: those of other libraries can't."""


@cache
def trees(*packages: str) -> dict[Path, ast.Module]:
    return {
        path: ast.parse(path.read_text(encoding="utf-8"))
        for package in packages
        for path in sorted((ROOT / package).rglob("*.py"))
    }


def nodes(*packages: str) -> Iterator[tuple[str, ast.AST]]:
    """Every node with its place."""
    for path, tree in trees(*packages).items():
        for node in ast.walk(tree):
            yield f"{path.relative_to(ROOT)}:{getattr(node, 'lineno', 1)}", node


def first_lines() -> Iterator[tuple[str, str]]:
    """Place and first line of every docstring."""
    for place, node in nodes(*PRODUCT, "scripts"):
        text = ast.get_docstring(node) if isinstance(node, DOCUMENTED) else None
        if text:
            yield place, text.splitlines()[0]


def binds(node: ast.AST, name: str) -> bool:
    if isinstance(node, ast.arg):
        return node.arg == name
    return isinstance(node, ast.Name) and node.id == name and isinstance(node.ctx, ast.Store)


def test_no_docstring_begins_as_a_question() -> None:
    asking = [
        f"{place}: {line}"
        for place, line in first_lines()
        if ASKING.match(line) or line.endswith("?")
    ]
    assert asking == []


def test_docstrings_are_found() -> None:
    assert sum(1 for _ in first_lines()) > 1500


def test_a_loop_variable_names_its_thing() -> None:
    assert sum(binds(node, "one") for _, node in nodes(*PRODUCT)) <= MOST_ONES
    twice = [
        place
        for place, node in nodes(*PRODUCT)
        if isinstance(node, FUNCTIONS) and sum(binds(part, "one") for part in ast.walk(node)) > 1
    ]
    assert twice == []


def test_a_class_has_a_name_of_its_own() -> None:
    count = Counter(node.name for _, node in nodes(*PRODUCT) if isinstance(node, ast.ClassDef))
    assert [name for name, times in count.items() if times > 1] == []


def test_a_module_is_read_in_one_go() -> None:
    files = [*trees(*PRODUCT)]
    long = [path for path in files if len(path.read_text().splitlines()) > MOST_LINES]
    assert long == []


def test_calls_with_many_arguments_name_them() -> None:
    nameless = [
        place
        for place, node in nodes(*PRODUCT)
        if isinstance(node, ast.Call)
        and sum(not isinstance(argument, ast.Starred) for argument in node.args) >= NAMELESS
    ]
    assert len(nameless) <= MOST_NAMELESS, nameless
