import re
import subprocess
import sys

import pytest

from tests.support import ROOT

README = (ROOT / "README.md").read_text(encoding="utf-8")
MODULES = sorted(set(re.findall(r"python -m ((?:train|export|gallery)(?:\.\w+)+)", README)))
COMMANDS = sorted(set(re.findall(r"^birdlisten (\w+) ", README, re.MULTILINE)))


def test_the_two_commands_and_the_four_steps_are_there():
    for command in ("./scripts/listen", "./scripts/test"):
        assert command in README
        assert (ROOT / command).stat().st_mode & 0o111
    steps = ["python -m train.distill", "python -m export.onnx", "python -m gallery.build"]
    places = [README.index(step) for step in [*steps, "birdlisten --bundle mybirds --device 0"]]
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


@pytest.mark.parametrize("target", sorted(set(re.findall(r"\]\(([^)#]+)\)", README))))
def test_every_link_leads_somewhere(target):
    assert (ROOT / target).exists()


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
