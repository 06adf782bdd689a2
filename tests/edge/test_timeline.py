import itertools

import pytest

from edge.decision.timeline import Span, Timeline

WINDOW, HOP = 120, 30


def spans(*starts: int, hop: int = HOP, sound: int = WINDOW) -> list[Span]:
    timeline = Timeline(WINDOW)
    return [timeline.add(start, start + sound, hop) for start in starts]


@pytest.mark.parametrize("hop", [1, 29, 30, 31, 119, 120])
def test_each_window_speaks_for_the_hop_in_its_middle(hop: int) -> None:
    for n, span in enumerate(spans(*range(0, 10 * hop, hop), hop=hop)):
        assert span.end_sample - span.middle_sample == hop
        assert abs(span.middle_sample + hop / 2 - (n * hop + WINDOW / 2)) <= 0.5
        assert span.start_sample == (span.middle_sample if n else 0)


@pytest.mark.parametrize("start", [0, 500])
def test_the_first_window_speaks_for_all_before_its_middle(start: int) -> None:
    first, second = spans(start, start + HOP)
    assert (first.start_sample, first.middle_sample) == (start, start + 45)
    assert first.end_sample == second.start_sample == start + 75


def test_after_a_gap_a_window_speaks_for_all_of_its_sound_again() -> None:
    before, after = spans(0, 121)
    assert before.end_sample == 75
    assert (after.start_sample, after.end_sample) == (121, 196)


def test_a_window_aligned_to_the_end_speaks_for_what_is_new() -> None:
    _, second, last = spans(0, 30, 37)
    assert (last.start_sample, last.end_sample) == (second.end_sample, second.end_sample + 7)


def test_a_window_with_little_sound_speaks_for_all_of_it() -> None:
    (short,) = spans(500, sound=13)
    assert (short.start_sample, short.end_sample, short.window_end) == (500, 513, 513)


def test_a_hop_that_narrows_at_once_leaves_every_window_something() -> None:
    timeline = Timeline(WINDOW)
    starts = [0, *range(1, 80)]
    found = [timeline.add(start, start + WINDOW, 120 if start == 0 else 1) for start in starts]
    assert all(span.start_sample < span.end_sample <= span.window_end for span in found)
    assert all(a.end_sample <= b.start_sample for a, b in itertools.pairwise(found))


@pytest.mark.parametrize(
    ("starts", "distinct"),
    [
        ([0], 1),
        ([0, 1], 1),
        ([0, 14], 1),
        ([0, 15], 2),
        ([0, 30, 60], 3),
        ([0, 30, 44], 2),
        ([0, 30, 45], 3),
        ([0, 1, 121, 122], 2),
    ],
)
def test_a_window_repeats_another_if_less_than_half_a_hop_is_new(
    starts: list[int], distinct: int
) -> None:
    timeline = Timeline(WINDOW)
    for start in starts:
        timeline.add(start, start + WINDOW, HOP)
    assert timeline.distinct == distinct
    assert (timeline.heard_to, timeline.spoken_to) == (starts[-1] + WINDOW, starts[-1] + 75)


def test_a_place_to_begin_can_lie_earlier() -> None:
    _, second = spans(0, 30)
    moved = second.earlier(10)
    assert (moved.start_sample, moved.middle_sample) == (65, 65)
    assert (moved.end_sample, moved.window_start) == (second.end_sample, 30)
