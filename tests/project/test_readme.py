import os
import re
import shutil
import subprocess
import sys

import pytest

from edge.config import DEMO_BUNDLE, PACKAGED_BUNDLE
from edge.contract.bundle import load_bundle
from tests.support import ROOT

README = (ROOT / "README.md").read_text(encoding="utf-8")
WORKSHOP = (ROOT / "train" / "README.md").read_text(encoding="utf-8")
GALLERY = (ROOT / "gallery" / "README.md").read_text(encoding="utf-8")
MODULES = sorted(
    set(re.findall(r"python -m ((?:train|export|gallery)(?:\.\w+)+)", README + WORKSHOP + GALLERY))
)
PAGES = (
    *("README.md", "CONTRIBUTING.md", "CHANGELOG.md", "edge/architecture.md", "edge/field.md"),
    *("train/README.md", "train/architecture.md", "gallery/README.md", "export/ears/README.md"),
)
LINKS = [
    (page, target)
    for page in PAGES
    for target in sorted(
        set(re.findall(r"\]\(([^)#]+)\)", (ROOT / page).read_text(encoding="utf-8")))
    )
    if "://" not in target
]
COMMANDS = sorted(set(re.findall(r"^birdlisten (\w+) ", README, re.MULTILINE)))


def test_the_two_commands_and_the_four_steps_are_there():
    for command in ("./scripts/listen", "./scripts/test"):
        assert command in README
        assert (ROOT / command).stat().st_mode & 0o111
    steps = ["python -m train.distill", "python -m export.onnx", "python -m gallery.build"]
    places = [WORKSHOP.index(step) for step in [*steps, "birdlisten --bundle mybirds --device 0"]]
    assert places == sorted(places)


def test_readme_says_which_bundle_is_synthetic():
    assert "will not recognise a real bird" in README


@pytest.mark.parametrize("module", MODULES)
def test_every_module_named_has_help(module):
    pytest.importorskip("torch")
    command = [sys.executable, "-m", module, "--help"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0
    assert f"usage: python -m {module}" in done.stdout


@pytest.mark.parametrize("command", [*COMMANDS, "devices", "demo"])
def test_every_birdlisten_command_named_has_help(command):
    done = subprocess.run(
        [sys.executable, "-m", "edge", command, "--help"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert done.returncode == 0
    assert command in done.stdout


@pytest.mark.parametrize(("page", "target"), LINKS)
def test_every_link_leads_somewhere(page, target):
    assert ((ROOT / page).parent / target).exists()


def test_the_packages_of_the_system_come_before_the_first_command():
    assert README.index("libportaudio2") < README.index("./scripts/listen")


@pytest.mark.parametrize("bundle", [PACKAGED_BUNDLE, DEMO_BUNDLE], ids=["starter", "aviary"])
def test_the_species_are_listed(bundle):
    page = (ROOT / "edge" / "species.md").read_text(encoding="utf-8")
    loaded = load_bundle(bundle)
    known = loaded.taxonomy.by_id()
    listened = loaded.species_ids(loaded.manifest.default_species_set)
    assert all(f"*{known[species].scientific_name}*" in page for species in listened)


def test_every_room_of_the_first_level_is_named():
    rooms = [
        path.name
        for package in ("edge", "gallery", "train", "export")
        for path in (ROOT / package).iterdir()
        if path.is_dir() and path.name != "__pycache__" and any(path.iterdir())
    ]
    assert [room for room in rooms if f"`{room}/`" not in README] == []


def test_birdlisten_can_be_put_on_the_path(tmp_path):
    """In a clone whose environment is there already."""
    clone, home = tmp_path / "clone", tmp_path / "home"
    shutil.copytree(ROOT / "scripts", clone / "scripts", ignore=shutil.ignore_patterns("bench"))
    (clone / ".venv" / "bin").mkdir(parents=True)
    for name in ("pip", "python", "birdlisten"):
        (clone / ".venv" / "bin" / name).symlink_to(sys.executable)
    command = [clone / "scripts" / "listen", "install"]
    environment = {"HOME": str(home), "PATH": os.environ["PATH"]}
    done = subprocess.run(command, env=environment, capture_output=True, text=True)
    link = home / ".local" / "bin" / "birdlisten"
    assert done.returncode == 0, done.stderr
    assert link.readlink() == clone / ".venv" / "bin" / "birdlisten"
    assert "not on your PATH yet" in done.stderr
    link.unlink()
    link.write_text("somebody's own")
    again = subprocess.run(command, env=environment, capture_output=True, text=True)
    assert again.returncode == 1
    assert link.read_text() == "somebody's own"


def test_the_version_is_written_once():
    version = re.search(r'^version = "([^"]+)"', (ROOT / "pyproject.toml").read_text(), re.M)
    done = subprocess.run(
        [sys.executable, "-m", "edge", "--version"], cwd=ROOT, capture_output=True, text=True
    )
    assert done.stdout.strip() == f"birdlisten {version.group(1)}"
    sources = [p for folder in ("edge", "gallery", "train", "export") for p in
               (ROOT / folder).rglob("*.py")]  # fmt: skip
    written = re.compile("^__version__", re.MULTILINE)
    assert not any(written.search(source.read_text(encoding="utf-8")) for source in sources)
