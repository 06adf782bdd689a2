"""A short form of scripts/bench/hostile.py: no hostile input ends in a traceback."""

from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, seed, settings

from edge.cli import main
from tests.support.hostile import KINDS, harmless, take_up

QUIET = list(HealthCheck)


@pytest.fixture
def take_up_here(tmp_path, monkeypatch, capfd):
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    monkeypatch.chdir(tmp_path)

    def run(hostile, expected: tuple[int, ...] = (0, 1, 2)) -> None:
        try:
            code = take_up(hostile, tmp_path / "input", main)
        except SystemExit as stop:
            code = int(stop.code or 0)
        said = capfd.readouterr()
        assert "Traceback" not in said.err
        assert code in expected

    return run


@pytest.mark.parametrize("kind", KINDS)
def test_no_hostile_input_ends_in_a_traceback(take_up_here, kind: str) -> None:
    inputs = settings(max_examples=8, database=None, deadline=None, suppress_health_check=QUIET)

    @seed(0)
    @inputs
    @given(KINDS[kind]())
    def each(hostile) -> None:
        take_up_here(hostile)

    each()
    assert not list(Path().rglob("pwned"))


def test_what_is_harmless_is_heard(take_up_here) -> None:
    take_up_here(harmless, expected=(0,))
