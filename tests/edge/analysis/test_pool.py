"""A pool whose processes die: one recording is lost, and named; the others are heard."""

import logging
import os
from pathlib import Path

import pytest

from edge.analysis.pool import PoolJob, WorkerPool
from edge.analysis.recording_file import RecordingFile
from edge.config import Settings
from edge.contract.errors import ConfigError
from tests.support import ROOT

WORKER = "tests.support.dying_worker"


@pytest.fixture(autouse=True)
def _found_by_its_children(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PYTHONPATH", str(ROOT))


def files(*names: str) -> list[RecordingFile]:
    return [RecordingFile(Path(name), name, None, None) for name in names]


@pytest.mark.parametrize("count", [1, 3])
def test_a_process_that_dies_takes_one_recording_with_it(count: int) -> None:
    given = files("a", "kill", "b", "exit", "c", "kill", "d")
    with WorkerPool(PoolJob(WORKER, Settings(), logging.INFO), count) as pool:
        found = list(pool.analyses(given))
    assert [file for file, _ in found] == given
    faults = [analysis.fault for _, analysis in found]
    assert [fault is None for fault in faults] == [True, False, True, False, True, False, True]
    assert "kill: the process that heard it died (signal 9)" in str(faults[1])
    assert "exit: the process that heard it died (status 3)" in str(faults[3])


def test_a_worker_that_cant_begin_says_why() -> None:
    with (
        WorkerPool(PoolJob(WORKER, Settings(input="refuse"), logging.INFO), 2) as pool,
        pytest.raises(ConfigError, match="no such species"),
    ):
        list(pool.analyses(files("a", "b")))


def test_an_error_in_the_middle_leaves_no_process_behind() -> None:
    with WorkerPool(PoolJob(WORKER, Settings(), logging.INFO), 2) as pool:
        (file, _) = next(pool.analyses(files("a", "sleep", "sleep")))
    assert file.source == "a"
    children = Path(f"/proc/{os.getpid()}/task/{os.getpid()}/children").read_text().split()
    commands = [Path(f"/proc/{child}/cmdline").read_bytes() for child in children]
    assert not [command for command in commands if b"dying_worker" in command]
