"""Progress where there is no terminal: a line a minute."""

import logging

import pytest

pytest.importorskip("tqdm")
from train.engine import progress as module
from train.engine.progress import progress


def test_a_log_gets_lines_that_say_how_far_and_how_long_still(caplog, monkeypatch):
    monkeypatch.setattr(module, "_LOGGED_S", 0.0)
    with caplog.at_level(logging.INFO, module.__name__):
        for _ in (bar := progress(range(2, 4), "distil", 4, initial=2)):
            bar.set_postfix(loss="1.5", refresh=False)
    assert "distil: 4 of 4" in caplog.messages[-1]
    assert "loss=1.5" in caplog.messages[-1]
    assert all("\r" not in line for line in caplog.messages)


@pytest.mark.parametrize("shown", [True, False])
def test_short_work_and_other_ranks_say_nothing(caplog, capsys, shown):
    with caplog.at_level(logging.INFO, module.__name__):
        assert list(progress(range(3), "decode", 3, shown=shown)) == [0, 1, 2]
    assert caplog.messages == []
    assert capsys.readouterr().err == ""
