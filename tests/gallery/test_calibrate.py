import math
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import soundfile

pytest.importorskip("torch")
from edge.contract.audio_spec import AudioSpec
from edge.contract.calibration import Calibration
from edge.contract.errors import BundleError, DatasetError
from gallery.calibration.fit import (
    brier,
    calibration_error,
    fit_platt,
    isotonic_knots,
    log_loss,
    platt_knots,
    reliability,
)
from gallery.calibration.hits import Hits
from gallery.calibration.recordings import (
    LabelledRecording,
    StreamedRecording,
    mixtures,
    read_recordings,
    shared_out,
)
from gallery.calibration.scored_windows import ScoredWindows
from gallery.calibration.scoring import EmbeddedRecordings
from gallery.calibration.species_sets import fit_sets, largest_set
from gallery.calibration.threshold import (
    ThresholdLimits,
    choose_threshold,
    false_matches,
    fit_calibration,
    misled,
    true_matches,
)

SPEC = AudioSpec(48_000, 120_000, 30_000)


def test_platt_recovers_the_curve_that_drew_the_labels():
    random = np.random.default_rng(0)
    score = random.normal(0, 2, 20_000)
    present = random.random(20_000) < 1 / (1 + np.exp(-(1.7 * score - 0.8)))
    slope, intercept = fit_platt(score, present)
    assert slope == pytest.approx(1.7, rel=0.06)
    assert intercept == pytest.approx(-0.8, rel=0.1)


def test_platt_stays_finite_on_a_perfect_split():
    score = np.concatenate([np.zeros(50), np.ones(50)])
    slope, intercept = fit_platt(score, score > 0.5)
    assert math.isfinite(slope)
    assert slope > 0
    assert math.isfinite(intercept)


def starts(recording, spec):
    """Of windows a hop apart, take by take."""
    first = np.searchsorted(recording, recording)
    return (np.arange(len(recording)) - first) * spec.hop_samples


