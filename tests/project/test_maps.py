"""The maps of the house lead somewhere: every path and every name on them exists."""

import ast
import re

import pytest

from tests.support import ROOT

MAPS = ("edge/architecture.md", "train/architecture.md", "CONTRIBUTING.md")
PLACE = re.compile(r"`((?:edge|gallery|train|export|tests|scripts)/[\w/.]*\w)(?::([\w.]+))?`")
LONGEST = 120


def places(page):
    return PLACE.findall((ROOT / page).read_text(encoding="utf-8"))


def defined(path):
    """Names of a module: functions, classes, `Class.method`."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    named = (ast.FunctionDef, ast.ClassDef)
    top = [node for node in tree.body if isinstance(node, named)]
    methods = {
        f"{node.name}.{method.name}"
        for node in top
        if isinstance(node, ast.ClassDef)
        for method in node.body
        if isinstance(method, named)
    }
    return {node.name for node in top} | methods


@pytest.mark.parametrize("page", MAPS)
def test_every_path_on_a_map_exists(page):
    found = places(page)
    assert found
    assert [path for path, _ in found if not (ROOT / path).exists()] == []


@pytest.mark.parametrize("page", MAPS)
def test_every_name_on_a_map_is_defined_where_it_says(page):
    named = [(path, name) for path, name in places(page) if name]
    assert [(path, name) for path, name in named if name not in defined(ROOT / path)] == []


@pytest.mark.parametrize("page", MAPS)
def test_a_map_fits_on_a_wall(page):
    assert len((ROOT / page).read_text(encoding="utf-8").splitlines()) <= LONGEST


@pytest.mark.parametrize("package", ["edge", "train"])
def test_every_room_is_on_its_map(package):
    page = (ROOT / package / "architecture.md").read_text(encoding="utf-8")
    rooms = [
        path.relative_to(ROOT).as_posix()
        for path in (ROOT / package).iterdir()
        if path.is_dir() and any(path.glob("*.py"))
    ]
    assert [room for room in rooms if f"`{room}" not in page] == []
