import itertools
from dataclasses import replace

import numpy as np
import pytest

from edge.contract.audio_spec import AudioSpec
from edge.decision.confirm import Confirmed, Confirmer, Hit
from edge.source.framing import frame_waveform

WINDOW, HOP = 120, 30
SPEC = AudioSpec(48_000, WINDOW, HOP)


def confirmer(hop: int = HOP) -> Confirmer[str]:
    return Confirmer(replace(SPEC, hop_samples=hop))


def hit(start: int, confidence: float = 0.9) -> Hit[str]:
    return Hit(start, confidence, f"window at {start}")


def begin(window: int, hop: int = HOP) -> int:
    """The sample from which on a window speaks; the first one speaks for the rim, too."""
    return window * hop + (WINDOW - hop) // 2 if window else 0


def end(window: int, hop: int = HOP) -> int:
    """The sample up to which a window speaks."""
    return window * hop + (WINDOW - hop) // 2 + hop


def extent(confirmer: Confirmer[str], species: int) -> Confirmed[str] | None:
    return next(iter(confirmer.extents([species])), None)


def hear(confirmer: Confirmer[str], passes: dict[int, str], hop: int = HOP) -> list[Confirmed[str]]:
    """Feed windows; `passes` gives for each species which windows pass, as in "..x.x"."""
    found = []
    for n in range(max(map(len, passes.values()))):
        names = {s: marks[n : n + 1] for s, marks in passes.items()}
        found += confirmer.update(
            n * hop, {s: hit(n * hop) for s, mark in names.items() if mark == "x"}
        )
    return found


@pytest.mark.parametrize(
    ("hop", "needed"), [(120, 1), (119, 1), (60, 1), (59, 2), (40, 2), (30, 2), (24, 3), (12, 5)]
)
def test_hits_needed_are_half_of_the_windows_that_hold_one_instant(hop: int, needed: int) -> None:
    assert hear(confirmer(hop), {7: "x" * (needed - 1) + "."}, hop) == []
    (found,) = hear(confirmer(hop), {7: "x" * needed}, hop)
    assert (found.species, found.hits, found.hits_needed) == (7, needed, needed)
    assert (found.start_sample, found.end_sample) == (0, end(needed - 1, hop))


@pytest.mark.parametrize("windows", [1, 2, 3, 5])
def test_a_source_with_few_windows_needs_a_hit_in_each_and_no_more(windows: int) -> None:
    one = confirmer(12)
    assert hear(one, {3: "x" * windows}, 12) == [] or windows == 5
    found = one.finish()
    if windows < 5:
        assert [(c.species, c.hits, c.hits_needed) for c in found] == [(3, windows, windows)]
    else:
        assert found == []


def test_one_miss_in_a_short_source_confirms_nothing() -> None:
    one = confirmer(12)
    hear(one, {3: "x.x"}, 12)
    assert one.finish() == []


def test_an_empty_source_confirms_nothing() -> None:
    assert confirmer().finish() == []


@pytest.mark.parametrize("gap", range(8))
def test_hits_count_together_only_within_a_windows_length(gap: int) -> None:
    found = hear(confirmer(), {1: "x" + "." * gap + "x"})
    assert (len(found) == 1) == ((gap + 1) * HOP < WINDOW)


def test_consecutive_windows_merge_into_one_record() -> None:
    one = confirmer()
    assert len(hear(one, {1: "xxxx.x..xxx"})) == 1
    going_on = extent(one, 1)
    assert going_on is not None
    assert (going_on.start_sample, going_on.end_sample) == (0, end(10))
    assert going_on.hits == 8


def test_a_run_ends_after_a_windows_length_and_a_new_one_is_a_new_record() -> None:
    found = hear(confirmer(), {1: "xx" + "." * 4 + "xx"})
    assert [(c.start_sample, c.hits) for c in found] == [(0, 2), (begin(6), 2)]


def test_an_ended_run_has_no_extent() -> None:
    one = confirmer()
    hear(one, {1: "xx...."})
    assert extent(one, 1) is None
    assert extent(one, 99) is None