def windows_of(present, recordings=1, background=False):
    count = len(present)
    recording = np.repeat(np.arange(recordings), count // recordings)
    no, yes = np.zeros(count, bool), np.ones(count, bool)
    return ScoredWindows(
        score=present.astype(np.float32),
        present=present,
        recording=recording,
        mixed=no,
        background=yes if background else no,
        audible=yes,
        start=starts(recording, SPEC),
        spec=SPEC,
    )


def test_the_threshold_makes_at_most_one_false_match_an_hour_of_background():
    random = np.random.default_rng(1)
    present = np.zeros((4 * 5760, 3), bool)
    probability = random.random(present.shape) ** 4
    windows = windows_of(present, recordings=4, background=True)
    threshold = choose_threshold(probability, windows)
    hours = 4
    assert false_matches(probability, windows, threshold) <= hours
    assert false_matches(probability, windows, threshold - 0.01) > hours
    assert 0.5 < threshold < 0.99


def test_among_birds_five_reports_of_six_are_right(monkeypatch):
    monkeypatch.setattr("gallery.calibration.threshold.FREE", 0.0)
    present = np.zeros((200 * 4, 2), bool)
    present[:, 0] = True
    probability = np.zeros(present.shape)
    recording = np.arange(len(present)) // 4
    probability[:, 0] = np.linspace(0, 1, 200)[recording]  # found, the surer the later
    probability[:, 1] = np.linspace(0.9, 0, 200)[recording]  # taken for another, the less the later
    windows = windows_of(present, recordings=200)
    threshold = choose_threshold(probability, windows)

    def right_share(limit):
        right, _ = true_matches(probability, windows, limit)
        return right / (right + false_matches(probability, windows, limit))

    assert right_share(threshold) >= 5 / 6 > right_share(threshold - 0.005)


def test_a_margin_is_taken_where_it_costs_nothing():
    present = np.zeros((40 * 12, 2), bool)
    present[:, 0] = True
    probability = np.zeros(present.shape)
    recording = np.arange(len(present)) // 12
    probability[:, 0] = np.where(
        recording < 39, 0.87, 0.6
    )  # one of 40 is found with less than 0.87
    windows = windows_of(present, recordings=40)
    assert choose_threshold(probability, windows) < 0.6 + 1e-6
    surer = np.where(recording[:, None] < 39, probability, 0.0)
    assert 0.86 < choose_threshold(surer, windows) <= 0.87


def test_what_the_gate_holds_back_is_no_match():
    present = np.zeros((12, 2), bool)
    windows = windows_of(present, background=True)
    assert false_matches(np.ones((12, 2)), windows, 0.5) == 2
    assert false_matches(np.ones((12, 2)), replace(windows, audible=np.zeros(12, bool)), 0.5) == 0


def test_false_matches_are_what_the_confirmation_confirms():
    present = np.zeros((12, 2), bool)
    probability = np.zeros((12, 2))
    probability[[2, 4], 0] = 0.9  # two hits within a window's length, not next to each other
    probability[[1, 9], 1] = 0.9  # too far apart
    windows = windows_of(present)
    assert false_matches(probability, windows, 0.8) == 1
    assert false_matches(probability, windows, 0.95) == 0
    assert true_matches(probability, windows, 0.8) == (0, 0)
    present[:, 0] = True
    assert false_matches(probability, windows_of(present), 0.8) == 0
    assert true_matches(probability, windows_of(present), 0.8) == (1, 1)
    assert true_matches(probability, windows_of(present), 0.95) == (0, 1)


def test_a_window_that_repeats_the_last_one_is_no_hit():
    """As the listener counts: a window aligned to a take's end may hold next to no new sound."""
    present = np.zeros((3, 1), bool)
    probability = np.array([[0.0], [0.9], [0.9]])
    windows = windows_of(present)
    assert false_matches(probability, windows, 0.8) == 1
    aligned = replace(windows, start=np.array([0, 1, 1.1]) * SPEC.hop_samples)
    assert false_matches(probability, aligned, 0.8) == 0


def birds_and_strangers(strangers):
    """A hundred takes of the species, and so many of others; each is one match if it passes."""
    return hourly([[True]] * 100 + [[False]] * strangers)


@pytest.mark.parametrize(("misleading", "expected"), [(1, 0.6), (2, 0.95)])
def test_one_recording_of_other_species_in_twenty_may_be_reported(misleading, expected):
    probability = np.full((120, 1), 0.95)
    probability[100:] = 0.2
    probability[:3] = 0.61  # what the margin must not cost
    probability[100 : 100 + misleading] = 0.9
    windows = birds_and_strangers(20)
    assert misled(probability, windows, 0.5) == pytest.approx(misleading / 20)
    assert choose_threshold(probability, windows) == pytest.approx(expected, abs=0.02)


def test_strangers_are_birds_of_none_of_the_species():
    parts = [hourly([[True]]), hourly([[False]]), hourly([[False]], background=True)]
    assert ScoredWindows.joined(parts).strangers.tolist() == [False, True, False]
    assert misled(np.ones((1, 1)), parts[0], 0.5) == 0


@pytest.mark.parametrize("seed", range(5))
def test_what_several_folds_never_heard_is_asked_of_one(seed):
    random = np.random.default_rng(seed)
    made = [
        LabelledRecording(np.zeros(1, np.float32), frozenset({"a"}), Path(f"{n}.wav"))
        for n in range(60)
    ]
    several = [[one for one in made if random.random() < 0.6] for _ in range(5)]
    asked = shared_out(several)
    for own, given in zip(asked, several, strict=True):
        assert [one for one in given if one in own] == own
    paths = [one.path for own in asked for one in own]
    assert len(paths) == len(set(paths))
    assert set(paths) == {one.path for given in several for one in given}
    assert max(map(len, asked)) <= min(map(len, asked)) + 2


def test_birds_of_a_split_beside_count_where_a_set_holds_their_species():
    bundle = SimpleNamespace(manifest=SimpleNamespace(audio=SPEC))
    part = EmbeddedRecordings(
        model=SimpleNamespace(bundle=bundle),
        species_ids=(frozenset({"a"}), frozenset({"b"})),
        embeddings=np.zeros((3, 2), np.float32),
        owners=np.array([0, 1, 1]),
        audible=np.ones(3, bool),
        starts=np.array([0, 0, 9]),
    )
    for ids, strange in ((["a"], [0, 1, 1]), (["a", "b"], [0, 0, 0]), (["c"], [1, 1, 1])):
        found = part.windows(np.zeros((3, len(ids)), np.float32), ids)
        assert found.strangers.tolist() == [bool(one) for one in strange]


def fold(path, pictured):
    """No recordings, as heard by a model that has pictures of these species."""
    bundle = SimpleNamespace(
        path=path,
        anchors=None,
        gallery=SimpleNamespace(members=dict.fromkeys(pictured)),
    )
    nothing = np.zeros(0, np.intp)
    return EmbeddedRecordings(
        model=SimpleNamespace(bundle=bundle),
        species_ids=(),
        embeddings=np.zeros((0, 2), np.float32),
        owners=nothing,
        audible=nothing > 0,
        starts=nothing,
    )


@pytest.mark.parametrize("fuse", [False, True])
@pytest.mark.parametrize("second", ["ac", "a"], ids=["as many", "fewer"])
def test_folds_of_other_species_are_named(fuse, second):
    parts = [fold("one", "ab"), fold("two", second)]
    expected = "two: knows other species than one, first b"
    with pytest.raises(DatasetError, match=expected):
        fit_sets(SimpleNamespace(), parts, fuse, ThresholdLimits())


def take(score, *present, recording=0):
    """One window of a take, over so many species."""
    return ScoredWindows(
        score=np.array([score], np.float32),
        present=np.array([present]),
        recording=np.array([recording]),
        mixed=np.zeros(1, bool),
        background=np.array([not any(present)]),
        audible=np.ones(1, bool),
        start=np.zeros(1, np.intp),
        spec=SPEC,
    )


STEP = Calibration((0.0, 1.0), (0.0, 1.0), 0.5)


def few_and_many(heard_among_few, heard_among_many):
    """Ten takes of the species of a small set, and one of a species that the large one has more."""
    few = [take([n < heard_among_few], True) for n in range(10)]
    many = [take([n < heard_among_many, 0], True, False) for n in range(10)]
    more = [take([0], False), take([0, 1], False, True)]
    return {"few": (STEP, hits_of([*few, more[0]])), "many": (STEP, hits_of([*many, more[1]]))}


def hits_of(takes):
    windows = ScoredWindows.joined(takes)
    return Hits.of([(STEP.probability(windows.score), windows)], STEP.threshold)


@pytest.mark.parametrize(("among_many", "chosen"), [(10, "many"), (8, "many"), (7, "few")])
def test_the_largest_set_is_chosen_that_reports_about_as_much(among_many, chosen):
    assert largest_set(few_and_many(10, among_many)) == chosen


def test_of_sets_that_report_nothing_the_largest_is_chosen():
    assert largest_set(few_and_many(0, 0)) == "many"


def test_the_isotonic_curve_is_the_nearest_that_never_falls():
    random = np.random.default_rng(2)
    score = random.normal(size=(400, 5))
    present = random.random(score.shape) < np.where(score > 0.5, 0.7, 0.1)
    scores, probabilities = isotonic_knots(score, present)
    assert (np.diff(scores) > 0).all()
    assert (np.diff(probabilities) >= 0).all()
    assert 0 <= probabilities[0] < probabilities[-1] < 1
    fitted = np.interp(score, scores, probabilities)
    slope, intercept = fit_platt(score, present)
    logistic = 1 / (1 + np.exp(-(slope * score + intercept)))
    assert brier(fitted, present) < brier(logistic, present)
    assert calibration_error(fitted, present) < calibration_error(logistic, present)


def test_the_measures_of_reliability_are_what_they_are_defined_as():
    probability = np.array([0.95, 0.95, 0.95, 0.95, 0.15, 0.15])
    present = np.array([True, True, True, False, False, True])
    mean, share, count = reliability(probability, present)
    assert mean == pytest.approx([0.15, 0.95])
    assert share == pytest.approx([0.5, 0.75])
    assert list(count) == [2, 4]
    assert calibration_error(probability, present) == pytest.approx((2 * 0.35 + 4 * 0.2) / 6)
    assert brier(probability, present) == pytest.approx(
        (3 * 0.05**2 + 0.95**2 + 0.15**2 + 0.85**2) / 6
    )
    assert log_loss(np.array([0.5, 0.5]), np.array([True, False])) == pytest.approx(math.log(2))


def sung(noise, seed=3):
    """Two species, 30 takes of 6 windows, higher scores where they sing."""
    random = np.random.default_rng(seed)
    present = np.repeat(random.random((30, 2)) < 0.5, 6, axis=0)
    score = present * 3 + random.normal(0, noise, present.shape)
    no, yes = np.zeros(len(present), bool), np.ones(len(present), bool)
    recording = np.repeat(np.arange(30), 6)
    return ScoredWindows(
        score=score.astype(np.float32),
        present=present,
        recording=recording,
        mixed=no,
        background=no,
        audible=yes,
        start=starts(recording, SPEC),
        spec=SPEC,
    )


def test_a_calibration_knows_what_it_was_not_fitted_on():
    found, fresh = fit_calibration(sung(1)), sung(1, seed=4)
    assert calibration_error(found.probability(fresh.score), fresh.present) < 0.06


@pytest.mark.parametrize(
    ("change", "problem"),
    [
        ({"score": np.full((180, 2), np.nan, np.float32)}, "NaN"),
        ({"score": -sung(0.1).score}, "not more often right"),
        ({"score": np.zeros((180, 2), np.float32)}, "not more often right"),
        ({"present": np.ones((180, 2), bool)}, "two species"),
        ({"present": np.zeros((180, 2), bool)}, "two species"),
    ],
)
def test_scores_that_say_nothing_are_refused(change, problem):
    with pytest.raises(BundleError, match=problem):
        fit_calibration(replace(sung(0.1), **change))


def test_a_mixture_sings_with_both_birds_and_does_not_clip():
    time_s = np.arange(48_000) / 48_000
    low = LabelledRecording(np.sin(2 * np.pi * 500 * time_s).astype(np.float32), frozenset({"owl"}))
    high = LabelledRecording(
        np.sin(2 * np.pi * 5000 * time_s).astype(np.float32), frozenset({"tit"})
    )
    background = LabelledRecording(np.full(100, 0.01, np.float32), frozenset())
    made = list(mixtures([low, high], [background]))
    both = [one for one in made if one.species_ids == {"owl", "tit"}]
    assert both
    for one in both:
        spectrum = np.abs(np.fft.rfft(one.waveform))
        assert min(spectrum[500], spectrum[5000]) > 100 * np.median(spectrum)
        assert np.abs(one.waveform).max() <= 1


def test_very_many_pairs_are_fitted_as_few_are(monkeypatch):
    random = np.random.default_rng(2)
    score = random.normal(0, 1, (300, 200)).astype(np.float32)
    present = random.random(score.shape) < 0.01
    score[present] += 4
    curves = []
    for alone in (score.size, 2_000):
        monkeypatch.setattr("gallery.calibration.fit._ALONE", alone)
        asked = np.linspace(2.5, 6, 50)
        for knots in (platt_knots, isotonic_knots):
            curves.append(np.interp(asked, *knots(score, present)))
    assert curves[2] == pytest.approx(curves[0], abs=0.01)
    assert curves[3] == pytest.approx(curves[1], abs=0.08)


HOURS = AudioSpec(1, 3600, 3600)
"""Each window is an hour, and a match if it passes."""


def hourly(present, background=False, takes=None):
    present = np.array(present, bool)
    count = len(present)
    recording = np.arange(count) if takes is None else np.array(takes)
    no, yes = np.zeros(count, bool), np.ones(count, bool)
    heard = yes if background else no
    return ScoredWindows(
        score=present.astype(np.float32),
        present=present,
        recording=recording,
        mixed=no,
        background=heard,
        audible=yes,
        start=starts(recording, HOURS),
        spec=HOURS,
    )


@pytest.mark.parametrize(("fifth", "lowest", "highest"), [(0.0, 0.3, 0.3), (0.5, 0.5, 0.51)])
def test_a_false_match_an_hour_is_allowed_and_more_are_not(fifth, lowest, highest):
    windows = hourly(np.zeros((4, 2)), background=True)
    probability = np.array([[0.95, fifth], [0.95, 0], [0.95, 0], [0.95, 0]])
    assert lowest <= choose_threshold(probability, windows) <= highest


@pytest.mark.parametrize(("share", "expected"), [(0.5, 0.9), (0.51, 0.99)])
def test_as_large_a_share_as_demanded_is_right_or_hardly_anything_is_reported(share, expected):
    windows = hourly([[True, False], [True, False]])
    probability = np.array([[0.901, 0], [0, 0.999]])
    found = choose_threshold(probability, windows, ThresholdLimits(right=share))
    assert found == pytest.approx(expected, abs=2e-3)


@pytest.mark.parametrize(("unsure", "above"), [(1, 0.89), (2, 0.49)])
def test_a_margin_may_cost_one_right_take_of_fifty(unsure, above):
    present = np.ones((50, 1))
    probability = np.where(np.arange(50) < unsure, 0.501, 0.901)[:, None]
    assert above < choose_threshold(probability, hourly(present)) < above + 0.02


def test_a_probability_at_the_threshold_passes():
    windows, probability = hourly([[True, False]]), np.array([[0.5, 0.5]])
    for threshold, count in ((0.5, 1), (0.501, 0)):
        assert true_matches(probability, windows, threshold) == (count, 1)
        assert false_matches(probability, windows, threshold) == count


def test_a_take_is_found_once_however_often_it_is_heard():
    windows = hourly([[True]] * 4 + [[False]], takes=[0, 0, 0, 1, 2])
    assert true_matches(np.ones((5, 1)), windows, 0.5) == (2, 2)
    assert false_matches(np.ones((5, 1)), windows, 0.5) == 1


def test_hours_are_those_of_the_takes_and_not_of_the_windows():
    windows = windows_of(np.zeros((8, 1), bool), recordings=2)
    assert windows.hours * 3600 == pytest.approx(2 * (2.5 + 3 * 0.625))
    assert hourly([[True]] * 5, takes=[0, 0, 1, 1, 1]).hours == pytest.approx(5)


TAKES = ([0, 0, 1], [0], [0, 1, 1])


def test_joined_takes_are_numbered_on_and_keep_what_is_theirs():
    parts = [hourly([[n == 1]] * len(takes), n == 2, takes) for n, takes in enumerate(TAKES)]
    parts[2] = replace(parts[2], mixed=np.ones(3, bool))
    whole = ScoredWindows.joined(parts)
    assert whole.recording.tolist() == [0, 0, 1, 2, 3, 4, 4]
    assert whole.present[:, 0].tolist() == [False] * 3 + [True] + [False] * 3
    assert whole.background.tolist() == whole.mixed.tolist() == [False] * 4 + [True] * 3
    assert whole.alone().recording.tolist() == [0, 0, 1, 2]
    assert whole.spec == ScoredWindows.joined(parts[:1]).spec == HOURS


def drawn(chance, count, spreads, seed):
    """Takes of two windows with a species whose chance is a function of the score.

    Scores of every other take spread less or more.
    """
    random, takes = np.random.default_rng(seed), np.arange(count) // 2
    spread = np.where(takes % 2 == 0, *spreads)[:, None]
    score = (spread * random.normal(size=(count, 1))).astype(np.float32)
    present = random.random(score.shape) < chance(score)
    no, yes = np.zeros(count, bool), np.ones(count, bool)
    return ScoredWindows(
        score=score,
        present=present,
        recording=takes,
        mixed=no,
        background=no,
        audible=yes,
        start=starts(takes, HOURS),
        spec=HOURS,
    )


@pytest.mark.parametrize("seed", [4, 5, 8])
def test_the_curve_is_the_one_that_foretells_the_other_takes(monkeypatch, seed):
    monkeypatch.setattr("gallery.calibration.threshold.CANDIDATES", np.array([0.5, 0.9]))
    smooth = drawn(lambda score: 1 / (1 + np.exp(-score)), 200, (0.5, 4), seed)
    stepped = drawn(lambda score: np.where(score > 0.5, 0.7, 0.05), 600, (1.5, 1.5), seed)
    for windows, knots in ((smooth, platt_knots), (stepped, isotonic_knots)):
        expected = knots(windows.score, windows.present)
        found = fit_calibration(windows)
        assert found.probability(windows.score) == pytest.approx(
            np.interp(windows.score, *expected), abs=1e-6
        )


@pytest.mark.parametrize("takes", [[0] * 8, [0] * 6 + [1] * 2, [0] * 4 + [1] * 4])
def test_with_too_few_takes_to_compare_the_smooth_curve_is_taken(takes):
    score = np.array([2, 1, 0.5, 3, -1, -2, 0.6, -1.5])[:, None].astype(np.float32)
    present = np.array([1, 1, 0, 1, 0, 0, 0, 0], bool)[:, None]
    windows = replace(hourly(present, takes=takes), score=score)
    expected = np.interp(score, *platt_knots(score, present))
    assert fit_calibration(windows).probability(score) == pytest.approx(expected, abs=1e-6)


@pytest.mark.parametrize("scale", [0.01, 10.0, 100.0])
def test_scores_of_any_unit_are_calibrated_alike(monkeypatch, scale):
    monkeypatch.setattr("gallery.calibration.threshold.CANDIDATES", np.array([0.5, 0.9]))
    plain = sung(0.5)
    scaled = replace(plain, score=plain.score * np.float32(scale))
    usual, found = (fit_calibration(windows) for windows in (plain, scaled))
    assert found.probability(scaled.score) == pytest.approx(
        usual.probability(plain.score), abs=0.02
    )


def test_what_memory_does_not_hold_is_decoded_again_and_sounds_the_same(tmp_path, monkeypatch):
    for n in range(3):
        noise = np.random.default_rng(n).normal(0, 0.1, 8000)
        soundfile.write(tmp_path / f"{n}.wav", noise, 8000)
    rows = "".join(f"{n}.wav,audio,Parus major,validation\n" for n in range(3))
    (tmp_path / "manifest.csv").write_text(f"path,kind,scientific_name,split\n{rows}")
    held = read_recordings(tmp_path, "validation", 16_000, birds=True)
    monkeypatch.setattr("gallery.calibration.recordings._HELD", 20_000)
    streamed = read_recordings(tmp_path, "validation", 16_000, birds=True)
    assert [type(one) is StreamedRecording for one in streamed] == [False, True, True]
    for one, other in zip(held, streamed, strict=True):
        assert np.array_equal(one.waveform, other.waveform)
        assert (one.samples, one.species_ids, one.path) == (
            other.samples,
            other.species_ids,
            other.path,
        )
    made, again = (list(mixtures(birds, held[:1])) for birds in (held, streamed))
    assert all(
        np.array_equal(*pair)
        for pair in zip(
            [one.waveform for one in made], [one.waveform for one in again], strict=True
        )
    )
