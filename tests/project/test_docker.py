"""The container files, as far as they can be held to account without an engine."""

import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support import ROOT

FILES = sorted((ROOT / "scripts" / "docker").glob("Dockerfile*"))
HADOLINT = shutil.which("hadolint", path=str(Path(sys.executable).parent))


def test_there_is_one_for_boards_and_one_for_a_jetson() -> None:
    assert [file.name for file in FILES] == ["Dockerfile", "Dockerfile.jetson"]


@pytest.mark.parametrize("file", FILES, ids=lambda one: one.name)
@pytest.mark.skipif(HADOLINT is None, reason="hadolint is not installed here")
def test_the_linter_finds_nothing(file: Path) -> None:
    told = subprocess.run([HADOLINT, "--failure-threshold", "warning", str(file)])
    assert told.returncode == 0


@pytest.mark.parametrize("file", FILES, ids=lambda one: one.name)
def test_what_is_copied_is_there_and_not_ignored(file: Path) -> None:
    ignored = (ROOT / ".dockerignore").read_text()
    for line in re.findall(r"^COPY (?!--from)(.+)$", file.read_text(), re.MULTILINE):
        *sources, _ = line.split()
        for source in sources:
            assert (ROOT / source).exists()
            assert f"!{Path(source)}" in ignored.splitlines()


@pytest.mark.parametrize("file", FILES, ids=lambda one: one.name)
def test_it_runs_as_nobody_in_particular_and_ends_when_told(file: Path) -> None:
    text = file.read_text()
    assert re.search(r"^USER birdlisten$", text, re.MULTILINE)
    assert 'ENTRYPOINT ["tini", "--", "birdlisten"]' in text
    assert re.search(r"--groups (\S*,)?audio|--groups audio", text)