def test_two_species_at_once_are_confirmed_independently() -> None:
    passes = {1: "xx....", 2: ".x.x.x"}
    together = hear(confirmer(), passes)
    alone = [c for s, marks in passes.items() for c in hear(confirmer(), {s: marks})]
    assert sorted(together, key=str) == sorted(alone, key=str)
    assert {c.species for c in together} == {1, 2}


def test_every_pattern_agrees_with_the_plain_definition() -> None:
    """A record: the first time two hits lie less than a window apart since the last silence."""
    for marks in itertools.product(".x", repeat=9):
        hits = [n * HOP for n, mark in enumerate(marks) if mark == "x"]
        expected, last, reported = [], None, False
        for start in hits:
            near = last is not None and start - last < WINDOW
            if near and not reported:
                expected.append(begin(last // HOP))
            reported = near
            last = start
        found = hear(confirmer(), {5: "".join(marks)})
        assert [c.start_sample for c in found] == expected, "".join(marks)


def test_the_best_window_is_the_evidence() -> None:
    one = confirmer()
    one.update(0, {1: hit(0, 0.95)})
    (found,) = one.update(HOP, {1: hit(HOP, 0.6)})
    assert found.best.evidence == "window at 0"


def test_a_run_of_a_day_keeps_bounded_memory() -> None:
    one = confirmer()
    for n in range(20_000):
        one.update(n * HOP, {1: hit(n * HOP)})
    held = [heard for run in one._runs.values() for heard in run.heard]
    assert len(held) <= 4
    lasting = extent(one, 1)
    assert lasting is not None
    assert lasting.hits == 20_000


def test_hits_too_rare_to_confirm_keep_bounded_memory() -> None:
    one = confirmer(1)
    for n in range(5_000):
        one.update(n, {1: hit(n)} if n % 3 == 0 else {})
    assert sum(len(run.heard) for run in one._runs.values()) <= WINDOW


NEAR = "~"


def hear_near(confirmer: Confirmer[str], marks: str) -> list[Confirmed[str]]:
    """Like `hear`, of species 1; "~" is near to a hit."""
    found = []
    for n, mark in enumerate(marks):
        start = n * HOP
        passed = {1: hit(start)} if mark == "x" else {}
        found += confirmer.update(start, passed, [1] if mark == NEAR else [])
    return found


@pytest.mark.parametrize(
    ("marks", "begins", "ends"),
    [
        ("..xx....", 2, 3),
        (".~xx~..", 1, 4),
        ("~.xx.~..", 2, 3),
        (".~xx~~~", 1, 6),
        ("~~~~~~xx", 3, 7),
        (".xx~.x..", 1, 5),
    ],
)
def test_a_record_lasts_as_long_as_the_species_was_near(marks, begins, ends) -> None:
    one = confirmer()
    (found,) = hear_near(one, marks)
    run = extent(one, 1) or found
    assert found.start_sample == begin(begins)
    assert run.end_sample == end(ends)
    assert run.hits == marks.count("x")


def test_what_is_only_near_is_never_confirmed() -> None:
    one = confirmer()
    assert hear_near(one, NEAR * 20) == []
    assert hear_near(one, "x" + NEAR * 20) == []
    assert one.finish() == []
    assert [failed.hits for failed in one.take_failed()] == [1]


@pytest.mark.parametrize(("marks", "confirmed"), [("x.x.x", 1), ("x.x..x", 0), ("x..x.x", 0)])
def test_the_first_of_three_hits_counts_less_than_a_window_before_the_last(marks, confirmed):
    assert len(hear(confirmer(24), {1: marks}, 24)) == confirmed


def test_a_hit_that_comes_near_again_prolongs_a_record_from_then_on() -> None:
    again = confirmer()
    (found,) = hear_near(again, "xx..x~~.")
    assert found.start_sample == 0
    run = extent(again, 1)
    assert run is not None
    assert (run.end_sample, run.hits) == (end(6), 3)


def test_after_the_end_of_a_source_the_next_is_counted_afresh() -> None:
    both = confirmer(12)
    for _ in range(2):
        assert hear(both, {3: "xx"}, 12) == []
        assert [(found.hits, found.hits_needed) for found in both.finish()] == [(2, 2)]
        assert both.extents([3]) == []
        assert both.take_failed() == []


def hear_file(samples: int, passes: str = "xxxxxxxx") -> tuple[Confirmer[str], list]:
    """Windows of a file as framing has them: a hop apart, the last one aligned to the end."""
    windows, one, found = (
        frame_waveform(np.zeros(samples, np.float32), 48_000, SPEC),
        confirmer(),
        [],
    )
    for window, mark in zip(windows, passes, strict=False):
        passed = {1: hit(window.start_sample)} if mark == "x" else {}
        found += one.update(window.start_sample, passed, [1] * len(passed), window.end_sample)
    return one, found


@pytest.mark.parametrize(
    ("samples", "hits"),
    [
        (1, 1),
        (119, 1),
        (120, 1),
        (121, 1),
        (134, 1),
        (135, 2),
        (149, 2),
        (150, 2),
        (164, 2),
        (165, 3),
    ],
)
def test_a_window_at_the_end_counts_only_with_half_a_hop_of_new_sound(
    samples: int, hits: int
) -> None:
    one, found = hear_file(samples)
    found = [*one.lasting(), *one.finish()] or found
    assert [(run.hits, run.hits_needed) for run in found] == [(hits, min(hits, 2))]
    assert (found[-1].start_sample, found[-1].end_sample) == (0, samples)


def test_a_repeated_window_alone_is_one_hit() -> None:
    one, found = hear_file(151, "..x")
    assert found == one.finish() == []
    assert [(run.hits, run.hits_needed) for run in one.take_failed()] == [(1, 2)]


def test_a_repeated_window_prolongs_a_record() -> None:
    one = confirmer()
    one.update(0, {1: hit(0)})
    (found,) = one.update(30, {1: hit(30)})
    assert one.update(31, {1: hit(31)}) == []
    (run,) = one.extents([1])
    assert (run.hits, run.end_sample) == (found.hits, found.end_sample + 1)


def test_a_repeated_window_may_be_the_best() -> None:
    one = confirmer()
    one.update(0, {1: hit(0)})
    one.update(1, {1: hit(1, 0.99)})
    (found,) = one.finish()
    assert found.best.evidence == "window at 1"


def test_a_piece_between_gaps_is_one_hit_however_it_is_cut() -> None:
    one = confirmer()
    for start in (0, 1, 500, 501):
        assert one.update(start, {1: hit(start)}) == []
    assert [(run.hits, run.hits_needed) for run in one.take_failed()] == [(1, 2)]


def hop_of(confirmer: Confirmer[str], hop: int) -> None:
    confirmer.hop(replace(SPEC, hop_samples=hop))


@pytest.mark.parametrize("wide", [24, 30, 60, 120])
def test_a_run_that_a_wider_hop_cuts_short_is_judged_by_its_own(wide: int) -> None:
    one = confirmer(12)
    assert hear(one, {1: "xxxx"}, 12) == []
    hop_of(one, wide)
    assert one.update(36 + wide, {}) == []
    assert one.update(500, {}) == []
    assert [(run.hits, run.hits_needed) for run in one.take_failed()] == [(4, 5)]


def test_hits_of_two_hops_are_judged_by_their_mean() -> None:
    one = confirmer(12)
    assert hear(one, {1: "xx"}, 12) == []
    hop_of(one, 30)
    assert one.update(42, {1: hit(42)}) == []  # hops of 18 on an average: 4 of 7 are needed
    (found,) = one.update(72, {1: hit(72)})  # of 21: 3 of 6
    assert (found.hits, found.hits_needed) == (4, 3)


def test_a_species_that_stays_near_between_two_songs_has_two_records_in_a_row() -> None:
    one = confirmer()
    first, second = hear_near(one, "xx~~~~xx")
    assert (first.start_sample, second.start_sample) == (0, end(4))
    (going_on,) = one.lasting()
    assert (going_on.start_sample, going_on.end_sample) == (end(4), 7 * HOP + WINDOW)


def test_nothing_before_a_gap_begins_a_record_after_it() -> None:
    one = confirmer()
    one.update(0, {}, [1])
    one.update(121, {1: hit(121)}, [1])
    (found,) = one.update(151, {1: hit(151)}, [1])
    assert found.start_sample == 121
