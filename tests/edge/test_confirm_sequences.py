"""Laws of confirmation over random windows: hops that vary, gaps, ends, short pieces."""

from dataclasses import dataclass, field, replace

import numpy as np
import pytest

from edge.contract.audio_spec import AudioSpec
from edge.contract.caution import hits_needed
from edge.decision.confirm import Confirmed, Confirmer, Hit
from edge.source.block import Block
from edge.source.framing import Window, frame_blocks

SPECIES = 0
SEQUENCES = 1500


@dataclass
class Sequence:
    """A source with its windows, in which some pass or come near, and its outcome."""

    spec: AudioSpec
    caution: int
    windows: list[Window]
    length: int
    passed: list[Window] = field(default_factory=list)
    reported: list[Confirmed[int]] = field(default_factory=list)
    failed: list[Confirmed[int]] = field(default_factory=list)


def windows_of(random: np.random.Generator, spec: AudioSpec) -> tuple[list[Window], int]:
    """Windows of pieces of sound, with gaps between and hops that change; and their length."""
    window, blocks, place = spec.window_samples, [], 0
    hops = [spec.hop_samples, *random.integers(1, window + 1, 3).tolist()]
    for _ in range(random.integers(1, 5)):
        longest = window if random.random() < 0.3 else 8 * window
        samples = int(random.integers(1, longest))
        blocks.append(Block(np.zeros(samples, np.float32), spec.sample_rate_hz, place))
        length = place + samples
        place = length + int(random.integers(1, 2 * window))
    steadiness = random.choice([0.5, 0.9, 1.0])

    def hop() -> int:
        changes = random.random() > steadiness
        return int(random.choice(hops)) if changes else spec.hop_samples

    return list(frame_blocks(blocks, spec, hop)), length


def heard(seed: int) -> Sequence:
    random = np.random.default_rng(seed)
    window = int(random.choice([12, 40, 100]))
    spec = AudioSpec(48_000, window, int(random.choice([1 + window // 10, window // 4, window])))
    windows, length = windows_of(random, spec)
    sequence = Sequence(spec, int(random.integers(0, 6)), windows, length)
    listen(sequence, random)
    return sequence


def listen(sequence: Sequence, random: np.random.Generator) -> None:
    confirmer = Confirmer[int](sequence.spec, sequence.caution)
    likely, near = random.choice([0.2, 0.5, 0.8]), random.choice([0.1, 0.6])
    for window in sequence.windows:
        confirmer.hop(replace(sequence.spec, hop_samples=window.hop_samples))
        passes, start = bool(random.random() < likely), window.start_sample
        hits = {SPECIES: Hit(start, float(random.random()), start)} if passes else {}
        sequence.passed += [window] * passes
        beside = [SPECIES] if passes or random.random() < near else []
        sequence.reported += confirmer.update(start, hits, beside, window.end_sample)
        extend(sequence, confirmer.extents([SPECIES]))
        sequence.failed += confirmer.take_failed()
    extend(sequence, confirmer.lasting())
    sequence.reported += confirmer.finish()
    sequence.failed += confirmer.take_failed()


def extend(sequence: Sequence, runs: list[Confirmed[int]]) -> None:
    for run in runs:
        assert run.end_sample >= sequence.reported[-1].end_sample
        assert run.start_sample == sequence.reported[-1].start_sample
        sequence.reported[-1] = run


def distinct(windows: list[Window]) -> list[Window]:
    """The windows that don't repeat the one before; the hop says how much must be new."""
    kept: list[Window] = []
    for window in windows:
        new = window.start_sample - kept[-1].start_sample if kept else np.inf
        if new >= (window.hop_samples or 0) / 2:
            kept.append(window)
    return kept


def runs_of(windows: list[Window]) -> list[list[Window]]:
    """Windows that each overlap the one before."""
    runs: list[list[Window]] = []
    for window in windows:
        if runs and window.start_sample < runs[-1][-1].end_sample:
            runs[-1].append(window)
        else:
            runs.append([window])
    return runs


def is_enough(hits: list[Window], sequence: Sequence, most: int = 1000) -> bool:
    """The plain rule: hits in a share of the windows that would hold one instant."""
    window = sequence.spec.window_samples
    mean = sum(hit.hop_samples for hit in hits) / len(hits)
    overlap = int(np.ceil(round(window / mean, 9)))
    return len(hits) >= min(hits_needed(overlap, sequence.caution), most)


def reports(run: list[Window], sequence: Sequence) -> bool:
    """True if a run is reported: when one of its hits comes, or at the end of the source."""
    counted, window = distinct(run), sequence.spec.window_samples

    def last(hit: Window) -> list[Window]:
        since, until = hit.start_sample - window, hit.start_sample
        return [other for other in counted if since < other.start_sample <= until]

    if any(is_enough(last(hit), sequence) for hit in run):
        return True
    over = any(window.start_sample >= run[-1].end_sample for window in sequence.windows)
    return not over and is_enough(last(run[-1]), sequence, len(distinct(sequence.windows)))


@pytest.fixture(scope="module")
def sequences() -> list[Sequence]:
    return [heard(seed) for seed in range(SEQUENCES)]


def test_records_of_one_species_follow_each_other(sequences: list[Sequence]) -> None:
    for sequence in sequences:
        at = 0
        for record in sequence.reported:
            assert at <= record.start_sample < record.end_sample <= sequence.length
            at = record.end_sample


def test_candidates_lie_within_the_source(sequences: list[Sequence]) -> None:
    for sequence in sequences:
        for candidate in sequence.failed:
            assert 0 <= candidate.start_sample < candidate.end_sample <= sequence.length


def test_what_is_reported_has_enough_hits_and_what_fails_has_not(
    sequences: list[Sequence],
) -> None:
    for sequence in sequences:
        assert all(record.hits >= record.hits_needed >= 1 for record in sequence.reported)
        assert all(failed.hits < failed.hits_needed for failed in sequence.failed)


def test_every_run_of_enough_hits_is_reported_once_and_every_other_fails(
    sequences: list[Sequence],
) -> None:
    for sequence in sequences:
        runs = runs_of(sequence.passed)
        expected = [reports(run, sequence) for run in runs]
        assert len(sequence.reported) == sum(expected)
        assert len(sequence.failed) == len(runs) - sum(expected)


def test_sequences_hold_what_the_laws_are_about(sequences: list[Sequence]) -> None:
    """They are no laws of nothing: hops vary, windows repeat and are short, runs pass and fail."""
    assert sum(len(sequence.reported) > 1 for sequence in sequences) > 300
    assert sum(len(sequence.failed) > 1 for sequence in sequences) > 300
    windows = [sequence.windows for sequence in sequences]
    assert sum(len({window.hop_samples for window in each}) > 1 for each in windows) > 500
    assert sum(len(distinct(each)) < len(each) for each in windows) > 300
    assert sum(any(window.real_samples for window in each) for each in windows) > 300
