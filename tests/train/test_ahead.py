"""Batches drawn ahead are those that would be drawn without it, before and after a crash."""

import pytest

torch = pytest.importorskip("torch")
from train.sound.ahead import Ahead  # noqa: E402


def drawing(seed: int = 0):
    """Two generators, and a batch of both."""
    generators = [torch.Generator().manual_seed(seed + n) for n in range(2)]
    return generators, lambda: [torch.rand(3, generator=one).tolist() for one in generators]


def test_batches_come_as_without_it():
    generators, make = drawing()
    ahead, expected = Ahead(make, generators), drawing()[1]
    assert [ahead() for _ in range(5)] == [expected() for _ in range(5)]


def test_a_snapshot_does_not_know_of_the_batch_that_waits():
    generators, make = drawing()
    ahead = Ahead(make, generators)
    before = [ahead() for _ in range(3)]
    states = [stand_in.get_state() for stand_in in ahead.generators]
    after = [ahead() for _ in range(3)]
    others, remake = drawing(7)
    resumed = Ahead(remake, others)
    for stand_in, state in zip(resumed.generators, states, strict=True):
        stand_in.set_state(state)
    assert [resumed() for _ in range(3)] == after
    assert before[0] not in after
    for stand_in, state in zip(ahead.generators, states, strict=True):
        stand_in.set_state(state)  # one that has begun forgets what waits
    assert [ahead() for _ in range(3)] == after


def test_a_generator_that_is_put_back_leaves_the_others_where_they_were():
    generators, make = drawing()
    ahead = Ahead(make, generators)
    start = ahead.generators[0].get_state()
    first = ahead()
    ahead.generators[0].set_state(start)
    expected = drawing()[1]
    expected()
    assert ahead() == [first[0], expected()[1]]


def test_what_goes_wrong_in_the_thread_is_told():
    def refuse():
        raise ValueError("no batch")

    with pytest.raises(ValueError, match="no batch"):
        Ahead(refuse, ())()
