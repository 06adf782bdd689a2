"""Calibration of more windows than memory holds: rows in files, and blocks in place of arrays."""

from dataclasses import fields
from pathlib import Path

import numpy as np
import pytest

from edge.contract.audio_spec import AudioSpec
from edge.contract.errors import DatasetError
from edge.decision.confirm import Confirmer, Hit
from gallery.calibration.fit import grouped
from gallery.calibration.row_file import RowFile
from gallery.calibration.scored_windows import FiledWindows, ScoredWindows
from gallery.calibration.threshold import (
    CANDIDATES,
    false_matches,
    fit,
    misled,
    true_matches,
)

SPEC = AudioSpec(48_000, 144_000, 36_000)
WINDOWS = 6


def drawn(seed, takes=40, species=5):
    """Birds, strangers, background and mixtures, whose species are heard in most windows."""
    random, owner = np.random.default_rng(seed), np.repeat(np.arange(takes), WINDOWS)
    present = np.zeros((takes, species), bool)
    present[np.arange(takes), random.integers(species, size=takes)] = True
    kind = random.choice(
        ["bird", "stranger", "background", "mixture"], takes, p=(0.5, 0.1, 0.2, 0.2)
    )
    present[(kind == "stranger") | (kind == "background")] = False
    score = random.normal(size=(len(owner), species)) + 3.5 * present[owner] * (
        random.random((len(owner), species)) < 0.7
    )
    return ScoredWindows(
        score=score.astype(np.float32),
        present=present[owner],
        recording=owner,
        mixed=(kind == "mixture")[owner],
        background=(kind == "background")[owner],
        audible=random.random(len(owner)) < 0.9,
        start=np.tile(np.arange(WINDOWS) * SPEC.hop_samples, takes),
        spec=SPEC,
    )


def cut(windows, at_once):
    """The same in files, some windows a block."""
    kept = FiledWindows()
    arrays = {field.name: getattr(windows, field.name) for field in fields(windows)}
    for begin in range(0, len(windows.recording), at_once):
        own = slice(begin, begin + at_once)
        block = {name: values if name == "spec" else values[own] for name, values in arrays.items()}
        kept.add(ScoredWindows(**block), first=0)
    return kept


@pytest.mark.parametrize("alone", [200_000, 100])
@pytest.mark.parametrize("at_once", [7, 1000])
def test_a_calibration_of_blocks_is_that_of_all_windows(monkeypatch, alone, at_once):
    monkeypatch.setattr("gallery.calibration.fit._ALONE", alone)
    windows = drawn(at_once)
    expected, hits = fit(windows)
    found, in_blocks = fit(cut(windows, at_once))
    assert found.to_json() == expected.to_json()
    for name in ("window", "species", "probability", "recording", "sung"):
        assert np.array_equal(getattr(in_blocks, name), getattr(hits, name)), name


@pytest.mark.parametrize("threshold", [0.3, 0.6, 0.9])
def test_matches_are_counted_as_the_confirmation_counts_them_window_by_window(threshold):
    windows = drawn(1)
    probability = np.sqrt(np.random.default_rng(5).random(windows.score.shape))
    passing = (probability >= threshold) & windows.audible[:, None]

    def counts(passing):
        found = []
        for take in np.unique(windows.recording):
            own, confirmer, count = windows.recording == take, Confirmer(SPEC), 0
            for start, row in zip(windows.start[own].tolist(), passing[own], strict=True):
                hits = {int(place): Hit(start, 1.0, None) for place in np.flatnonzero(row)}
                count += len(confirmer.update(start, hits))
            found.append(count + len(confirmer.finish()))
        return np.array(found)

    first = np.flatnonzero(windows.start == 0)
    strange, sung = windows.strangers[first], windows.present.any(axis=1)[first]
    right, wrong = counts(passing & windows.present), counts(passing & ~windows.present)
    assert false_matches(probability, windows, threshold) == wrong.sum() > 0
    assert true_matches(probability, windows, threshold) == ((right > 0).sum(), sum(sung))
    share = (counts(passing) > 0)[strange].mean()
    assert misled(probability, windows, threshold) == pytest.approx(share)


def test_hits_of_a_part_are_those_of_its_windows_alone():
    windows = drawn(2)
    calibration, hits = fit(windows)
    kept = ~windows.alone().background
    part = windows.alone().part(kept)
    expected = true_matches(calibration.probability(part.score), part, calibration.threshold)
    assert hits.part(kept).true_matches(calibration.threshold) == expected
    assert calibration.threshold >= CANDIDATES[0]


def test_rows_of_a_file_are_those_that_were_appended():
    rows, file = np.random.default_rng(0).normal(size=(50, 3)).astype(np.float16), RowFile()
    assert file[:].shape == (0, 0)
    for begin, end in ((0, 7), (7, 7), (7, 30), (30, 50)):
        file.append(rows[begin:end])
    assert len(file) == 50
    for begin, end in ((0, 50), (3, 9), (29, 31), (50, 60)):
        assert np.array_equal(file[begin:end], rows[begin:end])
    file.append(rows[:1])  # after reading
    assert np.array_equal(file[50:], rows[:1])


def test_a_full_disk_is_told_with_the_way_out():
    file = RowFile()
    file._file = Path("/dev/full").open("w+b")  # as a disk is
    with pytest.raises(DatasetError, match=r"no room for the windows' rows .* set TMPDIR to"):
        file.append(np.zeros((1, 3), np.float32))
    with pytest.raises(OSError, match="No space left"):
        file._file.close()


def test_files_lie_where_temporary_files_are_wanted(monkeypatch, tmp_path):
    monkeypatch.setenv("TMPDIR", str(tmp_path / "gone"))
    with pytest.raises(FileNotFoundError):
        RowFile()


def test_no_pairs_make_no_groups():
    empty = np.empty((0, 2), np.float32), np.empty((0, 2), bool)
    assert grouped([empty]).is_of_one_kind
    assert len(grouped([empty, empty]).value) == 0
